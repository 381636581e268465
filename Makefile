# resum: `make help` prints the targets.

LUA_VERSION ?= 5.4
CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
DESTDIR ?=
LUA = lua$(LUA_VERSION)

# SAN=1: a build with AddressSanitizer and UndefinedBehaviorSanitizer, beside the usual one.
ifdef SAN
BUILD = build/$(LUA_VERSION)-san
SAN_FLAGS = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else
BUILD = build/$(LUA_VERSION)
endif

WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wconversion
PACKAGES = lua$(LUA_VERSION) openssl
BUILD_FLAGS = -std=c99 -fPIC -fvisibility=hidden $(WARNINGS) $(SAN_FLAGS) \
  $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
LIBS = $(shell pkg-config --libs openssl 2>/dev/null)

SOURCES = $(wildcard plugin/*.c)
OBJECTS = $(SOURCES:plugin/%.c=$(BUILD)/plugin/%.o)
CORE = $(BUILD)/resum/core.so
SPEC_SOURCES = $(wildcard spec/support/*.c)
SPEC_MODULES = $(SPEC_SOURCES:%.c=$(BUILD)/%.so)

.PHONY: all
all: ## build resum.core for Lua 5.4 (LUA_VERSION=5.3 for nmap of Debian 12)
all: $(CORE)

$(CORE): $(OBJECTS)
	@mkdir -p $(@D)
	$(CC) -shared $(SAN_FLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/plugin/%.o: plugin/%.c
	@mkdir -p $(@D)
	$(CC) $(BUILD_FLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/spec/support/%.so: spec/support/%.c
	@mkdir -p $(@D)
	$(CC) -shared -Iplugin $(BUILD_FLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< $(LIBS)

-include $(wildcard $(BUILD)/plugin/*.d)
