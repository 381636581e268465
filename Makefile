# resum. `make help` prints the targets. Nothing is written outside build/, except by install, and by apt-get
# for missing Debian packages, which is announced.

LUA_VERSION ?= $(if $(LUA),$(shell $(LUA) -e 'print((_VERSION:gsub("Lua ", "")))'),5.4)
CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
DESTDIR ?=

# So many compilers, analysers and fuzzers run at once.
JOBS ?= $(shell nproc 2>/dev/null || echo 1)
MAKE_BUILD = $(MAKE) --no-print-directory -j$(JOBS)

# SAN=1: a build with AddressSanitizer and UndefinedBehaviorSanitizer, beside the usual one.
ifdef SAN
BUILD = build/$(LUA_VERSION)-san
SAN_FLAGS = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else
BUILD = build/$(LUA_VERSION)
endif

WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wconversion
# The module reads hostile bytes inside of somebody else's process. _FORTIFY_SOURCE needs an optimiser, and a sanitizer
# checks more than it does; who sets it himself gets his own.
OPTIMISED = $(filter-out -O0,$(lastword $(filter -O%,$(CFLAGS))))
FORTIFY = $(if $(SAN)$(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
HARDENED = -fstack-protector-strong $(if $(OPTIMISED),$(FORTIFY))
HARDENED_LINK = -Wl,-z,relro,-z,now,-z,noexecstack

# plugin/tls knows neither Lua nor libssl: it finds no header of theirs, nor of plugin/lua.
TLS_FLAGS = -std=c99 -fPIC -fvisibility=hidden $(HARDENED) $(WARNINGS) $(SAN_FLAGS) \
  $(shell pkg-config --cflags libcrypto)
BUILD_FLAGS = $(TLS_FLAGS) -Iplugin $(shell pkg-config --cflags lua$(LUA_VERSION) openssl)
LIBS = $(shell pkg-config --libs openssl)

TLS_SOURCES = $(wildcard plugin/tls/*.c)
SOURCES = $(wildcard plugin/*.c plugin/lua/*.c) $(TLS_SOURCES)
OBJECTS = $(SOURCES:plugin/%.c=$(BUILD)/plugin/%.o)
CORE = $(BUILD)/resum/core.so
# Modules by themselves: what has luv call back where it should, and names beyond ASCII where libidn2 is.
BESIDE = $(BUILD)/resum/host/luv_thread.so $(BUILD)/resum/host/leave.so $(BUILD)/resum/host/sigint.so \
  $(BUILD)/resum/host/file_lock.so \
  $(if $(shell pkg-config --exists libidn2 2>/dev/null && echo yes),$(BUILD)/resum/target/idn2.so)
MODULES = $(CORE) $(BESIDE)
TLS_SERVER = $(BUILD)/spec/support/tls_server.so
TLS_SERVER_OBJECTS = $(patsubst %,$(BUILD)/plugin/%.o,lua/options lua/error tls/names)
SPEC_MODULES = $(patsubst %.c,$(BUILD)/%.so,$(wildcard spec/support/*.c)) $(TLS_SERVER)
NSE_FILES = $(wildcard lua/nse/*.nse spec/support/*.nse)
FORMATTED = $(wildcard plugin/*.[ch] plugin/*/*.[ch] spec/support/*.[ch] spec/support/*/*.[ch] spec/fuzz/*.[ch])

# What is needed, by Debian's names.
BUILD_PACKAGES = gcc libc6-dev pkg-config liblua$(LUA_VERSION)-dev libssl-dev libidn2-dev
RUN_PACKAGES = lua$(LUA_VERSION) lua-luv lua-cjson lua-argparse
# For the map of shared keys alone (resum --merge of state files).
MAP_PACKAGES = lua-sql-sqlite3
SCAN_PACKAGES = $(BUILD_PACKAGES) $(RUN_PACKAGES) openssl
TEST_PACKAGES = $(SCAN_PACKAGES) lua-busted lua-socket lua-cqueues lua-sec lua-expat lua5.3 liblua5.3-dev nmap nginx-light \
  python3-jsonschema libnginx-mod-stream haproxy gnutls-bin binutils parallel $(MAP_PACKAGES)
TEST_ALL_PACKAGES = $(TEST_PACKAGES) postfix dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-managesieved vsftpd \
  inspircd prosody slapd postgresql mariadb-server-core libnss-wrapper xrdp tinyproxy-bin microsocks luarocks \
  golang-go default-jdk-headless nodejs python3 erlang-base erlang-ssl libmbedtls-dev libwolfssl-dev libbearssl-dev \
  libnss3-tools botan apache2-bin lighttpd lighttpd-mod-openssl stunnel4 nghttp2-proxy chromium \
  $(DOC_PACKAGES) $(LINT_PACKAGES)
# inn2 can't be installed where the machine has no domain, so it is unpacked; the libraries that it wants are installed.
UNPACKED_PACKAGES = inn2 inn2-inews
RELEASE_PACKAGES = debootstrap wget util-linux
LINT_PACKAGES = $(BUILD_PACKAGES) liblua5.3-dev lua5.3 lua-check clang-format clang-tidy cppcheck mandoc \
  lua$(LUA_VERSION) lua-luv
DOC_PACKAGES = lua-ldoc lua5.1 lua-discount
SCREENSHOT_PACKAGES = $(SCAN_PACKAGES) chromium
FUZZ_PACKAGES = $(SCAN_PACKAGES) clang libclang-rt-dev llvm

# In the tree, Lua finds the module and the scripts here.
export LUA_PATH = lua/?.lua;lua/?/init.lua;;
export LUA_CPATH = $(BUILD)/?.so;;
export RESUM_BUILD = $(CURDIR)/$(BUILD)
# All specs run side by side; what ARGS names runs in one busted. (libuv ends a program that was started without stdin.)
BUSTED = </dev/null lua$(LUA_VERSION) $(if $(ARGS),/usr/bin/busted,spec/support/suite.lua)

.PHONY: all
all: packages-build ## build resum.core for Lua 5.4 (LUA_VERSION=5.3 for nmap of Debian 12)
	@$(MAKE_BUILD) $(MODULES)

# Objects are made anew when the flags in here may have changed.
$(CORE): $(OBJECTS)
	@mkdir -p $(@D)
	$(CC) -shared $(SAN_FLAGS) $(HARDENED_LINK) $(LDFLAGS) -o $@.new $^ $(LIBS) && mv $@.new $@

$(BUILD)/resum/host/luv_thread.so: LIBS = -ldl
$(BUILD)/resum/target/idn2.so: LIBS = $(shell pkg-config --libs libidn2)
$(BESIDE): $(BUILD)/resum/%.so: $(BUILD)/plugin/%.o
	@mkdir -p $(@D)
	$(CC) -shared $(SAN_FLAGS) $(HARDENED_LINK) $(LDFLAGS) -o $@.new $^ $(LIBS) && mv $@.new $@

$(BUILD)/plugin/tls/%.o: plugin/tls/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(TLS_FLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/plugin/%.o: plugin/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(BUILD_FLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# A module for specs sees all of the plugin's C; the server only what is not under test.
$(BUILD)/spec/support/%.so: spec/support/%.c $(OBJECTS) Makefile
	@mkdir -p $(@D)
	$(CC) -shared $(BUILD_FLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< $(OBJECTS) $(LIBS)

$(TLS_SERVER): $(wildcard spec/support/tls_server/*.[ch]) $(TLS_SERVER_OBJECTS)
	@mkdir -p $(@D)
	$(CC) -shared $(BUILD_FLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.o,$^) $(LIBS)

-include $(wildcard $(BUILD)/plugin/*.d $(BUILD)/plugin/*/*.d $(BUILD)/spec/support/*.d)

# Asks for the embedded demo when there is no TARGET.
.PHONY: scan
scan: packages-scan ## scan the embedded demo, or TARGET=host:port, with ARGS="--resum_rate"
	@$(MAKE_BUILD) -s $(MODULES)
ifdef TARGET
	@./lua/bin/resum $(ARGS) $(TARGET)
else
	@lua$(LUA_VERSION) spec/support/demo.lua ./lua/bin/resum $(or $(ARGS),--resum --resum_rate)
endif

# The module and what specs need beside it; specs run on 5.3 too, from within the suite. Whoever runs specs of the usual
# build asks for spec-modules.
.PHONY: modules modules-5.3 spec-modules
spec-modules: modules modules-5.3 haproxy-module nse
modules:
	@$(MAKE_BUILD) -s $(MODULES) $(SPEC_MODULES)
modules-5.3:
	@$(MAKE) --no-print-directory -s LUA_VERSION=5.3 modules

.PHONY: test test-all asan
test: packages-test ## run the specs: in memory, the command line, real servers on loopback
	@$(MAKE) --no-print-directory -s spec-modules
	$(BUSTED) --exclude-tags=heavy,hours $(ARGS)

test-all: packages-test-all packages-unpacked ## the same and what is heavy to install (ONLY_HEAVY=1: without what test runs)
	@$(MAKE) --no-print-directory -s spec-modules
	$(BUSTED) --exclude-tags=hours $(if $(ONLY_HEAVY),--tags=heavy) $(ARGS)

.PHONY: pools
pools: packages-test ## tables of verdicts and intervals on simulated pools (POOLS=200 of each class), what constants decide: hours of CPU
	@$(MAKE) --no-print-directory -s modules
	POOLS=$(POOLS) lua$(LUA_VERSION) /usr/bin/busted --tags=hours spec/pool_simulation_spec.lua \
	  spec/pool_intervals_spec.lua spec/pool_constants_spec.lua

build/spec/inn2:
	@command -v dpkg-deb >/dev/null || exit 0; \
	echo "Unpacking Debian packages under $@: $(UNPACKED_PACKAGES)"; \
	rm -rf $@.new && mkdir -p $@.new && cd $@.new || exit 1; sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	{ apt-get -q download $(UNPACKED_PACKAGES) \
	  || { $$sudo apt-get -q update && apt-get -q download $(UNPACKED_PACKAGES); }; } >log 2>&1 \
	  || { cat log >&2; echo "resum: apt-get failed, see above" >&2; exit 1; }; \
	for package in *.deb; do dpkg-deb -x $$package . && dpkg-deb -f $$package Depends >>depends || exit 1; done; \
	tr , '\n' <depends | sed -n '/-perl\>/d; s/^ *\(lib[^ ]*\).*/\1/p' | sort -u >libraries; \
	rm *.deb depends log && mv ../$(@F).new ../$(@F)

# The installed HAProxy is asked which Lua it has: the guide's example runs in it.
HAPROXY_LUA = $(shell PATH=$$PATH:/usr/sbin haproxy -vv 2>/dev/null | sed -n 's/.*Lua version : Lua \([0-9]*\.[0-9]*\).*/\1/p')
.PHONY: haproxy-module
haproxy-module:
	@[ -z "$(HAPROXY_LUA)" ] || $(MAKE) --no-print-directory -s LUA_VERSION=$(HAPROXY_LUA) modules

# A bare release, RELEASE, of Debian or Ubuntu in a folder; there `make scan` and `make test`, from nothing, as root, or
# with UNPRIVILEGED=1 as a user who has sudo. Takes minutes, 2 GB of disk, and the network for packages.
.PHONY: test-release test-debian12 test-debian13 test-ubuntu24
test-release: packages-release ## make scan and make test on a bare RELEASE=trixie (UNPRIVILEGED=1: not as root)
	@sh spec/support/release.sh "$(or $(RELEASE),$(error RELEASE=trixie, for example))" build/release $(if $(UNPRIVILEGED),user)
test-debian12: RELEASE = bookworm
test-debian13: RELEASE = trixie
test-ubuntu24: RELEASE = noble
test-debian12: test-release ## the same on Debian 12
test-debian13: test-release ## the same on Debian 13
test-ubuntu24: test-release ## the same on Ubuntu 24.04

# Specs of which nothing runs on such a build (inside nmap, in HAProxy, no C at all) have the tag "unsanitized".
asan: packages-test ## the suite on a build with AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory -s asan-run SAN=1

.PHONY: asan-run
asan-run: modules modules-5.3
	LD_PRELOAD=$$($(CC) -print-file-name=libasan.so) $(BUSTED) --exclude-tags=heavy,hours,unsanitized $(ARGS)

# The specs of make test, with a count of the lines that they run: by gcc for C, by spec.support.coverage for Lua. It is
# another build, so who looks at how the usual one is built fails here; a failure does not keep the figures.
.PHONY: coverage coverage-run
COVERAGE = build/coverage
coverage: packages-test ## how many lines of lua/ and plugin/ the specs of make test run, in percent
	@$(MAKE) --no-print-directory -s haproxy-module nse
	@$(MAKE) --no-print-directory -s LUA_VERSION=5.3 BUILD=$(COVERAGE)/5.3 modules
	@rm -rf $(COVERAGE)/lua && mkdir -p $(COVERAGE)/lua && find $(COVERAGE) -name '*.gcda' -delete
	@$(MAKE) --no-print-directory -s coverage-run BUILD=$(COVERAGE)/$(LUA_VERSION) CFLAGS="-O0 -g --coverage" \
	  LDFLAGS=--coverage

coverage-run: modules
	-@RESUM_COVERAGE=$(CURDIR)/$(COVERAGE)/lua LUA_INIT_$(subst .,_,$(LUA_VERSION))="local coverage = \
	  package.loadlib('$(CURDIR)/$(BUILD)/spec/support/coverage.so', 'luaopen_spec_support_coverage') \
	  if coverage then coverage() end" $(BUSTED) --exclude-tags=heavy,hours $(ARGS) >$(COVERAGE)/log; \
	  grep '^failed: ' $(COVERAGE)/log; tail -n 1 $(COVERAGE)/log
	@lua$(LUA_VERSION) spec/coverage/report.lua $(COVERAGE)/lua $(BUILD)

# Small edits that a spec must notice, on copies of the tree: see spec/mutants.
.PHONY: mutants
mutants: packages-test ## does each of some 500 small faults fail the spec it should? (FILTER=part of a name or file)
	@$(MAKE) --no-print-directory -s spec-modules
	@lua$(LUA_VERSION) spec/mutants/run.lua $(if $(FILTER),"$(FILTER)")

.PHONY: repl
repl: packages-scan ## a Lua prompt with resum loaded, from the tree
	@$(MAKE_BUILD) -s $(MODULES)
	@./lua/bin/resum --repl $(ARGS)

# What editors and clangd ask for: how each C file is compiled, in compile_commands.json.
.PHONY: compile_commands
compile_commands: packages-build ## write compile_commands.json, for clangd and editors
	@{ printf '['; separator=; for file in $(wildcard plugin/*.c plugin/*/*.c spec/support/*.c spec/support/*/*.c); do \
	  case $$file in plugin/tls/*) flags='$(TLS_FLAGS)';; *) flags='$(BUILD_FLAGS) -Ispec/support';; esac; \
	  printf '%s\n{"directory": "%s", "file": "%s", "command": "$(CC) %s $(CFLAGS) -c %s"}' "$$separator" \
	    "$(CURDIR)" "$$file" "$$flags" "$$file"; separator=,; done; printf '\n]\n'; } >$@.json
	@echo "$@.json: $$(grep -c '"file"' $@.json) files"

.PHONY: bench bench-scan bench-network
bench: packages-test ## client CPU of a resumption attempt beside openssl s_time and a plain TCP exchange
	@$(MAKE_BUILD) -s $(MODULES)
	LUA_PATH="./?.lua;$(LUA_PATH)" lua$(LUA_VERSION) spec/bench/attempts.lua

bench-scan: packages-test ## the support scan of 1,000 and 10,000 targets: speed, CPU time, memory (BENCH_TARGETS="100000")
	@$(MAKE_BUILD) -s $(MODULES)
	LUA_PATH="./?.lua;$(LUA_PATH)" lua$(LUA_VERSION) spec/bench/scan.lua

bench-network: packages-test ## scans of pools over round trips: wall time, connections (BENCH_RTT="50 150" BENCH_LOSS=1); as root
	@$(MAKE_BUILD) -s $(MODULES)
	LUA_PATH="./?.lua;$(LUA_PATH)" lua$(LUA_VERSION) spec/bench/network.lua

# Each target of spec/fuzz for FUZZ_SECONDS, from real handshakes. Those of the core are plugin/tls alone, without Lua.
# All but `probe` run on the plugin as it is; that one without proofs (tls/crypto.h), or mutation would end at the first
# MAC. Ends with the lines that were reached.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS = messages record probe handshake session options identity
FUZZ_CORE_TARGETS = record probe
FUZZ_LIMITS = -rss_limit_mb=1024 -timeout=10 -max_len=20000 -detect_leaks=0 -print_final_stats=1
FUZZ_FLAGS = -std=c99 -g -O1 $(WARNINGS) -Iplugin -Ispec/support -fsanitize=address,undefined -fno-sanitize-recover=undefined \
  -fprofile-instr-generate -fcoverage-mapping -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION \
  $(shell pkg-config --cflags libcrypto)
FUZZ_LUA_FLAGS = $(shell pkg-config --cflags lua$(LUA_VERSION) openssl)
FUZZ_LUA_LIBS = $(shell pkg-config --libs lua$(LUA_VERSION) openssl)
FUZZ_CORE = $(patsubst %.c,build/fuzz/%.o,$(TLS_SOURCES))
FUZZ_OBJECTS = $(patsubst %.c,build/fuzz/%.o,$(SOURCES) spec/fuzz/fuzz.c)
FUZZ_UNPROVED = $(patsubst %,build/fuzz/unproved/plugin/tls/%.o,crypto record)

$(FUZZ_CORE) $(FUZZ_CORE_TARGETS:%=build/fuzz/spec/fuzz/%.o): FUZZ_LUA_FLAGS =

build/fuzz/%.o: %.c Makefile
	@mkdir -p $(@D)
	clang $(FUZZ_FLAGS) $(FUZZ_LUA_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

build/fuzz/unproved/%.o: %.c Makefile
	@mkdir -p $(@D)
	clang $(FUZZ_FLAGS) -DRS_FUZZ_WITHOUT_PROOFS -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

build/fuzz/probe: $(filter-out $(FUZZ_UNPROVED:build/fuzz/unproved/%=build/fuzz/%),$(FUZZ_CORE)) $(FUZZ_UNPROVED)
build/fuzz/record: $(FUZZ_CORE)
$(FUZZ_CORE_TARGETS:%=build/fuzz/%): build/fuzz/%: build/fuzz/spec/fuzz/%.o
	clang $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(shell pkg-config --libs libcrypto)

build/fuzz/%: build/fuzz/spec/fuzz/%.o $(FUZZ_OBJECTS)
	clang $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LUA_LIBS)

-include $(wildcard build/fuzz/plugin/*.d build/fuzz/plugin/*/*.d build/fuzz/spec/*/*.d build/fuzz/unproved/plugin/*/*.d)

.PHONY: fuzz fuzz-run
fuzz: packages-fuzz ## fuzz parsers and engines, each target for FUZZ_SECONDS (60); fails on a finding
	@$(MAKE_BUILD) -s $(MODULES) $(SPEC_MODULES) $(FUZZ_TARGETS:%=build/fuzz/%)
	@mkdir -p build/fuzz/sessions build/fuzz/findings $(FUZZ_TARGETS:%=build/fuzz/corpus/%)
	@lua$(LUA_VERSION) spec/fuzz/corpus.lua
	@$(MAKE) --no-print-directory -s fuzz-run

fuzz-run:
	@echo "fuzz: each for $(FUZZ_SECONDS) s, $(JOBS) at once"; \
	echo $(FUZZ_TARGETS) | xargs -n 1 -P $(JOBS) sh -c ' \
	  LLVM_PROFILE_FILE=build/fuzz/$$0.profraw build/fuzz/$$0 -max_total_time=$(FUZZ_SECONDS) $(FUZZ_LIMITS) \
	    -artifact_prefix=build/fuzz/findings/$$0- build/fuzz/corpus/$$0 >build/fuzz/$$0.log 2>&1 \
	    || { tail -n 60 build/fuzz/$$0.log; exit 255; }; \
	  echo "$$0: $$(grep -E "number_of_executed|peak_rss" build/fuzz/$$0.log | tr -s "\n " " ")"'
	llvm-profdata merge -o build/fuzz/all.profdata $(FUZZ_TARGETS:%=build/fuzz/%.profraw)
	llvm-cov report -instr-profile=build/fuzz/all.profdata -show-branch-summary=false -show-region-summary=false \
	  build/fuzz/$(firstword $(FUZZ_TARGETS)) $(patsubst %,-object build/fuzz/%,$(FUZZ_TARGETS)) $(SOURCES)

.PHONY: lint lint-c lint-cppcheck lint-tidy lint-analyzer
lint: packages-lint ## luacheck, clang-format, three analysers of C, and no compiler warning for Lua 5.3 and 5.4
	luacheck -q lua spec $(NSE_FILES)
	mandoc -T lint docs/resum.1
	luac5.3 -p $(shell find lua -name '*.lua') # what nmap loads has to be Lua 5.3
	lua$(LUA_VERSION) spec/mutants/run.lua --check # each of them has its place in the sources
	clang-format --dry-run --Werror $(FORMATTED)
	@$(MAKE) --no-print-directory -s lint-c
	@for version in 5.3 5.4; do $(MAKE) --no-print-directory -s LUA_VERSION=$$version \
	  BUILD=build/lint/$$version CFLAGS="-O2 -Werror" modules || exit 1; done

# Every analyser fails when it could not read a file. cppcheck does not say so by its exit code: whatever it prints is a
# fault. It gets the one configuration that there is, and reads no system header: without their macros the `#error` for
# old versions would end a file.
ANALYSED = $(wildcard plugin/*.c plugin/*/*.c spec/support/*.c spec/support/tls_server/*.c spec/fuzz/*.c)
CPPCHECK = cppcheck -q --std=c99 --enable=warning,performance,portability,information --inline-suppr \
  --suppress=missingIncludeSystem --suppress=unmatchedSuppression --suppress=checkersReport \
  --suppress=normalCheckLevelMaxBranches --library=openssl -DOPENSSL_VERSION_NUMBER=0x30000000L -DLUA_VERSION_NUM=504 \
  -Iplugin -Ispec/support
lint-c: lint-cppcheck lint-tidy lint-analyzer

lint-cppcheck:
	@echo "cppcheck: $(words $(ANALYSED)) files"; mkdir -p build/lint; \
	$(CPPCHECK) $(ANALYSED) $(wildcard spec/support/programs/*.c) >build/lint/cppcheck 2>&1 && [ ! -s build/lint/cppcheck ] \
	  || { cat build/lint/cppcheck; exit 1; }

lint-tidy:
	@echo "clang-tidy: $(words $(ANALYSED)) files"; mkdir -p build/lint; \
	echo $(ANALYSED) | xargs -n 1 -P $(JOBS) sh -c 'clang-tidy --quiet $$0 -- $(BUILD_FLAGS) -Ispec/support' \
	  >build/lint/tidy 2>&1 || { grep -v ' generated\.$$' build/lint/tidy; exit 1; }

# Not optimised: a double free that is optimised away is not seen.
lint-analyzer:
	@echo "gcc -fanalyzer: $(words $(ANALYSED)) files"; mkdir -p build/lint; \
	echo $(ANALYSED) | xargs -n 1 -P $(JOBS) \
	  gcc $(BUILD_FLAGS) -Ispec/support -U_FORTIFY_SOURCE -O0 -fanalyzer -Werror -c -o /dev/null \
	  >build/lint/analyzer 2>&1 || { cat build/lint/analyzer; exit 1; }

# Versions for several Lua live side by side: resum-5.3, resum-5.4; resum is the one installed last. FOLDERS notes,
# without DESTDIR, which folders install has made: uninstall takes them away again, or leaves that to the other version.
.PHONY: install install-library uninstall uninstall-library
ROOT = $(DESTDIR)$(PREFIX)
SHARE = $(ROOT)/share/lua/$(LUA_VERSION)
LIBRARY = $(ROOT)/lib/lua/$(LUA_VERSION)
COMMAND = $(ROOT)/bin/resum
MANUAL = $(ROOT)/share/man/man1/resum.1
FOLDERS = $(SHARE)/resum/folders
COMMAND_FOLDERS = "$$(dirname "$(COMMAND)")" "$$(dirname "$(MANUAL)")"
install: install-library ## install under PREFIX (and DESTDIR) for LUA_VERSION, beside other versions
	install -m 644 docs/resum.1 "$(MANUAL)"
	sed '/^exec /s/lua5\.4/lua$(LUA_VERSION)/; /^unset /s/5_4/$(subst .,_,$(LUA_VERSION))/' lua/bin/resum \
	  > "$(COMMAND)-$(LUA_VERSION)"
	chmod 755 "$(COMMAND)-$(LUA_VERSION)"
	ln -sf resum-$(LUA_VERSION) "$(COMMAND)"

# What an earlier version had and this one has not would be found first.
install-library: all
	@made=$$(for folder in "$(SHARE)" "$(LIBRARY)" $(COMMAND_FOLDERS); do \
	    while [ ! -d "$$folder" ]; do echo "$${folder#"$(DESTDIR)"}/"; folder=$$(dirname "$$folder"); done; done; \
	    cat "$(FOLDERS)" 2>/dev/null || :) && \
	rm -rf "$(SHARE)/resum" "$(LIBRARY)/resum" && \
	install -d "$(SHARE)/resum" "$(LIBRARY)" $(COMMAND_FOLDERS) && \
	{ [ -z "$$made" ] || echo "$$made" | sort -u > "$(FOLDERS)"; }
	cd $(BUILD) && for file in $(patsubst $(BUILD)/%,%,$(MODULES)); do \
	  install -D -m 755 $$file "$(call absolute,$(LIBRARY))/$$file" || exit 1; done
	cd lua && for file in $$(find resum -name '*.lua'); do \
	  install -D -m 644 $$file "$(call absolute,$(SHARE))/$$file" || exit 1; done
absolute = $(if $(filter /%,$(1)),$(1),$(CURDIR)/$(1))

uninstall: ## remove what install put there for LUA_VERSION
	rm -f "$(COMMAND)-$(LUA_VERSION)" "$(COMMAND)"
	for left in "$(COMMAND)"-5.*; do [ ! -e "$$left" ] || ln -sf "$${left##*/}" "$(COMMAND)"; done
	[ -e "$(COMMAND)" ] || rm -f "$(MANUAL)"
	@$(MAKE) --no-print-directory -s uninstall-library

uninstall-library:
	@made=$$(cat "$(FOLDERS)" 2>/dev/null || :); rm -rf "$(SHARE)/resum" "$(LIBRARY)/resum"; \
	echo "$$made" | sort -r | while read -r folder; do \
	  [ -z "$$folder" ] || rmdir "$(DESTDIR)$$folder" 2>/dev/null || [ ! -d "$(DESTDIR)$$folder" ] || \
	  for other in "$$(dirname "$(SHARE)")"/5.*/resum; do \
	    [ ! -d "$$other" ] || echo "$$folder" >> "$$other/folders"; done; done

# The installed nmap is asked which Lua it has, and where that looks for modules when the environment is empty, as
# under sudo; and where nmap has its scripts.
.PHONY: nse install-nse uninstall-nse
NMAP ?= nmap
NMAP_LUA = $(shell $(NMAP) --version 2>/dev/null | sed -n 's/.*liblua-\([0-9]*\.[0-9]*\).*/\1/p')
NMAP_PATHS = $(eval NMAP_PATHS := $(shell env -i $$(command -v $(NMAP)) --script lua/nse/where.nse 2>/dev/null \
  | sed -n 's/^resum: //p'))$(NMAP_PATHS)
NMAP_PATH = $(DESTDIR)$(or $(patsubst $(1)=%,%,$(filter $(1)=%,$(NMAP_PATHS))),$(error $(NMAP) does not say its $(1)))
NSE_SCRIPTS = tls-resumption.nse tls-resumption-rate.nse tls-resumption-audit.nse \
  tls-resumption-audit-intrusive.nse
NSE_INSTALL = LUA_VERSION=$(NMAP_LUA) SHARE="$(call NMAP_PATH,share)" LIBRARY="$(call NMAP_PATH,library)" \
  COMMAND_FOLDERS='"$(call NMAP_PATH,scripts)"'
nse: packages-nmap ## build for the Lua of the installed nmap
	@[ -n "$(NMAP_LUA)" ] || { echo "resum: $(NMAP) says of no Lua that it has" >&2; exit 1; }
	@$(MAKE) --no-print-directory all LUA_VERSION=$(NMAP_LUA)

install-nse: nse ## install the module and the scripts where that nmap finds them (DESTDIR)
	@$(MAKE) --no-print-directory install-library $(NSE_INSTALL)
	install -m 644 -t "$(call NMAP_PATH,scripts)" $(addprefix lua/nse/,$(NSE_SCRIPTS))
	$(if $(DESTDIR),,$(NMAP) --script-updatedb)

uninstall-nse: ## remove what install-nse put there
	cd "$(call NMAP_PATH,scripts)" && rm -f $(NSE_SCRIPTS)
	@$(MAKE) --no-print-directory -s uninstall-library $(NSE_INSTALL)
	$(if $(DESTDIR),,$(NMAP) --script-updatedb)

# LDoc wants each file to name its module, and the C files to be one: it gets copies that do. The index shows modules in
# the order of the files: public ones first, then, under a heading of their own, those of the inside.
.PHONY: docs
DOC_SOURCES = build/docs-source
PUBLIC_MODULES = resum resum.core resum.target resum.connection.client resum.host.default resum.host.uv \
  resum.host.luasocket resum.host.cqueues resum.host.nsock resum.host.jobs
docs: packages-docs ## the guides and the API pages, in build/docs
	@rm -rf $(DOC_SOURCES) build/docs && mkdir -p $(DOC_SOURCES)
	@number=0; \
	add() { case " $(PUBLIC_MODULES) " in *" $$1 "*) tag=module;; *) tag=file;; esac; \
	  number=$$((number + 1)); name=$(DOC_SOURCES)/$$(printf %03d $$number)-$$1; \
	  case $$2 in \
	  *.lua) awk -v tag="$$tag $$1" 'NR == 1 { sub(/^-+/, "---") } !done && !/^-/ { print "-- @" tag; done = 1 } \
	      !done { match($$0, /^-+/); rest = substr($$0, RLENGTH + 1); gsub(/--/, "\\&#45;\\&#45;", rest); \
	        $$0 = substr($$0, 1, RLENGTH) rest } 1' $$2 >$$name.lua;; \
	  *.c) awk -v tag="$$tag $$1" -v name="$$1: " 'NR == 1 { sub(/^\/\*+ */, "/*** "); sub(name, "") } \
	      !done { sub(/^ \* ?/, ""); if (sub(/ *\*\/.*/, "")) { done = 1; $$0 = $$0 "\n@" tag "\n*/" } } 1' $$2 >$$name.c;; \
	  esac; }; \
	file_of() { file=lua/$$(echo $$1 | tr . /); [ -e $$file.lua ] && echo $$file.lua || echo $$file/init.lua; }; \
	{ echo '/* TLS handshakes as byte machines: bytes in, bytes out. */'; cat $(SOURCES); } >$(DOC_SOURCES)/core; \
	for module in $(PUBLIC_MODULES); do \
	  if [ $$module = resum.core ]; then mv $(DOC_SOURCES)/core $(DOC_SOURCES)/core.c; \
	    add $$module $(DOC_SOURCES)/core.c; rm $(DOC_SOURCES)/core.c; \
	  else add $$module $$(file_of $$module); fi; done; \
	for file in $$(cd lua && find resum -name '*.lua' | sort); do \
	  module=$$(echo $${file%.lua} | sed 's,/init$$,,; s,/,.,g'); \
	  case " $(PUBLIC_MODULES) " in *" $$module "*) ;; *) add $$module lua/$$file;; esac; done; \
	for file in $(wildcard plugin/host/*.c plugin/target/*.c); do \
	  add resum.$$(echo $${file%.c} | sed 's,^plugin/,,; s,/,.,g') $$file; done
	lua5.1 /usr/bin/ldoc --quiet --fatalwarnings -c docs/config.ld $(DOC_SOURCES)
	@sed -i 's/href="\([a-z-]*\.md\)"/href="\1.html"/g' build/docs/guides/*.html

.PHONY: schema
schema: ## docs/resum.schema.json, of the tables in docs/json.md
	lua$(LUA_VERSION) spec/support/json_schema.lua >docs/resum.schema.json.new
	mv docs/resum.schema.json.new docs/resum.schema.json

# The page that the demo's scan writes, as a browser shows it: README's picture. What the browser keeps goes under build/.
.PHONY: screenshot
SCREENSHOT = docs/screenshot.png
SCREENSHOT_SIZE = 1200,860
screenshot: packages-screenshot ## the picture in README: the page of the embedded demo
	@$(MAKE_BUILD) -s $(MODULES)
	@rm -rf build/screenshot && mkdir -p build/screenshot/browser
	@lua$(LUA_VERSION) spec/support/demo.lua ./lua/bin/resum --resum --resum_rate --quiet --html_out build/screenshot/page.html
	@chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
	  --disable-component-update --disable-sync --user-data-dir=build/screenshot/browser --hide-scrollbars \
	  --window-size=$(SCREENSHOT_SIZE) --screenshot=$(CURDIR)/build/screenshot/page.png \
	  file://$(CURDIR)/build/screenshot/page.html >build/screenshot/log 2>&1 && test -s build/screenshot/page.png \
	  || { cat build/screenshot/log >&2; echo "resum: chromium made no picture" >&2; exit 1; }
	@[ $$(wc -c <build/screenshot/page.png) -lt 200000 ] || { echo "resum: the picture has 200 KB or more" >&2; exit 1; }
	@mv build/screenshot/page.png $(SCREENSHOT)

.PHONY: clean
clean: ## remove build/
	rm -rf build

.PHONY: help
help: ## print this
	@sed -n 's/^\([a-z0-9_-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 24

# packages-X installs what is missing of X_PACKAGES. A service of a package is not started: policy-rc.d says no
# for the time of the installation.
.PHONY: packages-build packages-scan packages-test packages-test-all packages-lint packages-docs packages-nmap \
  packages-fuzz packages-release packages-unpacked packages-screenshot
packages-build: NEEDED = $(BUILD_PACKAGES)
packages-scan: NEEDED = $(SCAN_PACKAGES)
packages-test: NEEDED = $(TEST_PACKAGES)
packages-test-all: NEEDED = $(TEST_ALL_PACKAGES)
packages-lint: NEEDED = $(LINT_PACKAGES)
packages-docs: NEEDED = $(DOC_PACKAGES)
packages-fuzz: NEEDED = $(FUZZ_PACKAGES)
packages-screenshot: NEEDED = $(SCREENSHOT_PACKAGES)
packages-release: NEEDED = $(RELEASE_PACKAGES)
packages-unpacked: NEEDED = $(shell cat build/spec/inn2/libraries 2>/dev/null)
packages-unpacked: build/spec/inn2
packages-nmap: NEEDED = $(if $(shell command -v $(NMAP)),,nmap)
packages-build packages-scan packages-test packages-test-all packages-lint packages-docs packages-nmap packages-fuzz \
packages-release packages-unpacked packages-screenshot:
	@command -v dpkg-query >/dev/null || exit 0; \
	missing=; for package in $(NEEDED); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	echo "Installing Debian packages:$$missing"; \
	if [ $$(id -u) = 0 ]; then sudo=; elif command -v sudo >/dev/null; then sudo=sudo; else \
	  echo "resum: not root and no sudo: ask your administrator to run: apt-get install$$missing" >&2; exit 1; fi; \
	policy=/usr/sbin/policy-rc.d; \
	if [ ! -e $$policy ]; then \
	  trap '$$sudo rm -f '$$policy EXIT; trap 'exit 1' INT TERM; \
	  printf '#!/bin/sh\nexit 101\n' | $$sudo tee $$policy >/dev/null; $$sudo chmod 755 $$policy; fi; \
	log=$$(mktemp); \
	{ $$sudo apt-get -o DPkg::Lock::Timeout=600 update && $$sudo env DEBIAN_FRONTEND=noninteractive \
	  apt-get -o DPkg::Lock::Timeout=600 install -y --no-remove --no-install-recommends $$missing; } >$$log 2>&1 </dev/null \
	  || { tail -n 20 $$log >&2; rm -f $$log; echo "resum: apt-get failed, see above" >&2; exit 1; }; \
	rm -f $$log
