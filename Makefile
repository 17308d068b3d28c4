# The commands of this project; `make help` lists them. Each sets up the environments that it needs (.venv and others),
# after it has checked what else it needs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
RUN_VENV := .venv-run
SAM_VENV := .venv-sam
CHECKOV_VENV := .venv-checkov
BENCH_VENV := .venv-bench
CONTRACT_VENV := .venv-contract
SUPPLY_VENV := .venv-supply
NODE_VENV := .venv-node
BIN := $(VENV)/bin
RUN_BIN := $(RUN_VENV)/bin
SAM := $(SAM_VENV)/bin/sam
HASHED := layers/chat_lookup/requirements-hashed.txt
STATE_DIR ?= .local
FUNCTION ?= DirectFunction
EVENT ?= events/direct-lookup.json
# The processor of this machine, for containers here; a deployed stack has its own (template.yaml, Architecture).
ARCH ?= $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)
# Holds a Ctrl-C back until the program handles it: before that, Python itself would answer with a traceback.
HOLDING = $(shell env --block-signal=INT true 2>/dev/null && echo env --block-signal=INT)

# SAM's last lines advise commands that are others here (`sam deploy --guided`).
WITHOUT_ADVICE = sed '/^Commands you can use next/,$$d'

export SAM_CLI_TELEMETRY := 0
# `sam` and cfn-lint require a region even where they call no service; and no credentials are searched for.
export AWS_DEFAULT_REGION ?= $(or $(AWS_REGION),us-east-1)
export AWS_EC2_METADATA_DISABLED := true

.PHONY: help run portal test test-all pictures check docs build sbom audit pins e2e bench invoke preflight deploy prune smoke clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 18
	@sed -n 's/^#: \{0,1\}/  /p' $(firstword $(MAKEFILE_LIST))

#: Times are of two free cores; the first includes what is set up then.
#:
#: Variables of `make run`, as in `make run ONCE=1 STATE_DIR=/tmp/run`:
#:   API_PORT=3000 API_HTTPS_PORT=3443 PORTAL_PORT=3010   ports; 0 takes a free one, as for PORTAL_PAGE_PORT=0
#:   BIND=127.0.0.1 PORTAL_HOST=127.0.0.1                 where it listens; containers: BIND=0.0.0.0 PORTAL_HOST=host.docker.internal
#:   WEBHOOK_FILE= (or WEBHOOK_URL=) CA_FILE=             a real portal: a file with its inbound webhook, the authority of its certificate
#:   ENTITY_TYPE=CRM ENTITY_ID='DEAL|1663'                the first look-up
#:   ONCE=1 QUIET=1                                       stops after that and one answer of the bot; shows no requests
#:   STATE_DIR=.local DYNAMODB_URL= LOG_LEVEL=INFO        its files; another DynamoDB engine; what the log contains

# `make` passes variables on. `exec`, so that Ctrl-C reaches the program and no shell.
run: $(RUN_BIN)/.ready ## the whole service and a Bitrix24 portal on this machine; ONCE=1 stops after one look-up and one answer of the bot [first 30 s, then 4 s]
	@PYTHONPATH=layers/chat_lookup exec $(HOLDING) $(RUN_BIN)/python -m local

# PORTAL_PORT PORTAL_PAGE_PORT STATE_DIR BIND PORTAL_HOST QUIET
portal: $(RUN_BIN)/.ready ## a Bitrix24 portal alone on this machine, for the tests of other applications: docs/local-portal.md [first 30 s, then 2 s]
	@PYTHONPATH=layers/chat_lookup exec $(HOLDING) $(RUN_BIN)/python -m local.portal

test: $(BIN)/.ready ## unit and integration tests, without Docker or AWS; ARGS="-k limiter" for some [first 5 min, then 3 min]
	@exec $(BIN)/python -m tests.groups test $(ARGS)

# Further variables run the walks and soaks in full: each folder's README.md names them.
test-all: $(BIN)/.ready $(NODE_VENV)/bin/.ready ## these, then the long ones: generated inputs, crowds, processes, soaks; DYNAMODB_LOCAL_URL [20 min]
	@exec $(BIN)/python -m tests.groups all $(ARGS)

pictures: $(BIN)/.ready $(NODE_VENV)/bin/.ready ## every view of the pages in Chromium, in .local/screens; those of the documents in docs/pictures [3 min]
	@PICTURES=$(abspath .local/screens) $(BIN)/python -m pytest -q -n 0 tests/browser
	@cp .local/screens/playground.png .local/screens/bot.png docs/pictures/
	@cp .local/screens/page-en-1200-light.png docs/pictures/page.png

check: $(BIN)/.ready $(SAM_VENV)/bin/.ready $(CHECKOV_VENV)/bin/.ready ## lint, format, types, security, the template and its house rules; offline [first 4 min, then 1 min]
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/openapi-spec-validator --schema 3.1 docs/openapi.yaml
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml layers/chat_lookup/chat_lookup functions local tools benchmarks
	$(SAM) validate --lint
	$(SAM_VENV)/bin/cfn-lint
	@mkdir -p .aws-sam
	$(BIN)/python -m tests.template.forms > .aws-sam/translated.json
	$(BIN)/python -m tests.template.deployment_sets .aws-sam/deployed
	ls .aws-sam/deployed/*.json | xargs -P 2 -n 6 $(SAM_VENV)/bin/cfn-lint --regions us-east-1 --template
	$(CHECKOV_VENV)/bin/checkov
	$(BIN)/pytest --quiet -n 2 tests/template

# The linter asks for a newer version of itself and reports its use, unless these forbid it.
docs: export REDOCLY_TELEMETRY := off
docs: export REDOCLY_SUPPRESS_UPDATE_NOTICE := true
docs: $(NODE_VENV)/bin/.ready ## lints the contract, docs/openapi.yaml, and renders it, .build/contract.html [first 20 s, then 5 s]
	@PATH="$(abspath $(NODE_VENV))/bin:$$PATH" $(NODE_VENV)/node_modules/.bin/redocly lint --extends recommended-strict docs/openapi.yaml
	@PATH="$(abspath $(NODE_VENV))/bin:$$PATH" $(NODE_VENV)/node_modules/.bin/redocly build-docs docs/openapi.yaml --output .build/contract.html

build: functions-python $(SAM_VENV)/bin/.ready ## what `sam deploy` uploads, in .aws-sam/build [first 2 min, then 30 s]
	@$(SAM) build | $(WITHOUT_ADVICE)
	@echo "In bytes, unpacked and zipped:"
	@cd .aws-sam/build && for each in */; do \
	  ../../$(SAM_VENV)/bin/python -m zipfile -c ../sizes.zip "$$each"; \
	  printf '%10d %9d  %s\n' "$$(find "$$each" -type f -exec cat {} + | wc -c)" "$$(wc -c < ../sizes.zip)" "$${each%/}"; \
	done; rm ../sizes.zip

# Without times and serial numbers: one commit, one file. What it lists is what the build installs.
sbom: $(SUPPLY_VENV)/bin/.ready ## what the layer consists of, as CycloneDX, in .aws-sam/sbom.cdx.json [first 40 s, then 5 s]
	@mkdir -p .aws-sam
	@$(SUPPLY_VENV)/bin/python -W ignore::UserWarning -m cyclonedx_py requirements --output-reproducible --spec-version 1.6 \
	  --pyproject pyproject.toml --mc-type application --output-file .aws-sam/sbom.cdx.json $(HASHED)

# The status of the program, which make prints: 1 at least one advisory, 2 where none could be had for some package.
audit: $(SUPPLY_VENV)/bin/.ready ## known advisories for what the layer consists of; asks PyPI, or OSV with AUDIT_SERVICE=osv [first 40 s, then 5 s]
	@PIP_AUDIT=$(SUPPLY_VENV)/bin/pip-audit $(SUPPLY_VENV)/bin/python -m tools.audit

pins: $(RUN_BIN)/.ready ## writes the hashes of the layer's requirements anew, after a version was changed there [10 s]
	@$(RUN_BIN)/python -m tools.pins

e2e: functions-python $(BIN)/.ready $(SAM_VENV)/bin/.ready $(CONTRACT_VENV)/bin/.ready $(SUPPLY_VENV)/bin/.ready ## the built artifact, in containers where a Docker engine answers; requests generated from the contract [first 6 min, then 3 min]
	@SAM=$(abspath $(SAM)) SCHEMATHESIS=$(abspath $(CONTRACT_VENV))/bin/schemathesis $(BIN)/pytest tests/e2e $(ARGS)

# The runtime's client has its own environment. The table lists figures that were left out.
bench: bench-settings functions-python $(BIN)/.ready $(BENCH_VENV)/bin/.ready build ## every figure beside its reference; ARGS=--quick to see that each can be taken; STRICT=1 fails if one is missed; DYNAMODB_LOCAL_URL [30 min, ARGS=--quick 5 min]
	@PYTHONPATH=layers/chat_lookup $(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-settings
bench-settings:
	@for each in $(ARGS); do case "$$each" in --quick|--only=*) ;; *) \
	  echo "make bench ARGS=--quick, ARGS=--only=growth, or without ARGS" >&2; exit 1;; esac; done
	@test -n "$${DYNAMODB_LOCAL_URL:-}" || echo "Without DYNAMODB_LOCAL_URL only cold starts are measured: all other figures need a DynamoDB Local" >&2

invoke: running-stores functions-python engine build ## FUNCTION=... EVENT=events/...: a function in a container, against a running `make run` [first 2 min, then 40 s]
	@$(SAM) local invoke $(FUNCTION) --event $(EVENT) --env-vars $(STATE_DIR)/env.json \
	  --parameter-overrides Architecture=$(ARCH) --add-host host.docker.internal:host-gateway $(ARGS)

.PHONY: functions-python
functions-python:
	@layers/find-python 3.13 >/dev/null 2>&1 || { \
	  echo "make $(firstword $(MAKECMDGOALS)) needs Python 3.13, as the functions run on it; install it, then again" >&2; exit 1; }

# Twice: AWS SAM may be bound to one engine, but it takes minutes to set up.
.PHONY: engine any-engine
any-engine: functions-python
	@"$$(layers/find-python 3.13)" -m tools.container_engine

engine: any-engine $(SAM_VENV)/bin/.ready
	@$(SAM_VENV)/bin/python -c 'from samcli.local.docker import utils; utils.get_validated_container_client()' 2>/dev/null || { \
	  echo "No container engine answers: start Docker (or Finch) first, then make invoke again" >&2; exit 1; }

.PHONY: running-stores
running-stores:
	@test -f $(STATE_DIR)/env.json || { echo "Start the stores first: make run BIND=0.0.0.0 PORTAL_HOST=host.docker.internal" >&2; exit 1; }

# The operator's own region and account, not the settings above for `sam` without AWS. ENV and YES are passed on by
# `make`, if they are on its command line; AWS_REGION and AWS_PROFILE come from the environment.
preflight deploy prune: OPERATOR := env -u AWS_EC2_METADATA_DISABLED $(if $(filter file,$(origin AWS_DEFAULT_REGION)),-u AWS_DEFAULT_REGION) PYTHONPATH=layers/chat_lookup

preflight: known-environment $(RUN_BIN)/.ready ## ENV=dev|staging|prod: whether the account has what a deployment needs [5 s]
	@$(OPERATOR) $(RUN_BIN)/python -m tools.preflight

# The account first: a build takes a minute, and setting up AWS SAM longer. A stack that is already up to date is no failure.
deploy: known-environment functions-python preflight $(SAM_VENV)/bin/.ready ## ENV=dev|staging|prod: checks the account, builds, deploys by samconfig.toml; YES=1 asks nothing [5 min or more: AWS]
	@$(SAM) build --config-env "$$ENV" | $(WITHOUT_ADVICE)
	@$(OPERATOR) SAM=$(abspath $(SAM)) $(RUN_BIN)/python -m tools.deploy
	@echo "Next, with the outputs above: a portal and a key (docs/deploying.md), then: make smoke URL=<ApiUrl> KEY=<key>"

prune: known-environment $(RUN_BIN)/.ready ## ENV=dev|staging|prod: lists versions that no rollback needs; YES=1 deletes them [5 s]
	@$(OPERATOR) $(RUN_BIN)/python -m tools.prune

.PHONY: known-environment
known-environment:
	@case "$${ENV:-}" in dev|staging|prod) ;; *) \
	  echo "Which environment? make $(firstword $(MAKECMDGOALS)) ENV=dev|staging|prod; samconfig.toml has the settings of each" >&2; exit 1;; esac

# Variables as for `make run`: URL KEY CA_FILE ENTITY_TYPE ENTITY_ID BUILD_DIR. So no further command line contains the key.
smoke: smoke-settings $(RUN_BIN)/.ready ## URL=https://... KEY=...: whether a deployed service works, with the layer that is built here [5 s]
	@PYTHONPATH=layers/chat_lookup $(RUN_BIN)/python -m tools.smoke

.PHONY: smoke-settings
smoke-settings:
	@test -n "$${URL:-}" -a -n "$${KEY:-}" || { \
	  echo "make smoke URL=https://<the service's address> KEY=<a key with the scope lookup> [CA_FILE=<its authority>]" >&2; exit 1; }

clean: ## removes what the commands made, except the environments
	rm -rf .aws-sam .local .mypy_cache .ruff_cache .pytest_cache .hypothesis

# --- environments: each command makes sure of its own, which takes a moment; tools/make-environment is the rule --------
# Bytecode of moto would take longer than the rest of its environment; what is used of it is compiled at the first run.
$(RUN_VENV)/bin/.ready: pinned := --no-compile requirements/run.txt
$(VENV)/bin/.ready: pinned := requirements/dev.txt
$(SAM_VENV)/bin/.ready: pinned := requirements/sam.txt requirements/sam.pth
$(CHECKOV_VENV)/bin/.ready: pinned := requirements/checkov.txt
$(SUPPLY_VENV)/bin/.ready: pinned := requirements/supply.txt
$(BENCH_VENV)/bin/.ready: pinned := requirements/bench.txt
$(CONTRACT_VENV)/bin/.ready: pinned := requirements/contract.txt
$(NODE_VENV)/bin/.ready: pinned := requirements/node.txt requirements/node.json

%/bin/.ready: FORCE
	@tools/make-environment $* $(pinned)

.PHONY: FORCE
FORCE:
