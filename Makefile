# Everything is made from this folder with Go, make and git; `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

# One set of flags for binaries, tests and tools: what one has compiled serves the others.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath

BIN := $(CURDIR)/bin
EXAMPLE := examples/calico/ccp.yaml
GOFILES := $(shell find build cmd pkg charts -name '*.go' -not -name '*_test.go' 2>/dev/null)
CHARTFILES := $(shell find charts -type f -not -path '*/tests/*' -not -name '*.md*' 2>/dev/null)
RECIPES := $(shell find build/images -mindepth 1 -type f -not -path '*/networking-calico/*' 2>/dev/null)
CHARTS := $(filter-out charts/common,$(patsubst %/Chart.yaml,%,$(wildcard charts/*/Chart.yaml)))
TOOLS := go tool -modfile=$(CURDIR)/test/tools/go.mod
FUZZTIME ?= 3s
VERSION := 0.1.0

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9/-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: build
build: bin/ccp bin/ccp-hook ## Build bin/ccp and bin/ccp-hook

bin/ccp: go.mod go.sum $(GOFILES) $(CHARTFILES) $(RECIPES)
	go build -ldflags='-s -w' -o $@ ./cmd/ccp

bin/ccp-hook: go.mod go.sum $(GOFILES)
	go build -ldflags='-s -w -X github.com/helm-ccp/helm-ccp/pkg/hook.Version=$(VERSION)' -o $@ ./cmd/ccp-hook

# Real etcd servers: the last that has the v2 API too, and a current one.
bin/etcd35: $(wildcard test/etcd/v35/*)
	cd test/etcd/v35 && go build -ldflags='-s -w' -o $(CURDIR)/$@ .

bin/etcd37: $(wildcard test/etcd/v37/*)
	cd test/etcd/v37 && go build -ldflags='-s -w' -o $(CURDIR)/$@ .

.PHONY: demo
demo: bin/ccp bin/ccp-hook bin/etcd37 ## Render the example for both networks into _out/, and apply its Calico settings to an etcd
	test/demo/run.sh $(EXAMPLE)

.PHONY: test
test: test-unit test-charts fuzz ## Run every test

.PHONY: test-unit
test-unit: bin/ccp bin/helm3 bin/helm4 bin/etcd35 bin/etcd37 bin/calico.yaml
	test/packages.sh etcd-server etcd-client bird iproute2 curl
	CCP_HELM3=$(BIN)/helm3 go test -timeout 30m ./...

.PHONY: test-charts
test-charts: bin/helm-unittest ## Run the charts' own tests, charts/*/tests
	bin/helm-unittest --strict $(CHARTS) 2> >(grep -v 'found symbolic link' >&2)

.PHONY: fuzz
fuzz: ## Run each fuzzer for FUZZTIME
	@for target in $$(grep -rlE '^func Fuzz' --include='*_test.go' pkg); do \
		package=$$(dirname $$target); \
		for name in $$(grep -oE '^func Fuzz[A-Za-z0-9]+' $$target | cut -c6-); do \
			echo "fuzzing ./$$package $$name for $(FUZZTIME)"; \
			go test -run='^$$' -fuzz="^$$name$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=10x ./$$package | tail -n 2; \
		done; \
	done

bin/helm3: test/tools/go.mod test/tools/go.sum
	cd test/tools && go build -ldflags='-s -w' -o $(CURDIR)/$@ helm.sh/helm/v3/cmd/helm

bin/kustomize: test/tools/go.mod test/tools/go.sum
	cd test/tools && go build -ldflags='-s -w' -o $(CURDIR)/$@ sigs.k8s.io/kustomize/kustomize/v5

bin/helm-docs: test/helm-docs/go.mod test/helm-docs/go.sum
	cd test/helm-docs && go build -ldflags='-s -w' -o $(CURDIR)/$@ github.com/norwoodj/helm-docs/cmd/helm-docs

bin/helm-unittest: test/helm-unittest/go.mod test/helm-unittest/go.sum
	cd test/helm-unittest && go build -ldflags='-s -w' -o $(CURDIR)/$@ github.com/helm-unittest/helm-unittest/cmd/helm-unittest

.PHONY: docs global
docs: bin/helm-docs ## Make the charts' READMEs from their comments
	test/chart-readmes.sh

global: ## Copy the values that all charts share, of charts/common, into each chart
	test/global.sh

.PHONY: lint
lint: bin/helm3 bin/ccp bin/helm-docs ## gofmt, vet, staticcheck, helm lint, the charts' READMEs, shellcheck, go mod tidy
	@test -z "$$(gofmt -l build cmd examples pkg charts test)" || { gofmt -l build cmd examples pkg charts test; echo 'run gofmt on these'; exit 1; }
	go vet ./...
	$(TOOLS) staticcheck ./...
	cd test/e2e && go vet ./... && $(TOOLS) staticcheck ./...
	cd test/e2e/stand-in-felix && go vet ./... && $(TOOLS) staticcheck ./...
	go mod tidy -diff
	test/lint-charts.sh
	test/chart-readmes.sh --check
	test/packages.sh shellcheck
	shellcheck .ci/run plugins/helm4/ccp-getter/run $$(find build test plugins -name '*.sh')

.PHONY: conformance
conformance: bin/ccp ## Hold the rendered configuration against the real OpenStack, BIRD and Python (installs Debian packages)
	test/conformance/run.sh

# A real Kubernetes, for the tests that need one.
E2E := kubernetes coredns etcd35 kube-router pause e2e-cluster
KUBERNETES := 1.36.3

bin/kubernetes: $(wildcard test/e2e/kubernetes/*)
	cd test/e2e/kubernetes && go build -ldflags='-s -w -X k8s.io/component-base/version.gitVersion=v$(KUBERNETES) -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36' -o $(BIN)/kubernetes .
	ln -sf kubernetes bin/kubectl

bin/coredns: $(wildcard test/e2e/coredns/*)
	cd test/e2e/coredns && go build -ldflags='-s -w' -o $(BIN)/coredns .

bin/pause: test/e2e/pause/main.go
	cd test/e2e && go build -ldflags='-s -w' -o $(BIN)/pause ./pause

# In the place of Calico's Felix, which can't be required, for servers on Calico.
bin/stand-in-felix: $(wildcard test/e2e/stand-in-felix/*)
	cd test/e2e/stand-in-felix && go build -ldflags='-s -w' -o $(BIN)/stand-in-felix .

bin/e2e-cluster: $(wildcard test/e2e/cluster/* test/e2e/cmd/e2e-cluster/*)
	cd test/e2e && go build -o $(BIN)/e2e-cluster ./cmd/e2e-cluster

bin/kube-router: test/e2e/kube-router/go.mod test/e2e/kube-router/go.sum
	cd test/e2e/kube-router && go build -ldflags='-s -w' -o $(BIN)/kube-router github.com/cloudnativelabs/kube-router/v2/cmd/kube-router

# The manifests of Calico 3.30, for the definitions of its resources. Calico's own module can't be required, so they
# come with minikube, unchanged but for the names of images.
CALICO := k8s.io/minikube@v1.36.0
bin/calico.yaml: Makefile
	mkdir -p bin
	install -m 644 "$$(go mod download -json $(CALICO) | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')/pkg/minikube/cni/calico.yaml" $@
	echo 'ac3986c6f018672c10952764a673bbff36c7033637032211a5bf816de90d4f8f  $@' | sha256sum --check --quiet

bin/kwok: test/e2e/kwok/go.mod test/e2e/kwok/go.sum
	cd test/e2e/kwok && go build -ldflags='-s -w' -o $(BIN)/kwok sigs.k8s.io/kwok/cmd/kwok

# Which of the tests, as go test -run has it.
RUN ?= .

.PHONY: e2e e2e-up e2e-down e2e-packages
e2e-packages: bin/e2e-cluster
	test -n "$${KUBECONFIG:-}" || test/packages.sh bird buildah conntrack containerd containernetworking-plugins docker-registry etcd-client iproute2 ipset iptables mmdebstrap runc
	bin/e2e-cluster check

e2e: e2e-packages build bin/helm3 bin/helm4 bin/kwok bin/calico.yaml bin/stand-in-felix $(E2E:%=bin/%) ## Run the tests that need a real Kubernetes, on one made here (or on KUBECONFIG)
	cd test/e2e/stand-in-felix && go test -count=1 .
	bin/e2e-cluster run go test -C test/e2e -v -count=1 -timeout 80m -run '$(RUN)' .

e2e-up: e2e-packages $(E2E:%=bin/%) ## Bring that cluster up and print its kubeconfig
	bin/e2e-cluster up

e2e-down: bin/e2e-cluster ## Take it down
	bin/e2e-cluster down

.PHONY: test-argocd
test-argocd: bin/ccp ## Ask a real argocd-cmp-server for the example's manifests (its first build takes some minutes)
	cd test/argocd && go test ./...

.PHONY: bench
bench: bin/ccp bin/helm3 bin/ccp-hook bin/etcd35 bin/etcd37 bin/kustomize ## Measure against helm template, kustomize, raw etcd and the guide's own commands
	test/packages.sh etcd-client
	go run ./test/bench/render bin/ccp bin/helm3 $(EXAMPLE)
	go run ./test/bench/postrender bin/ccp bin/kustomize $(EXAMPLE)
	go run ./test/bench/felix-status

.PHONY: release
release: ## Make dist/: the plugin as archives for amd64 and arm64, and their checksums
	build/release.sh $(VERSION) dist amd64 arm64

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist _out

bin/helm4: test/helm4/go.mod test/helm4/go.sum
	cd test/helm4 && go build -ldflags='-s -w' -o $(CURDIR)/$@ helm.sh/helm/v4/cmd/helm

HELM ?= helm

.PHONY: install-helm4-plugins
install-helm4-plugins: bin/ccp ## Install the plugins of Helm 4: the verbs, the getter and the post-renderer
	$(HELM) plugin install plugins/helm4/ccp
	$(HELM) plugin install plugins/helm4/ccp-getter
	$(HELM) plugin install plugins/helm4/ccp-post-renderer
