# resum. `make help` prints the targets. Nothing is written outside build/, except by install, and by apt-get
# for missing Debian packages, which is announced.

LUA_VERSION ?= $(if $(LUA),$(shell $(LUA) -e 'print((_VERSION:gsub("Lua ", "")))'),5.4)
CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
DESTDIR ?=

# SAN=1: a build with AddressSanitizer and UndefinedBehaviorSanitizer, beside the usual one.
ifdef SAN
BUILD = build/$(LUA_VERSION)-san
SAN_FLAGS = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else
BUILD = build/$(LUA_VERSION)
endif

WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wconversion
BUILD_FLAGS = -std=c99 -fPIC -fvisibility=hidden $(WARNINGS) $(SAN_FLAGS) \
  $(shell pkg-config --cflags lua$(LUA_VERSION) openssl)
LIBS = $(shell pkg-config --libs openssl)

SOURCES = $(wildcard plugin/*.c)
OBJECTS = $(SOURCES:plugin/%.c=$(BUILD)/plugin/%.o)
CORE = $(BUILD)/resum/core.so
TLS_SERVER = $(BUILD)/spec/support/tls_server.so
TLS_SERVER_OBJECTS = $(patsubst %,$(BUILD)/plugin/%.o,options names error)
SPEC_MODULES = $(patsubst %.c,$(BUILD)/%.so,$(wildcard spec/support/*.c)) $(TLS_SERVER)
NSE_FILES = $(wildcard lua/nse/*.nse spec/support/*.nse)
FORMATTED = $(wildcard plugin/*.[ch] spec/support/*.[ch] spec/support/*/*.[ch] spec/fuzz/*.[ch])

# What is needed, by Debian's names.
BUILD_PACKAGES = gcc libc6-dev pkg-config liblua$(LUA_VERSION)-dev libssl-dev
RUN_PACKAGES = lua$(LUA_VERSION) lua-luv lua-cjson lua-argparse
SCAN_PACKAGES = $(BUILD_PACKAGES) $(RUN_PACKAGES) openssl
TEST_PACKAGES = $(SCAN_PACKAGES) lua-busted lua-socket lua-cqueues lua-sec lua-expat lua5.3 liblua5.3-dev nmap nginx-light \
  libnginx-mod-stream haproxy gnutls-bin binutils parallel
TEST_ALL_PACKAGES = $(TEST_PACKAGES) postfix dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-managesieved vsftpd \
  inspircd prosody slapd postgresql mariadb-server-core libnss-wrapper xrdp tinyproxy-bin microsocks luarocks \
  golang-go openjdk-17-jdk-headless nodejs python3 erlang-base erlang-ssl libmbedtls-dev libwolfssl-dev libbearssl-dev \
  libnss3-tools botan apache2-bin lighttpd lighttpd-mod-openssl stunnel4 nghttp2-proxy chromium \
  libcanlock3 libperl5.36 libpython3.11 libsasl2-2 $(DOC_PACKAGES)
# inn2 can't be installed where the machine has no domain, so it is unpacked, and needs its libraries from the list above.
UNPACKED_PACKAGES = inn2 inn2-inews
LINT_PACKAGES = $(BUILD_PACKAGES) liblua5.3-dev lua5.3 lua-check clang-format cppcheck mandoc
DOC_PACKAGES = lua-ldoc lua5.1 lua-discount
FUZZ_PACKAGES = $(SCAN_PACKAGES) clang libclang-rt-dev llvm

# In the tree, Lua finds the module and the scripts here.
export LUA_PATH = lua/?.lua;lua/?/init.lua;;
export LUA_CPATH = $(BUILD)/?.so;;
export RESUM_BUILD = $(CURDIR)/$(BUILD)
# All specs run side by side; what ARGS names runs in one busted.
BUSTED = lua$(LUA_VERSION) $(if $(ARGS),/usr/bin/busted,spec/support/suite.lua)

.PHONY: all
all: packages-build ## build resum.core for Lua 5.4 (LUA_VERSION=5.3 for nmap of Debian 12)
	@$(MAKE) --no-print-directory $(CORE)

$(CORE): $(OBJECTS)
	@mkdir -p $(@D)
	$(CC) -shared $(SAN_FLAGS) $(LDFLAGS) -o $@.new $^ $(LIBS) && mv $@.new $@

$(BUILD)/plugin/%.o: plugin/%.c
	@mkdir -p $(@D)
	$(CC) $(BUILD_FLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# A module for specs sees all of the plugin's C; the server only what is not under test.
$(BUILD)/spec/support/%.so: spec/support/%.c $(OBJECTS)
	@mkdir -p $(@D)
	$(CC) -shared -Iplugin $(BUILD_FLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< $(OBJECTS) $(LIBS)

$(TLS_SERVER): $(wildcard spec/support/tls_server/*.[ch]) $(TLS_SERVER_OBJECTS)
	@mkdir -p $(@D)
	$(CC) -shared -Iplugin $(BUILD_FLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.o,$^) $(LIBS)

-include $(wildcard $(BUILD)/plugin/*.d $(BUILD)/spec/support/*.d)

# Asks for the embedded demo when there is no TARGET.
.PHONY: scan
scan: packages-scan ## scan the embedded demo, or TARGET=host:port, with ARGS="--resum_rate"
	@$(MAKE) --no-print-directory -s $(CORE)
ifdef TARGET
	@./lua/bin/resum $(ARGS) $(TARGET)
else
	@lua$(LUA_VERSION) spec/support/demo.lua ./lua/bin/resum $(or $(ARGS),--resum --resum_rate)
endif

# The module and what specs need beside it; specs run on 5.3 too, from within the suite.
.PHONY: modules modules-5.3
modules: $(CORE) $(SPEC_MODULES)
modules-5.3:
	@$(MAKE) --no-print-directory -s LUA_VERSION=5.3 modules

.PHONY: test test-all asan
test: packages-test ## run the specs: in memory, the command line, real servers on loopback
	@$(MAKE) --no-print-directory -s modules modules-5.3 nse
	$(BUSTED) --exclude-tags=heavy $(ARGS)

test-all: packages-test-all build/spec/inn2 ## the same and what is heavy to install (ONLY_HEAVY=1: without what test runs)
	@$(MAKE) --no-print-directory -s modules modules-5.3 nse
	$(BUSTED) $(if $(ONLY_HEAVY),--tags=heavy) $(ARGS)

build/spec/inn2:
	@command -v dpkg-deb >/dev/null || exit 0; \
	echo "Unpacking Debian packages under $@: $(UNPACKED_PACKAGES)"; \
	rm -rf $@.new && mkdir -p $@.new && cd $@.new || exit 1; sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	{ apt-get -q download $(UNPACKED_PACKAGES) \
	  || { $$sudo apt-get -q update && apt-get -q download $(UNPACKED_PACKAGES); }; } >log 2>&1 \
	  || { cat log >&2; echo "resum: apt-get failed, see above" >&2; exit 1; }; \
	for package in *.deb; do dpkg-deb -x $$package . || exit 1; done && rm *.deb log && mv ../$(@F).new ../$(@F)

# Specs of which nothing runs on such a build (inside nmap, in HAProxy, no C at all) have the tag "unsanitized".
asan: packages-test ## the suite on a build with AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory -s asan-run SAN=1

.PHONY: asan-run
asan-run: modules modules-5.3
	LD_PRELOAD=$$($(CC) -print-file-name=libasan.so) $(BUSTED) --exclude-tags=heavy,unsanitized $(ARGS)

.PHONY: bench bench-scan
bench: packages-test ## client CPU of a resumption attempt beside openssl s_time and a plain TCP exchange
	@$(MAKE) --no-print-directory -s $(CORE)
	LUA_PATH="./?.lua;$(LUA_PATH)" lua$(LUA_VERSION) spec/bench/attempts.lua

bench-scan: packages-test ## the support scan of 1,000 and 10,000 targets: speed, CPU time, memory (BENCH_TARGETS="100000")
	@$(MAKE) --no-print-directory -s $(CORE)
	LUA_PATH="./?.lua;$(LUA_PATH)" lua$(LUA_VERSION) spec/bench/scan.lua

# Each target of spec/fuzz for FUZZ_SECONDS, from real handshakes. All but `probe` run on the plugin as it is; that
# one without proofs (keys.h), or mutation would end at the first MAC. Ends with the lines that were reached.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS = messages record probe handshake session
FUZZ_LIMITS = -rss_limit_mb=1024 -timeout=10 -max_len=20000 -detect_leaks=0 -print_final_stats=1
FUZZ_FLAGS = -std=c99 -g -O1 $(WARNINGS) -Iplugin -Ispec/support -fsanitize=address,undefined -fno-sanitize-recover=undefined \
  -fprofile-instr-generate -fcoverage-mapping $(shell pkg-config --cflags lua$(LUA_VERSION) openssl)
FUZZ_LIBS = $(shell pkg-config --libs lua$(LUA_VERSION) openssl)
FUZZ_OBJECTS = $(patsubst %.c,build/fuzz/%.o,$(SOURCES) spec/support/fixed_random.c spec/fuzz/fuzz.c)
FUZZ_UNPROVED = $(patsubst %,build/fuzz/unproved/plugin/%.o,keys record)

build/fuzz/%.o: %.c
	@mkdir -p $(@D)
	clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

build/fuzz/unproved/%.o: %.c
	@mkdir -p $(@D)
	clang $(FUZZ_FLAGS) -DRS_FUZZ_WITHOUT_PROOFS -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

build/fuzz/probe: build/fuzz/spec/fuzz/probe.o $(FUZZ_OBJECTS) $(FUZZ_UNPROVED)
	clang $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $(filter-out $(FUZZ_UNPROVED:build/fuzz/unproved/%=build/fuzz/%),$^) \
	  $(FUZZ_LIBS)

build/fuzz/%: build/fuzz/spec/fuzz/%.o $(FUZZ_OBJECTS)
	clang $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LIBS)

-include $(wildcard build/fuzz/plugin/*.d build/fuzz/spec/*/*.d build/fuzz/unproved/plugin/*.d)

.PHONY: fuzz fuzz-run
fuzz: packages-fuzz ## fuzz parsers and engines, each target for FUZZ_SECONDS (60); fails on a finding
	@$(MAKE) --no-print-directory -s $(CORE) $(SPEC_MODULES) $(FUZZ_TARGETS:%=build/fuzz/%)
	@mkdir -p build/fuzz/sessions build/fuzz/findings $(FUZZ_TARGETS:%=build/fuzz/corpus/%)
	@lua$(LUA_VERSION) spec/fuzz/corpus.lua
	@$(MAKE) --no-print-directory -s fuzz-run

fuzz-run:
	@for target in $(FUZZ_TARGETS); do \
	  echo "fuzz: $$target for $(FUZZ_SECONDS) s"; \
	  LLVM_PROFILE_FILE=build/fuzz/$$target.profraw build/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) $(FUZZ_LIMITS) \
	    -artifact_prefix=build/fuzz/findings/$$target- build/fuzz/corpus/$$target >build/fuzz/$$target.log 2>&1 \
	    || { tail -n 60 build/fuzz/$$target.log; exit 1; }; \
	  grep -E 'number_of_executed|peak_rss' build/fuzz/$$target.log; \
	done
	llvm-profdata merge -o build/fuzz/all.profdata $(FUZZ_TARGETS:%=build/fuzz/%.profraw)
	llvm-cov report -instr-profile=build/fuzz/all.profdata -show-branch-summary=false -show-region-summary=false \
	  build/fuzz/$(firstword $(FUZZ_TARGETS)) $(patsubst %,-object build/fuzz/%,$(FUZZ_TARGETS)) $(SOURCES)

.PHONY: lint
lint: packages-lint ## luacheck, clang-format, cppcheck, and no compiler warning for Lua 5.3 and 5.4
	luacheck -q lua spec $(NSE_FILES)
	mandoc -T lint docs/resum.1
	luac5.3 -p $(shell find lua -name '*.lua') # what nmap loads has to be Lua 5.3
	clang-format --dry-run --Werror $(FORMATTED)
	cppcheck -q --std=c99 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	  -Iplugin $$(pkg-config --cflags lua$(LUA_VERSION)) plugin spec/support
	@for version in 5.3 5.4; do $(MAKE) --no-print-directory -s LUA_VERSION=$$version \
	  BUILD=build/lint/$$version CFLAGS="-O2 -Werror" modules || exit 1; done

# Versions for several Lua live side by side: resum-5.3, resum-5.4; resum is the one installed last.
.PHONY: install install-library uninstall
SHARE = $(DESTDIR)$(PREFIX)/share/lua/$(LUA_VERSION)
LIBRARY = $(DESTDIR)$(PREFIX)/lib/lua/$(LUA_VERSION)
COMMAND = $(DESTDIR)$(PREFIX)/bin/resum
MANUAL = $(DESTDIR)$(PREFIX)/share/man/man1/resum.1
install: install-library ## install under PREFIX (and DESTDIR) for LUA_VERSION, beside other versions
	install -D -m 644 docs/resum.1 $(MANUAL)
	install -d $(dir $(COMMAND))
	sed '1s/lua5\.4/lua$(LUA_VERSION)/' lua/bin/resum > $(COMMAND)-$(LUA_VERSION)
	chmod 755 $(COMMAND)-$(LUA_VERSION)
	ln -sf resum-$(LUA_VERSION) $(COMMAND)

install-library: all
	install -d $(LIBRARY)/resum
	install -m 755 $(CORE) $(LIBRARY)/resum/core.so
	cd lua && find resum -name '*.lua' -exec install -D -m 644 {} $(abspath $(SHARE))/{} \;

uninstall: ## remove what install put there for LUA_VERSION
	rm -rf $(SHARE)/resum $(LIBRARY)/resum
	rm -f $(COMMAND)-$(LUA_VERSION) $(COMMAND)
	for left in $(COMMAND)-5.*; do [ ! -e $$left ] || ln -sf $${left##*/} $(COMMAND); done
	[ -e $(COMMAND) ] || rm -f $(MANUAL)

# The installed nmap is asked which Lua it has, and where that looks for modules when the environment is empty, as
# under sudo; and where nmap has its scripts.
.PHONY: nse install-nse uninstall-nse
NMAP ?= nmap
NMAP_LUA = $(shell $(NMAP) --version 2>/dev/null | sed -n 's/.*liblua-\([0-9]*\.[0-9]*\).*/\1/p')
NMAP_PATHS = $(eval NMAP_PATHS := $(shell env -i $$(command -v $(NMAP)) --script lua/nse/where.nse 2>/dev/null \
  | sed -n 's/^resum: //p'))$(NMAP_PATHS)
NMAP_PATH = $(DESTDIR)$(or $(patsubst $(1)=%,%,$(filter $(1)=%,$(NMAP_PATHS))),$(error $(NMAP) does not say its $(1)))
NSE_SCRIPTS = tls-resumption.nse tls-resumption-rate.nse
NSE_INSTALL = LUA_VERSION=$(NMAP_LUA) SHARE=$(call NMAP_PATH,share) LIBRARY=$(call NMAP_PATH,library)
nse: packages-nmap ## build for the Lua of the installed nmap
	@[ -n "$(NMAP_LUA)" ] || { echo "resum: $(NMAP) says of no Lua that it has" >&2; exit 1; }
	@$(MAKE) --no-print-directory all LUA_VERSION=$(NMAP_LUA)

install-nse: nse ## install the module and the scripts where that nmap finds them (DESTDIR)
	@$(MAKE) --no-print-directory install-library $(NSE_INSTALL)
	install -D -m 644 -t $(call NMAP_PATH,scripts) $(addprefix lua/nse/,$(NSE_SCRIPTS))
	$(if $(DESTDIR),,$(NMAP) --script-updatedb)

uninstall-nse: ## remove what install-nse put there
	rm -f $(addprefix $(call NMAP_PATH,scripts)/,$(NSE_SCRIPTS))
	rm -rf $(call NMAP_PATH,share)/resum $(call NMAP_PATH,library)/resum
	$(if $(DESTDIR),,$(NMAP) --script-updatedb)

# LDoc wants each file to name its module, and the C files to be one: it gets copies that do.
.PHONY: docs
DOC_SOURCES = build/docs-source
docs: packages-docs ## the API pages, in build/docs
	@rm -rf $(DOC_SOURCES) build/docs
	@for file in $$(cd lua && find resum -name '*.lua'); do \
	  module=$$(echo $${file%.lua} | sed 's,/init$$,,; s,/,.,g'); mkdir -p $(DOC_SOURCES)/$${file%/*}; \
	  awk -v module=$$module 'NR == 1 { sub(/^-+/, "---") } !done && !/^-/ { print "-- @module " module; done = 1 } 1' \
	    lua/$$file > $(DOC_SOURCES)/$$file; done
	@{ printf '/*** TLS handshakes as byte machines: bytes in, bytes out.\n@module resum.core\n*/\n'; \
	  cat $(SOURCES); } > $(DOC_SOURCES)/core.c
	lua5.1 /usr/bin/ldoc --quiet --fatalwarnings -c docs/config.ld $(DOC_SOURCES)

.PHONY: clean
clean: ## remove build/
	rm -rf build

.PHONY: help
help: ## print this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 24

# packages-X installs what is missing of X_PACKAGES. A service of a package is not started: policy-rc.d says no
# for the time of the installation.
.PHONY: packages-build packages-scan packages-test packages-test-all packages-lint packages-docs packages-nmap \
  packages-fuzz
packages-build: NEEDED = $(BUILD_PACKAGES)
packages-scan: NEEDED = $(SCAN_PACKAGES)
packages-test: NEEDED = $(TEST_PACKAGES)
packages-test-all: NEEDED = $(TEST_ALL_PACKAGES)
packages-lint: NEEDED = $(LINT_PACKAGES)
packages-docs: NEEDED = $(DOC_PACKAGES)
packages-fuzz: NEEDED = $(FUZZ_PACKAGES)
packages-nmap: NEEDED = $(if $(shell command -v $(NMAP)),,nmap)
packages-build packages-scan packages-test packages-test-all packages-lint packages-docs packages-nmap packages-fuzz:
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
