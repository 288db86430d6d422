# Everything runs from the top of the tree and needs Go 1.26 alone. Tools come
# through go modules, pinned in go.mod and .ci/tools/go.mod.

GO       ?= go
SEEDS    ?= 1..100000
SIMULATED ?= 10s
FUZZTIME ?= 20s
HISTORIES ?= 1000000
MUTANT_SEEDS ?= 200
LLAMA    ?= ./parley-llama
TOOL      = $(GO) tool -modfile=.ci/tools/go.mod

.DEFAULT_GOAL := help
.PHONY: help test format vet race soak cover histories variants bench mutants fuzz crash flip generate lint check-generated peers prometheus clock deploy image harper llama

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: format vet ## everything that must pass before a change lands (under 10 minutes on 2 cores)
	$(GO) test -vet=off -p 3 -timeout 9m ./...

format: ## fail if gofmt would change a file
	@unformatted=$$(find . -name '*.go' -not -path './.git/*' -print0 | xargs -0 gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; echo "run: gofmt -w ."; exit 1; fi

vet: ## go vet
	$(GO) vet ./...

race: ## all tests under the race detector, the simulator with 20 seeds
	$(GO) test -race -timeout 20m ./...

soak: ## many seeds in the simulator (SEEDS=1..100000 SIMULATED=10s)
	$(GO) run ./cmd/sim soak --simulated $(SIMULATED) --seeds $(SEEDS)

cover: ## fail if one of the rare situations is reached by none of a thousand seeds
	$(GO) run ./cmd/sim cover --complete --simulated 20s --seeds 1..1000

histories: ## many small histories, on which the checker of histories, Porcupine and brute force must agree (HISTORIES=1000000)
	$(GO) test -count=1 -timeout 60m ./sim/linear/oracle -run AgreeOnEverySmallHistory -v -args -histories $(HISTORIES)

variants: ## the same hashes whatever the processors, the collector, the race detector, the architecture
	.ci/variants

bench: ## throughput and latency, then fail-over and idle elections, one JSON object a line
	$(GO) run ./cmd/bench raft --json
	$(GO) run ./cmd/bench check --json

peers: ## vet and test cmd/bench/peers, what Parley is compared with (a module of its own: two minutes of processor time to build at first)
	$(GO) -C cmd/bench/peers vet ./...
	$(GO) -C cmd/bench/peers test -timeout 5m ./...

mutants: ## plant each bug of testdata/mutants and count the seeds that find it (MUTANT_SEEDS=200)
	$(GO) run ./cmd/sim mutants --seeds $(MUTANT_SEEDS)

fuzz: ## each fuzz target for a while (FUZZTIME=20s)
	.ci/fuzz $(FUZZTIME)

crash: ## crash at every file operation, with more samples than make test takes
	$(GO) test -count=1 -timeout 30m ./raft/wal ./raft/node -run Crash
	$(GO) test -count=1 -timeout 30m ./sim -run Crash -crash-samples 200

flip: ## flip every bit of a small node's files, one at a time, in a cluster of three (make test flips some)
	$(GO) test -count=1 -timeout 60m ./raft/node -run TestEveryFlippedBit -v -args -flip-stride 1 -flip-zeros 1

generate: ## write generated code and documents anew
	$(GO) generate ./...

check-generated: ## fail if what is checked in is not what make generate writes
	.ci/check-generated

lint: ## staticcheck (builds it at first: a minute or two), and go vet as on macOS
	$(TOOL) staticcheck ./...
	GOOS=darwin $(GO) vet ./...

prometheus: ## a real Prometheus scrapes nodes: alerts and dashboard (takes Debian's package, without installing it)
	.ci/prometheus

clock: ## a leader's wall clock is set back an hour (builds a node and Go's library with a clock that can be set: a minute)
	$(GO) test -count=1 -tags clock -timeout 15m ./cmd/node -run TestAClock

deploy: ## read deploy/ as Kubernetes, Compose and systemd do (builds their libraries at first: two minutes)
	.ci/deploy

image: ## the programs as static files in ./parley-image, tried in an empty root, and the image of them (buildah or docker)
	.ci/image

harper: ## fetch the grammar checker's WebAssembly anew from the npm package that its VERSION names
	.ci/harper

llama: ## install llama.cpp's libraries from an npm package, for a model file (LLAMA=./parley-llama)
	.ci/llama $(LLAMA)
