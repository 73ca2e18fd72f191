# Needs Go, GNU make, and gcc for the race detector. Targets may run at the
# same time (make -j): none writes what another one reads.

GO         ?= go
FUZZTIME   ?= 20s
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
IMAGE      ?= acsgate:$(VERSION)
BENCHFLAGS ?=

COMMANDS   := acsgate cpesim
BINARIES   := $(COMMANDS:%=dist/%)
LINTER     := dist/tools/golangci-lint
BUILD      := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)'

.PHONY: help build $(BINARIES) test race fuzz lint fmt bench bench-smoke demo image clean
.DEFAULT_GOAL := help

help: ## show this text
	@awk -F ': *(.*)## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: $(BINARIES) ## build static binaries in dist/

# Go knows best what is out of date.
$(BINARIES): dist/%:
	$(BUILD) -o $@ ./cmd/$*

test: ## run all tests
	$(GO) test ./...

race: ## run all tests under the race detector
	CGO_ENABLED=1 $(GO) test -race ./...

fuzz: ## fuzz every target for FUZZTIME (20s)
	.ci/fuzz $(FUZZTIME)

lint: $(LINTER) ## check the code: golangci-lint, links in the docs
	$(LINTER) run ./...
	$(GO) test ./docs/...

$(LINTER): .ci/tools/go.mod
	$(GO) -C .ci/tools build -o $(CURDIR)/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

fmt: $(LINTER) ## format the code
	$(LINTER) fmt ./...

bench: ## measure sessions against HAProxy, nginx and Go (BENCHFLAGS=-markdown to write docs/benchmarks.md)
	$(GO) run ./internal/bench $(BENCHFLAGS)

bench-smoke: ## run every benchmark at its smallest, to see that it works
	$(GO) run ./internal/bench -smoke

demo: ## two ACSs, a few CPEs, one gateway, for 30 seconds
	$(GO) run ./cmd/acsgate demo -for 30s

image: ## build the container image (needs a container engine)
	docker build --build-arg VERSION=$(VERSION) -t $(IMAGE) .

clean: ## remove what was built
	rm -rf dist
