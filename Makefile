# lorec. The two commands: `make demo` and `make test`; both install what is missing (scripts/deps).
#   make            build/lorec, build/liblorec.{a,so}
#   make demo       the sample catalogue, a leaderboard, recommendations, a report; DATA=path for your own files
#   make test       everything; SAN=1 for AddressSanitizer + UBSan; ISA=avx2|portable to force a kernel set
#   make browser-test   the server's page in headless Chromium (tests/browser)
#   make wheel      the Python package, build/wheel/lorec-*.whl, with its libraries inside (docs/python.md)
#   make bench      speed and accuracy runs beside their peers (long; see bench/README.md)
#   make fuzz       every parser under libFuzzer; N=1000000 for so many mutated models, tokenizers and templates
#   make lint       format, static analysis, both compilers;   make format   rewrites
#   make install    PREFIX=/usr/local
BUILD  := $(if $(SAN),build/san,build)
TYPE   := $(if $(SAN),-DLOREC_SANITIZE=ON)
JOBS   ?= $(shell nproc)
PREFIX ?= /usr/local

.PHONY: all configure deps-python wheel demo test browser-test bench lint format install deps clean fuzz
all: configure
	@cmake --build $(BUILD) -j$(JOBS)
configure: deps
	@test -f $(BUILD)/CMakeCache.txt || cmake -S . -B $(BUILD) $(TYPE) -DCMAKE_INSTALL_PREFIX=$(PREFIX)
deps:
	@scripts/deps
deps-python:
	@scripts/deps python
wheel: deps-python all
	@scripts/wheel $(BUILD)
	@scripts/wheel-check $(BUILD)/wheel/lorec-*.whl
demo: all
	@scripts/demo $(BUILD)/lorec $(DATA)
test: deps-python all
	@scripts/test $(BUILD)
browser-test: all
	@tests/browser/run $(BUILD) $(PICTURES)
bench: all
	@cmake --build $(BUILD) -j$(JOBS) --target benches
	@bench/run $(BUILD)
fuzz: deps
	@$(if $(N),scripts/mutate $(N) $(TARGET),scripts/fuzz $(TARGET))
lint: deps
	@scripts/lint
format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i
install: all
	@cmake --install $(BUILD)
clean:
	rm -rf build
