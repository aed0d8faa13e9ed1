# A thin front over dev/ and meson: what is built and how stands in dev/build and meson.build.
#
#   make run      build a release and start it
#   make test     everything that must pass before a push (with `make lint`)
#   make lint     the gates of dev/
#   make bench    measure, and fail where a promised figure is missed
#   make simulate months of incidents against the planner and the breakers, in minutes
#   make corpus   all recorded traffic in ../shared/corpus through every face
#   make release  the optimized executable, trained on the benchmark's traffic: build/pgo
#   make asan tsan fuzz nightly     the longer runs
#   make clean    forget all builds; what dev/setup.sh installed in build/ stays
#
# RUN_ARGS, TEST_ARGS (pytest), BENCH_ARGS and FUZZ_SECONDS (per target) may be set.

RUN_ARGS ?= serve --dev
TEST_ARGS ?=
BENCH_ARGS ?=
FUZZ_SECONDS ?= 60

SLUICE = src/main/sluice
# The time limits of single tests are for a quiet machine; a busy one may take five times as long.
MESON_TEST = meson test --no-rebuild --print-errorlogs --timeout-multiplier 5
PYTEST = build/venv/bin/python -m pytest -q
# Not detect_stack_use_after_return: gcc 12's fake stack does not keep alignments of 64 bytes, which the counters have.
export ASAN_OPTIONS ?= abort_on_error=1:detect_stack_use_after_return=0:strict_string_checks=1
export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS ?= halt_on_error=1:second_deadlock_stack=1:suppressions=$(CURDIR)/dev/tsan.supp

.PHONY: build run test lint bench corpus simulate release asan tsan fuzz nightly clean

build:
	@dev/setup.sh run
	@dev/build release $(SLUICE)

# exec, so that Ctrl-C and signals reach the gateway and nothing else.
run:
	@dev/setup.sh run
	@dev/build release $(SLUICE)
	@exec build/release/$(SLUICE) $(RUN_ARGS)

# The quick half first. Under tsan only what the chosen tests need is built; clang's warnings are
# seen by the fuzz build.
test:
	@dev/setup.sh test
	@dev/build asan
	@$(MESON_TEST) -C build/asan
	@dev/build tsan build.ninja
	@flock build/tsan.lock meson test -C build/tsan --print-errorlogs --timeout-multiplier 5 --suite threads
	@dev/build fuzz
	@dev/fuzz 3
	@dev/build release $(SLUICE)
	@SLUICE_BIN=build/release/$(SLUICE) $(PYTEST) tests/e2e $(TEST_ARGS)

lint:
	@dev/setup.sh test
	@dev/build debug
	@dev/lint

bench: release
	@dev/setup.sh bench
	@dev/build release tests/unit/dialect/laws/bench_translate tests/unit/route/bench_route_plan
	@build/release/tests/unit/dialect/laws/bench_translate
	@build/release/tests/unit/route/bench_route_plan
	@SLUICE_BIN=build/pgo/$(SLUICE) python3 tests/bench/bench.py $(BENCH_ARGS)

# Months of incidents under a virtual clock: generated ones, and recorded ones where they are.
simulate:
	@dev/setup.sh run
	@dev/build release tests/simulate/simulate
	@build/release/tests/simulate/simulate --check --days 60
	@build/release/tests/simulate/simulate --check --days 365 --incidents ../shared/traces/provider-incidents.csv

corpus:
	@dev/setup.sh test
	@dev/build release $(SLUICE)
	@SLUICE_BIN=build/release/$(SLUICE) SLUICE_CORPUS_ALL=1 $(PYTEST) tests/e2e/test_corpus.py tests/e2e/test_corpus_faces.py $(TEST_ARGS)

release:
	@dev/setup.sh bench
	@dev/release

asan tsan:
	@dev/setup.sh test
	@dev/build $@
	@$(MESON_TEST) -C build/$@
	@SLUICE_BIN=build/$@/$(SLUICE) $(PYTEST) tests/e2e $(TEST_ARGS)

fuzz:
	@dev/setup.sh test
	@dev/build fuzz
	@dev/fuzz $(FUZZ_SECONDS)

nightly:
	@SLUICE_NIGHTLY=1 $(MAKE) test
	@$(MAKE) lint asan tsan bench
	@$(MAKE) fuzz FUZZ_SECONDS=600

clean:
	@rm -rf build/debug build/release build/asan build/tsan build/clang build/fuzz build/pgo
