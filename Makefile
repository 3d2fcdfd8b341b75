# Everything is made from this folder with Go, make and git; `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

BIN := $(CURDIR)/bin
EXAMPLE := examples/calico/ccp.yaml
GOFILES := $(shell find cmd pkg charts -name '*.go' -not -name '*_test.go' 2>/dev/null)
CHARTFILES := $(shell find charts -type f 2>/dev/null)
TOOLS := go tool -modfile=$(CURDIR)/test/tools/go.mod
FUZZTIME ?= 3s

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9/-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: build
build: bin/ccp bin/ccp-hook ## Build bin/ccp and bin/ccp-hook

bin/ccp: go.mod go.sum $(GOFILES) $(CHARTFILES)
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o $@ ./cmd/ccp

bin/ccp-hook: go.mod go.sum $(GOFILES)
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o $@ ./cmd/ccp-hook

.PHONY: demo
demo: bin/ccp ## Render the example for both networks into _out/, and say what the switch changed
	test/demo/run.sh $(EXAMPLE)

.PHONY: test
test: test-unit fuzz ## Run every test

.PHONY: test-unit
test-unit: bin/helm3
	CCP_HELM3=$(BIN)/helm3 go test ./...

.PHONY: fuzz
fuzz: ## Run each fuzzer for FUZZTIME
	@for target in $$(grep -rlE '^func Fuzz' --include='*_test.go' pkg); do \
		package=$$(dirname $$target); \
		for name in $$(grep -oE '^func Fuzz[A-Za-z0-9]+' $$target | cut -c6-); do \
			echo "fuzzing ./$$package $$name for $(FUZZTIME)"; \
			go test -run='^$$' -fuzz="^$$name$$" -fuzztime=$(FUZZTIME) ./$$package | tail -n 2; \
		done; \
	done

bin/helm3: test/tools/go.mod test/tools/go.sum
	cd test/tools && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o $@ helm.sh/helm/v3/cmd/helm

.PHONY: lint
lint: bin/helm3 bin/ccp ## gofmt, vet, staticcheck, helm lint, shellcheck, go mod tidy
	@test -z "$$(gofmt -l cmd pkg charts test)" || { gofmt -l cmd pkg charts test; echo 'run gofmt on these'; exit 1; }
	go vet ./...
	$(TOOLS) staticcheck ./...
	go mod tidy -diff
	test/lint-charts.sh
	@command -v shellcheck >/dev/null || { echo 'shellcheck is missing: apt-get install shellcheck'; exit 1; }
	shellcheck .ci/run $$(find test -name '*.sh')

.PHONY: conformance
conformance: bin/ccp ## Hold the rendered configuration against the real OpenStack, BIRD and Python (installs Debian packages)
	test/conformance/run.sh

.PHONY: bench
bench: bin/ccp bin/helm3 ## Measure against helm template, and how compiling grows with the nodes
	go run ./test/bench bin/ccp bin/helm3 $(EXAMPLE)

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin _out
