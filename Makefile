# Two commands for users: `make run` and `make test`. The others are for those who work on it.
SHELL := /bin/bash
.DEFAULT_GOAL := run
RELEASE := .build-release
# The gateway is a package of its own; the library, in the root, knows nothing of it.
SERVER := --package-path Server
# The manifest takes the checks of overlapping accesses out of the gateway's own targets; here they are taken out of what it
# depends on as well. Debug builds, in which the tests run, have them all.
UNCHECKED := -Xswiftc -enforce-exclusivity=unchecked
# A target that imports what its manifest does not name fails the build.
IMPORTS := --explicit-target-dependency-import-check error
# What keeps all processors busy, and would hold up the tests beside it that use sockets.
IN_PROCESS := ^GatewayTests\.(GatewaySimulation|CancellationPoints|OrdersOfAttempts)Tests
PORT ?= 8080
SECONDS ?= 600
FORMATTED := Package.swift Sources Tests Server/Package.swift Server/Sources Server/Tests Server/Fuzz/Package.swift Server/Fuzz/Sources \
	Server/Benchmarks Benchmarks Examples/Package.swift Examples/Sources scripts/documents
WALL_ARGS ?= --port 9100 --control 9101

.PHONY: run test api api-check verify-direct-names verify-lone-server verify-blips verify-first-token verify-silent-provider verify-large-bodies verify-gateway-simulation bench-selection bench-strategies live-worlds selection-goals soak repeats mutants mutants-check mutants-decisions mutants-connections mutants-gateway coverage wall build release lint format tidy fuzz fuzz-check linear thread-sanitizer thread-sanitizer-server bench bench-quick bench-library instructions docs examples check-tools check-test-tools clean

## run: build what is missing and start the gateway with what the environment offers
run: check-tools
	swift build $(SERVER) --product holdfast
	exec Server/.build/debug/holdfast serve --port $(PORT) $(ARGS)

## test: run all tests; those that need the processors by themselves, so that none spoils another's times
test: check-tools check-test-tools
	scripts/timed.sh "building the library" swift build --build-tests $(IMPORTS)
	scripts/timed.sh "building the gateway" swift build $(SERVER) --build-tests $(IMPORTS)
	scripts/timed.sh Tidy swift test --skip-build --filter '^(Tidy|Adoption)\.' $(TEST_ARGS)
	scripts/timed.sh "the gateway's units" swift test $(SERVER) --skip-build --skip '^(Acceptance|WallTests|SimulationTests)\.' --skip '$(IN_PROCESS)' $(TEST_ARGS)
	scripts/timed.sh "the gateway in process" swift test $(SERVER) --skip-build --filter '$(IN_PROCESS)' $(TEST_ARGS)
	scripts/timed.sh "the worlds" swift test $(SERVER) --skip-build --filter '^SimulationTests\.' $(TEST_ARGS)
	scripts/timed.sh "the library's units" timeout --foreground -s INT 900 swift test --skip-build --filter '^ResilienceTests\.' --skip '^ResilienceTests\.ScenarioTests' $(TEST_ARGS)
	scripts/timed.sh "the library's scenarios" timeout --foreground -s INT 900 swift test --skip-build --filter '^ResilienceTests\.ScenarioTests' $(TEST_ARGS)
	scripts/timed.sh "the binary" scripts/acceptance.sh $(TEST_ARGS)

## repeats: each streaming fault twenty times; prints outcomes and how long it took until another provider was there
repeats: check-tools check-test-tools
	swift build $(SERVER) --build-tests
	HOLDFAST_REPEATS=$${HOLDFAST_REPEATS:-20} swift test $(SERVER) --skip-build --filter '^Acceptance\.Repeats/'

## verify-direct-names: ten thousand requests for models that only callers know, a reload, ten thousand more
verify-direct-names: check-tools check-test-tools
	swift build $(SERVER) --build-tests
	scripts/verify/direct-names.sh

## live-worlds: incidents in real time against the gateway and the same in the simulator; takes six minutes
live-worlds: check-tools check-test-tools
	swift build $(SERVER) --build-tests
	HOLDFAST_LIVE=1 swift test $(SERVER) --skip-build --filter '^Acceptance\.LiveWorldTests'

## selection-goals: plays all worlds with all policies and compares adaptive selection with its goals; takes four minutes after the build
selection-goals: release
	rm -rf .build-goals && mkdir .build-goals
	for world in stress adversarial; do $(RELEASE)/release/holdfast simulate --world Worlds/$$world.json --policy all --json > .build-goals/$$world.json; done
	$(RELEASE)/release/holdfast simulate --world Worlds/stress.json --prefer quality --policy adaptive --no-oracle --json > .build-goals/stress-quality.json
	python3 scripts/selection-goals.py .build-goals

## bench-selection: what one decision of adaptive selection costs
bench-selection: check-tools
	swift run $(SERVER) -c release $(UNCHECKED) --scratch-path $(RELEASE) SelectionBench

## soak: a hundred callers and a provider that fails by a seed, for HOLDFAST_SOAK_SECONDS
soak: check-tools
	swift build $(SERVER) --build-tests
	HOLDFAST_SOAK_SECONDS=$${HOLDFAST_SOAK_SECONDS:-600} swift test $(SERVER) --skip-build --filter '^Acceptance\.Soak/'

## verify-lone-server: kills the only server and brings it back, asked by the official SDK with and without the gateway; seven minutes
## verify-blips: short outages of the only provider under load; five minutes
## verify-first-token: a provider whose first token takes 6, 20 and 60 s, alone and beside another; two minutes
## verify-silent-provider: fifteen requests at a silent provider beside a healthy one; two minutes
verify-lone-server verify-blips verify-first-token verify-silent-provider: verify-%: check-tools check-test-tools
	scripts/verify/run.sh $(subst -,_,$*) $(VERIFY_ARGS)

## mutants: makes the library decide wrongly in one place after the other and sees whether its tests notice
mutants: check-tools check-test-tools
	python3 Tests/Mutants/mutants.py library $(MUTANTS)

## mutants-check: whether the lists of mutants fit the sources
mutants-check:
	for kind in library decisions connections gateway; do python3 Tests/Mutants/mutants.py $$kind --check || exit 1; done

## mutants-decisions: makes what decides for the gateway break its promises, one after the other; takes half an hour
mutants-decisions: check-tools check-test-tools
	python3 Tests/Mutants/mutants.py decisions $(MUTANTS)

## mutants-connections: the same for connections with callers and providers
mutants-connections: check-tools check-test-tools
	python3 Tests/Mutants/mutants.py connections $(MUTANTS)

## mutants-gateway: takes one defence after the other away and sees whether the tests notice; takes half an hour
mutants-gateway: check-tools check-test-tools
	swift build $(SERVER) --build-tests
	python3 Tests/Mutants/mutants.py gateway $(MUTANTS)

## coverage: which lines of the library its tests run; fails below 95 %
coverage: check-tools check-test-tools
	python3 Tests/Mutants/coverage.py

## wall: a provider that misbehaves as the model's name says; docs/wall.md
wall: check-tools
	swift build $(SERVER) --product WallTool
	exec Server/.build/debug/WallTool $(WALL_ARGS)

build: check-tools
	swift build
	swift build $(SERVER)

## release: the optimised binary, without shared Swift libraries
release: check-tools
	swift build $(SERVER) -c release $(UNCHECKED) --static-swift-stdlib --scratch-path $(RELEASE) --product holdfast
	@echo "$(RELEASE)/release/holdfast"

## lint: the format of the code, and the rules by which slow tests run again
lint:
	swift format lint --strict --recursive $(FORMATTED)
	python3 scripts/failed-tests.py --test

format:
	swift format --in-place --recursive $(FORMATTED)

## tidy: banned calls, imports and sizes
tidy:
	swift test --filter Tidy

## fuzz: every parser, SECONDS for each; fails on the first input that breaks one
fuzz: check-tools
	scripts/fuzz.sh run $(SECONDS) $(TARGETS)

## fuzz-check: whether every fuzzer finds a mistake that is planted for it
fuzz-check: check-tools
	scripts/fuzz.sh check

## linear: counts the instructions of every reader of outside bytes; fails if one costs more than its input's length
linear: check-tools
	@scripts/install.sh valgrind binutils
	swift build -c release --package-path Server/Benchmarks/linear --scratch-path .build-linear
	python3 scripts/linear.py .build-linear/release/linear $(READERS)

## verify-large-bodies: what 18 MB of escapes cost, who waits meanwhile, and whether the process can be ended
verify-large-bodies: release
	python3 scripts/verify/large-bodies.py $(RELEASE)/release/holdfast

## verify-gateway-simulation: the whole gateway in process, with a million seeds on all processors; SEEDS=20000 takes a minute
verify-gateway-simulation: check-tools
	swift build $(SERVER) --build-tests
	HOLDFAST_SEEDS=$(or $(SEEDS),1000000) swift test $(SERVER) --skip-build --filter '^GatewayTests\.GatewaySimulationTests'

## thread-sanitizer: the library's tests under the thread sanitizer; fails on a race
## thread-sanitizer-server: those of exchanges with providers, the front and the gateway in process
thread-sanitizer: check-tools
	scripts/thread-sanitizer.sh library

thread-sanitizer-server: check-tools check-test-tools
	scripts/thread-sanitizer.sh server

## bench-strategies: the throughput of adaptive routes beside priority ones; fails below 0.95
bench-strategies: release
	Server/Benchmarks/gateway/strategies.sh "$(CURDIR)/$(RELEASE)/release/holdfast"

## bench: the gateway beside its peers; fails when a target is missed
bench: release
	cd Server/Benchmarks/gateway && ./bench.sh "$(CURDIR)/$(RELEASE)/release/holdfast"

## instructions: what a request and a chunk cost in instructions; fails when a goal is missed; ARGS names some of the scenarios
instructions: release
	Server/Benchmarks/gateway/instructions.py "$(CURDIR)/$(RELEASE)/release/holdfast" $(ARGS)

## bench-library: what the policies cost, from plain and from featured modules; fails when a bound is missed
bench-library: check-tools
	@scripts/install.sh valgrind binutils
	swift build -c release --package-path Benchmarks/library --scratch-path .build-bench
	python3 scripts/bench-library.py .build-bench/release $(BENCH_ARGS)

## docs: the library's documentation as a site in .build-docs/site; compiles the code in it, fails on warnings
docs: check-tools check-test-tools
	scripts/documents/build.sh

## api: writes the list of the library's public declarations anew; refuses to lose one without a new version
## api-check: whether the library still offers what docs/api lists
api api-check: check-tools
	swift build --target ResilienceTesting
	python3 scripts/api.py $(if $(findstring check,$@),check,write) .build/debug/Modules

## examples: a program that uses the library alone and shows what it does, in a few seconds
examples: check-tools
	swift run --package-path Examples tour

# What a fresh Debian machine with Swift may lack.
check-tools:
	@command -v swift >/dev/null || { echo "Swift 6.3 is needed: https://swift.org/install"; exit 1; }
	@scripts/install.sh git

check-test-tools:
	@scripts/install.sh python3 python3-venv openssl curl chromium
	@scripts/test-python.sh

clean:
	rm -rf .build Server/.build .build-mutants .build-coverage .build-fuzz .build-fuzz-planted .build-linear .build-docs .build-bench $(RELEASE) Examples/.build
