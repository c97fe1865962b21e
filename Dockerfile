# Hookfold as an image: docker build -t hookfold .
# It runs any command of the program, ingest for one: docker run hookfold ingest. docker-compose.yml has the whole of it.

FROM golang:1.26-bookworm AS build
WORKDIR /src
ENV CGO_ENABLED=1 GOFLAGS="-trimpath -buildvcs=false"
# Modules, and SQLite's C, which takes a minute, change rarely: they are layers of their own.
COPY go.mod go.sum ./
RUN go mod download && go build github.com/mattn/go-sqlite3
COPY . .
RUN go build -ldflags "-s -w" -o /hookfold ./cmd/hookfold

FROM debian:bookworm-slim
ARG VERSION=dev
LABEL org.opencontainers.image.title="hookfold" \
      org.opencontainers.image.description="Payment-provider webhooks, verified, recorded in Kafka, and folded into SQLite" \
      org.opencontainers.image.source="https://github.com/hookfold/hookfold" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
# Certificates for providers' APIs; sqlite3 to read the store where it lies.
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends ca-certificates sqlite3 \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log \
 && groupadd --gid 10001 hookfold \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin hookfold \
 && install -d -o hookfold -g hookfold -m 0750 /data
COPY --from=build /hookfold /usr/local/bin/hookfold
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
ENV HOOKFOLD_DATA=/data HOOKFOLD_LISTEN=:8080 HOOKFOLD_ADMIN=:9090
EXPOSE 8080 9090
# /readyz answers 200 while a delivery would be recorded, or a record folded. Bash asks for it, so that no HTTP client is needed.
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=3 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9090 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ code _ <&3 && [ \"$code\" = 200 ]"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/hookfold"]
CMD ["--help"]
