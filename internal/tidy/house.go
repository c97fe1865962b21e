package tidy

// house are the rules of this repository. A new package takes a line here, with the reason for what it may not import.
func house() Rules {
	provider := []string{"pkg/event", "pkg/lifecycle", "pkg/provider"}
	// Who may read the clock: all but the fold and the envelope.
	notPure := []string{"cmd/...", "pkg/simulator", "ingest/...", "worker/...", "projections/...", "pkg/provider/...", "pkg/kafka/...", "internal/..."}
	return Rules{
		Module: "github.com/hookfold/hookfold",
		Top: []string{
			"pkg", "worker", "ingest", "projections", "docker-compose.yml", "testdata", "Makefile", "go.mod", "go.sum", "README.md",
			"cmd", "internal", "docs", "Dockerfile", "LICENSE", "CHANGELOG.md",
			"bin", "data", // made by make, never committed
		},
		Packages: []Package{
			{"cmd/hookfold", []string{"ingest", "worker/...", "projections/...", "pkg/...", "internal/admin", "internal/builtin", "internal/config"},
				"imports run from the command to the stages to pkg; tests' and tools' packages are not for the program"},
			{"ingest", []string{"pkg/event", "pkg/lifecycle", "pkg/provider"},
				"stages meet only through the log, and ingest knows providers by their role and the log as a publisher"},
			{"worker", []string{"projections", "pkg/event", "pkg/kafka", "pkg/lifecycle", "pkg/provider"},
				"stages meet only through the log (except worker and projections), and providers are known by their role"},
			{"worker/prove", []string{"worker", "projections", "pkg/event", "pkg/kafka", "pkg/lifecycle", "pkg/provider"},
				"it folds what the worker folds, in other orders: the worker's side of the log, never ingest's"},
			{"worker/lookup", []string{"projections", "pkg/event", "pkg/lifecycle", "pkg/provider"},
				"answers reach the state only through the log, and providers are known by their role"},
			{"worker/rebuild", []string{"worker", "projections", "pkg/event", "pkg/kafka", "pkg/lifecycle", "pkg/provider"},
				"it folds what the worker folds, in bulk: the worker's side of the log, never ingest's"},
			{"projections", []string{"pkg/event", "pkg/lifecycle"},
				"rows come from observations, never from payloads, and the store knows neither log nor stages"},
			{"projections/console", []string{"projections", "pkg/lifecycle"},
				"it shows what the store's reader gives: no SQL, no log, no stage, no provider"},
			{"pkg/event", nil, "the envelope is the bottom: it knows neither providers nor the fold"},
			{"pkg/lifecycle", []string{"pkg/event"}, "the fold is pure and knows only the envelope"},
			{"pkg/lifecycle/lifecycletest", []string{"pkg/event", "pkg/lifecycle"}, "it checks the laws of the fold and nothing else"},
			{"pkg/provider", []string{"pkg/event", "pkg/lifecycle"}, "the roles know no provider and no stage"},
			{"pkg/provider/*", append([]string{"pkg/provider/httpapi"}, provider...), "one provider never imports another, nor a stage"},
			{"pkg/provider/httpapi/apitest", append([]string{"pkg/provider/httpapi"}, provider...), "it plays an API for any provider's tests"},
			{"pkg/kafka", nil, "the adapter is a library of its own: it imports nothing of this module"},
			{"pkg/kafka/embedded", nil, "the broker is a library of its own: it imports nothing of this module"},
			{"pkg/simulator", nil, "it shares no code with what it tests: a fault that both have would go unseen"},
			{"internal/admin", nil, "it serves checks and metrics of whatever kind"},
			{"internal/builtin", []string{"pkg/provider/..."}, "it lists providers and does nothing with them"},
			{"internal/config", append([]string{"pkg/provider/declared"}, provider...), "it asks providers by their role, and builds nothing"},
			{"internal/faults", nil, "it strikes built programs from outside; its auditor shares nothing with them but what reads the log"},
			{"internal/kafkatest", nil, "it starts brokers for tests of any package"},
			{"internal/mutants", nil, "it breaks the fold on purpose by its source, not by importing it"},
			{"internal/tidy", nil, "it reads files and runs none of them"},
		},
		Owners: []Owner{
			{Import: "github.com/twmb/franz-go/pkg/kgo", By: []string{"pkg/kafka/...", "internal/kafkatest"}, Tests: true,
				Reason: "the Kafka client is used only in pkg/kafka, so that its settings stand in one place"},
			{Import: "github.com/mattn/go-sqlite3", By: []string{"projections/..."}, Reason: "the SQL driver is used only in projections: views are the contract"},
			{Import: "net/http", Uses: []string{"Client", "DefaultClient", "Get", "Head", "Post", "PostForm", "Transport", "DefaultTransport", "RoundTripper", "NewRequest", "NewRequestWithContext"},
				By: []string{"pkg/provider/...", "pkg/simulator"}, Reason: "only provider packages ask over HTTP (and the simulator plays the other side): a fold or a replay calls nobody"},
			{Import: "time", Uses: []string{"Now", "Since", "Until", "After", "Sleep", "NewTimer", "NewTicker"}, By: notPure,
				Reason: "the fold is pure: it reads no clock"},
			{Import: "math/rand", Uses: []string{"Int", "IntN", "N", "New", "Float64", "Perm", "Shuffle"}, By: notPure,
				Reason: "the fold is pure: it draws no random numbers"},
		},
		Generic:  []string{"util", "utils", "common", "helpers", "misc", "base", "shared"},
		MaxLines: 600,
	}
}
