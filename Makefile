# What a person types; what it does stands in scripts/.

.DEFAULT_GOAL := help
.PHONY: help run test check bench chaos fuzz soak lock fmt monitoring clean

help: ## say what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

run: ## start the daemon with a simulated market and nothing else (ARGS="--config FILE" for another)
	@exec scripts/run.sh $(ARGS)

test: ## install what the tests need, check, and run everything (ARGS="..." goes to pytest)
	@exec scripts/test.sh $(ARGS)

check: ## lint, types and import contracts
	@exec scripts/check.sh

bench: ## measure what the documentation claims
	@exec scripts/bench.sh $(ARGS)

chaos: ## two hundred rounds of faults on real processes (ARGS="--rounds 1 --seed N" runs one again)
	@exec scripts/chaos.sh $(ARGS)

fuzz: ## a million malformed inputs, to every parser (ARGS="codec --count 50000" for fewer and one)
	@exec scripts/fuzz.sh $(ARGS)

soak: ## a year of sessions through daemon, Redis and broker, at full speed (ARGS="--sessions 60")
	@exec scripts/soak.sh $(ARGS)

lock: ## write requirements/*.txt anew from pyproject.toml (UPGRADE=1: with newer versions)
	@exec scripts/lock.sh

fmt: ## lay the text of all files out, and mend what can be mended without a thought
	@exec scripts/fmt.sh

monitoring: ## write deploy/'s dashboards and alerts anew (ARGS="--runbook URL": what alerts link to)
	@exec scripts/monitoring.sh $(ARGS)

clean: ## remove what the other targets made, the daemon's data in ./var excepted
	@rm -rf .venv .venv-test .venv-bench .venv-fuzz .venv*.lock .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
