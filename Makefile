# Everything a developer does has a target here; `make check` is what CI runs.
# A line that ends in "## text" is shown by `make help`.

GO       ?= go
BIN      := bin/hookfold
LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VULN     := golang.org/x/vuln/cmd/govulncheck@v1.8.0
# Fuzzing with -fuzz takes one target at a time; each gets this long.
FUZZTIME ?= 10s

.DEFAULT_GOAL := help
.PHONY: help run demo build test race interop check lint vuln fmt fuzz mutants faults million containers bench clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## start Hookfold on this machine, in demo mode where there is no hookfold.yaml (ARGS="--listen …")
	@$(BIN) up $(ARGS)

demo: build ## up against simulated providers that misbehave, with a verdict at the end (ARGS="--seed 7 --chaos wild")
	@$(BIN) simulate --demo --duration 20s --chaos wild $(ARGS)

build: ## build bin/hookfold
	@$(GO) build -o $(BIN) ./cmd/hookfold

test: ## all tests of the module; no Docker, no Kafka, no network beyond the Go proxy
	$(GO) test ./...

race: ## the same under the race detector
	$(GO) test -race ./...

interop: ## read the topic with foreign code: the CloudEvents SDK over sarama
	$(GO) -C internal/cloudevents test -count=1 ./...

check: ## what CI runs: format, vet, lint, vulnerabilities, race, interop, and a real Kafka where one can be had
	@.ci/run

lint: ## golangci-lint, by .golangci.yml
	$(GO) run $(LINT) run ./...

vuln: ## known vulnerabilities that the code reaches
	$(GO) run $(VULN) ./...

fmt: ## format all Go files
	gofmt -w $$(git ls-files '*.go')

fuzz: ## every fuzz target for FUZZTIME
	@$(GO) test -list '^Fuzz' ./... | awk '/^Fuzz/ {t[n++]=$$1} /^ok/ {for (i=0;i<n;i++) print $$2, t[i]; n=0}' | \
	while read -r pkg target; do echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "$$pkg" || exit 1; done

faults: ## kill processes, pause brokers, cut links, fill disks and set clocks off, 200 kills, then audit (HOOKFOLD_FAULTS_KILLS, HOOKFOLD_FAULTS_SEED)
	HOOKFOLD_KAFKA_HOME="$${HOOKFOLD_KAFKA_HOME:-$$(.ci/kafka)}" HOOKFOLD_FAULTS_KILLS=$${HOOKFOLD_FAULTS_KILLS:-200} \
		$(GO) test -count=1 -v -timeout 60m -run TestCampaign ./internal/faults

million: ## 1,000,000 observations of simulated providers: live, rebuilt, from nothing and killed ten times, the same (HOOKFOLD_MILLION)
	HOOKFOLD_MILLION=$${HOOKFOLD_MILLION:-1000000} $(GO) test -count=1 -v -timeout 120m -run '^TestMillion$$' ./cmd/hookfold

containers: ## the tests in containers; brings Docker and the images where they are missing
	@eval "$$(.ci/docker)" && $(GO) -C internal/containers test -count=1 -timeout 20m ./...

mutants: ## break the fold on purpose and see that its tests notice
	HOOKFOLD_MUTANTS=1 $(GO) test -count=1 -timeout 30m ./internal/mutants

bench: ## hold every stage and pkg/kafka against their bounds, in one run on this machine (ARGS="-stages worker …")
	$(GO) run -C internal/bench . $(ARGS)

clean: ## remove what was built; data/ stays
	rm -rf bin
