# GK Mail. `make help` lists what there is to do.
#
# One makefile for the whole tree. A new .c file needs no entry here: lib/ becomes one archive, each program is the
# .c files of its folders, x_test.c is a unit test and x_fuzz.c a fuzz target wherever it stands.

.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

VERSION  := 0.1.0
# Also when root installs what somebody else has built.
BUILD_ID := $(VERSION)-$(shell git -c safe.directory='*' rev-parse --short=12 HEAD 2>/dev/null || \
	cat etc/build-id 2>/dev/null || echo local)

prefix      ?= /usr/local
sbindir     ?= $(prefix)/sbin
libexecdir  ?= $(prefix)/libexec
mandir      ?= $(prefix)/share/man
datadir     ?= $(prefix)/share
sysconfdir  ?= $(if $(filter /usr /usr/local,$(prefix)),/etc,$(prefix)/etc)
DESTDIR     ?=

B      ?= build
CC     := gcc
CLANG  ?= clang-14
PYTHON ?= /usr/bin/python3
SUITES ?= $(wildcard ../shared/data)

# ---- packages -------------------------------------------------------------------------------------------------------

# In a file of its own: the layer of the image that has them changes with it alone (docker/Dockerfile).
DEPS_BUILD := $(strip $(file <etc/build-depends))
# A machine without /etc/hosts (a bare container) has no localhost; this gives it one (RFC 6761 6.3).
LOCALHOST  := $(shell getent hosts localhost >/dev/null || echo libnss-myhostname)
# The web client is bundled by Node 18 or newer: whichever is there, else Debian's.
NODE_READY := $(shell node -e 'process.exit(process.versions.node.split(".")[0] >= 18 ? 0 : 1)' 2>/dev/null && \
	command -v npm >/dev/null && echo yes)
DEPS_RUN   := $(DEPS_BUILD) $(LOCALHOST) $(if $(NODE_READY),,nodejs npm)
DEPS_CHECK := $(DEPS_RUN) clang-14 clang-format-14 libclang-rt-14-dev lld libcmocka-dev mandoc python3 python3-pytest \
	python3-pytest-xdist swaks libnet-ssleay-perl msmtp isync neomutt fetchmail getmail6 mutt s-nail curl python3-gi gir1.2-gmime-3.0 python3-yaml python3-jsonschema git dpkg-dev util-linux mount e2fsprogs procps \
	nsd ldnsutils prometheus prometheus-alertmanager python3-prometheus-client python3-dkim python3-nacl python3-h2 chromium \
	chromium-headless-shell nginx logrotate pebble
# Peers are kept from starting (deps-check).
DEPS_INTEROP := postfix opendkim opendkim-tools opendmarc unbound iproute2 thunderbird
# What `make deb` needs besides.
DEPS_DEB   := $(DEPS_RUN) build-essential debhelper dpkg-dev lintian git
DEPS_BENCH := $(DEPS_RUN) python3 postfix dovecot-imapd dovecot-core nginx nghttp2-client

# ---- flags ----------------------------------------------------------------------------------------------------------

PKGS     := libevent_core libssl libcrypto libsodium sqlite3 libseccomp libutf8proc libidn2 libcap libunbound opendkim expat zlib libcurl libcjson libnghttp2
# libspf2 and wslay have no file for pkg-config.
PKG_LIBS  = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lspf2 -lwslay -lm

WARN := -Wall -Wextra -Werror -Wformat=2 -Wshadow -Wvla -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wundef -Wswitch-enum -Wnull-dereference -Wno-format-nonliteral
BASE_CFLAGS := -std=c17 -D_GNU_SOURCE -O2 -g $(WARN) -fno-strict-aliasing -fno-omit-frame-pointer -fPIE -pthread \
	-Ilib -I. -include base/banned.h
HARDEN := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection \
	-ftrivial-auto-var-init=zero
LDFLAGS := -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed

# The sanitized build is also what the fuzz targets are made of: objects with the counters that libFuzzer reads.
ifdef SAN
CC      := $(CLANG)
CFLAGS  := $(filter-out -O2 $(WARN),$(BASE_CFLAGS)) -O1 -fsanitize=address,undefined,fuzzer-no-link \
	-fno-sanitize-recover=all -DGK_SANITIZED
LDFLAGS += -fsanitize=address,undefined
else
CFLAGS  := $(BASE_CFLAGS) $(HARDEN)
endif
# `make check` compiles tests only here; other code has its warnings from gcc.
ifdef SAN
$(B)/obj/%_test.o: CFLAGS += $(WARN) -Wno-string-concatenation
endif
# Of some hundred links of tests the linker is the price.
FAST_LINK := $(if $(shell command -v ld.lld),-fuse-ld=lld)

# ---- what is built --------------------------------------------------------------------------------------------------

code      = $(filter-out %_test.c %_fuzz.c,$(wildcard $(addsuffix /*.c,$(1))))
LIB_DIRS := $(patsubst %/,%,$(wildcard lib/*/))
LIB_SRC  := $(call code,$(LIB_DIRS))

PROGRAMS          := gk-master gk-authd gk-dnsd gk-smtpd gk-screen gk-sign gk-queue gk-local gk-remote gk-mailboxd gk-imapd gk-webd gk-mcpd gk-aid gk-connect gk-statd gk-acme gkmail sendmail
gk-master_DIRS    := master
gk-authd_DIRS     := authd
gk-dnsd_DIRS      := dnsd
gk-smtpd_DIRS     := smtpd
gk-screen_DIRS    := smtpd/screen smtpd/dkim
gk-sign_DIRS      := smtpd/sign smtpd/dkim
gk-queue_DIRS     := queue
gk-local_DIRS     := delivery/local
gk-remote_DIRS    := delivery/remote
gk-mailboxd_DIRS  := mailboxd mailboxd/imap mailboxd/jmap
gk-imapd_DIRS     := imapd
gk-webd_DIRS      := webd
gk-mcpd_DIRS      := mcpd
gk-aid_DIRS       := aid aid/grammar aid/builtin aid/llm aid/model
gk-connect_DIRS   := connect
gk-statd_DIRS     := statd
gk-acme_DIRS      := acme
gkmail_DIRS       := ctl
sendmail_DIRS     := sendmail
DAEMONS           := $(filter gk-%,$(PROGRAMS))
CODE_DIRS         := $(sort $(LIB_DIRS) $(foreach p,$(PROGRAMS),$($(p)_DIRS)))

comma     := ,
# A program whose main.c is not there yet is left out.
READY  := $(foreach p,$(PROGRAMS),$(if $(wildcard $(firstword $($(p)_DIRS))/main.c),$(p)))
BINS   := $(addprefix $(B)/bin/,$(READY))
UI     := $(or $(BUNDLE),build/ui)
LIB    := $(B)/libgkmail.a
object  = $(patsubst %.c,$(B)/obj/%.o,$(1))

TEST_SRC := $(wildcard $(addsuffix /*_test.c,$(CODE_DIRS)))
TESTS    := $(patsubst %.c,$(B)/test/%,$(TEST_SRC))
# Those of folders with code that the sanitizers go without: `make check` runs the others under them alone.
CONFINED := $(filter $(addprefix $(B)/test/,$(addsuffix %,$(sort $(dir $(shell grep -l '^#if.*def GK_SANITIZED' \
	$(LIB_SRC)))))),$(TESTS))
FUZZ_SRC := $(wildcard $(addsuffix /*_fuzz.c,$(CODE_DIRS)))
FUZZERS  := $(patsubst %.c,$(B)/fuzz/%,$(FUZZ_SRC))
ALL_C    := $(wildcard $(addsuffix /*.c,$(CODE_DIRS) tests tests/unit tests/bench tests/hostile tests/attacks tests/mcp))
ALL_H    := $(wildcard $(addsuffix /*.h,$(CODE_DIRS) tests/unit tests/bench tests/hostile))

.PHONY: help all run check check-long build unit unit-confined ui-unit browser e2e e2e-asan e2e-long conformance asan mcp fuzz fuzz-short crash interop bench lint tidy format install uninstall deb packages packaging clean \
	image image-docker image-podman image-check image-push sbom scan version-check release-files \
	deps deps-check deps-deb deps-packages deps-bench samples FORCE

help: ## this list
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

all: $(BINS) $(UI)/policy $(B)/compile_commands.json ## build every program into build/bin

# ---- compiling ------------------------------------------------------------------------------------------------------

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

# Changes of the flags rebuild; the build id is compiled into one file only.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CFLAGS)' >$@
$(B)/build_id.h: FORCE
	@mkdir -p $(@D)
	@new=$@.$$$$; printf '#define %s "%s"\n' GK_VERSION '$(VERSION)' GK_BUILD '$(BUILD_ID)' \
		GK_CONFIG '$(sysconfdir)/gkmail/gkmail.toml' >$$new; cmp -s $$new $@ && rm $$new || mv $$new $@
$(B)/obj/lib/svc/build.o: $(B)/build_id.h
$(B)/obj/lib/svc/build.o: CFLAGS += -I$(B)
FORCE:

$(LIB): $(call object,$(LIB_SRC))
	@rm -f $@
	@ar rcs $@ $^

define program_rule
$(B)/bin/$(1): $(call object,$(call code,$($(1)_DIRS))) $(LIB)
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	@$(CC) $(LDFLAGS) -o $$@ $$^ $$(PKG_LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rule,$(p))))

# The same programs for tests that leave out syncs and make operations fail (lib/io/file_fault.h): a few other objects in
# front of the library.
FAULT_OBJ  := $(patsubst %.c,$(B)/faults/obj/%.o,lib/io/file.c lib/io/file_fault.c lib/db/db_file.c)
FAULT_BINS := $(addprefix $(B)/faults/bin/,$(READY))
$(B)/faults/obj/%.o: CFLAGS += -DGK_FAULTS
$(B)/faults/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<
define fault_rule
$(B)/faults/bin/$(1): $(call object,$(call code,$($(1)_DIRS))) $(FAULT_OBJ) $(LIB)
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	@$(CC) $(LDFLAGS) $(FAST_LINK) -o $$@ $$^ $$(PKG_LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call fault_rule,$(p))))

# The page (webd/ui) is the same in every build. `policy` is the last file written: what depends on the page depends on it.
# BUNDLE=folder: it is made already.
UI_SRC := $(shell find webd/ui -type f -not -path '*/node_modules/*' -not -path '*/test/*' 2>/dev/null)
webd/ui/node_modules/.package-lock.json: webd/ui/package-lock.json webd/ui/package.json
	@[ -n "$(NODE_READY)" ] || { echo "webd/ui needs Node 18 or newer and npm: make deps" >&2; exit 1; }
	@echo "  NPM   webd/ui"
	@cd webd/ui && npm ci --ignore-scripts --silent
	@touch $@
ifndef BUNDLE
$(UI)/policy: webd/ui/node_modules/.package-lock.json $(UI_SRC)
	@cd webd/ui && node build.mjs
endif

# It is part of gk-webd.
$(B)/page_files.h: webd/embed.py $(UI)/policy
	@mkdir -p $(@D)
	@$(PYTHON) webd/embed.py $(UI) >$@
$(B)/obj/webd/page.o: $(B)/page_files.h
$(B)/obj/webd/page.o: CFLAGS += -I$(B)

# A unit test is linked with the other objects of its folder (but main) and with the library. (A % written in a pattern
# rule would be replaced by its stem, hence a function.)
no_main = $(filter-out %/main.o,$(1))
# Beside a main.c that is all folders of the program.
folder_dirs = $(or $(strip $(foreach p,$(PROGRAMS),$(if $(filter $(1),$(firstword $($(p)_DIRS))),$($(p)_DIRS)))),$(1))
folder_code = $(if $(filter-out lib/%,$(1)),$(call code,$(call folder_dirs,$(patsubst %/,%,$(dir $(1))))))
.SECONDEXPANSION:
$(B)/test/%: $(B)/obj/%.o $(B)/obj/tests/nosync.o $$(call no_main,$$(call object,$$(call folder_code,$$*))) $(LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) $(FAST_LINK) -o $@ $^ $(PKG_LIBS) -lcmocka
# It is the provider itself, in place of who would connect to one.
$(B)/test/aid/talk_test: LDFLAGS += -Wl,--wrap=post_start,--wrap=post_cancel

# Small programs that tests drive.
TOOL_SRC := $(wildcard tests/unit/*.c tests/bench/*.c)
TOOLS    := $(addprefix $(B)/tools/,$(notdir $(TOOL_SRC:.c=)))
$(B)/tools/%: $(B)/obj/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter-out $(LIB),$^) $(LIB) $(PKG_LIBS)
$(B)/tools/dkim_tool: $(call object,$(call code,smtpd/dkim))
$(B)/tools/spf_tool: $(call object,smtpd/screen/spf2.c)
$(B)/tools/jmap_tool: $(call object,$(call code,mailboxd/jmap))
$(B)/tools/owner_attack: $(call no_main,$(call object,$(call code,$(gk-mailboxd_DIRS))))
$(B)/tools/%: $(B)/obj/tests/bench/%.o $(LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

# What runs in place of a parser's hole: a library loaded into every daemon, and daemons with hostile code linked in
# front of some functions. Never installed.
HOSTILE := $(addprefix $(B)/tools/hostile/,preload.so gk-imapd gk-webd gk-smtpd gk-screen gk-remote gk-mailboxd gk-mcpd gk-aid)
TOOLS   += $(HOSTILE)
$(B)/tools/hostile/preload.so: tests/hostile/preload.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(filter-out -include base/banned.h,$(CFLAGS)) -fPIC -shared -o $@ $<
$(B)/tools/hostile/gk-imapd: WRAP := ipc_call park_message
$(B)/tools/hostile/gk-webd: WRAP := ipc_call
$(B)/tools/hostile/gk-smtpd: WRAP := file_memory ipc_take_fd ipc_end ipc_call ipc_send
$(B)/tools/hostile/gk-mcpd: WRAP := mcp_tools_call ipc_call
$(B)/tools/hostile/gk-aid: WRAP := ipc_call
$(B)/tools/hostile/gk-screen: WRAP := check_run
$(B)/tools/hostile/gk-remote: WRAP := ipc_reply
$(B)/tools/hostile/gk-mailboxd: WRAP := jmap_conn_new jmap_conn_rest jmap_conn_bye jmap_conn_free
$(B)/tools/hostile/gk-%: $(B)/obj/tests/hostile/%.o $$(call object,$$(call code,$$(gk-$$*_DIRS))) $(LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) $(addprefix -Wl$(comma)--wrap=,$(WRAP)) -o $@ $^ $(PKG_LIBS)

# gk-aid without its gate: the suite of attacks has to fail on it. Never installed.
TOOLS += $(B)/tools/ungated/gk-aid
$(B)/tools/ungated/gk-aid: $(B)/obj/tests/attacks/ungated.o $$(call object,$$(call code,$$(gk-aid_DIRS))) $(LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) -Wl,--wrap=mcp_call -o $@ $^ $(PKG_LIBS)

# gk-mcpd with what the public conformance suite of MCP asks for in place of our tools. Never installed.
MCP_SUITE := tests/mcp/node_modules/.package-lock.json
FIXTURES := mcp_tools_list mcp_tools_call mcp_resources_list mcp_resource_templates mcp_resources_read mcp_resource_known \
	mcp_complete mcp_prompts_list mcp_prompts_get
TOOLS += $(B)/tools/mcp/gk-mcpd
$(B)/tools/mcp/gk-mcpd: $(B)/obj/tests/mcp/fixture.o $(call object,$(call code,mcpd)) $(LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) $(addprefix -Wl$(comma)--wrap=,$(FIXTURES)) -o $@ $^ $(PKG_LIBS)

# Fuzz targets, in the sanitized build.
ifdef SAN
$(FUZZERS): $(B)/fuzz/%: $(B)/obj/%.o $$(call no_main,$$(call object,$$(call folder_code,$$*))) $(LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) $(FAST_LINK) -fsanitize=fuzzer -Wl,--allow-multiple-definition -o $@ $^ $(PKG_LIBS) -lcmocka
endif

$(B)/compile_commands.json: Makefile
	@mkdir -p $(@D)
	@$(PYTHON) -c 'import json,sys; \
	print(json.dumps([{"directory": sys.argv[1], "file": f, "command": sys.argv[2] + " -c " + f} for f in sys.argv[3:]], indent=1))' \
	"$(CURDIR)" '$(CC) $(BASE_CFLAGS) -I$(B)' $(ALL_C) >$@ 2>/dev/null || echo '[]' >$@

-include $(shell find $(B) -path $(B)/deb -prune -o -name '*.d' -type f -print 2>/dev/null)

# ---- running and checking -------------------------------------------------------------------------------------------

# $(call need,PACKAGES): installs what is missing, saying what.
define need
	@missing=$$(for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done | xargs); \
	if [ -n "$$missing" ]; then \
		echo "Installing Debian packages: $$missing"; \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get -qq update && \
		$$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $$missing >/dev/null; \
	fi
endef

deps: ## install what building and running needs
	$(call need,$(DEPS_RUN))
deps-check: ## install what the tests need
	@etc/without-starting $(MAKE) --no-print-directory deps-check-packages
deps-check-packages:
	$(call need,$(DEPS_CHECK) $(if $(filter 0,$(shell id -u)),$(DEPS_INTEROP)))
deps-bench: ## install what the benchmarks need
	@etc/without-starting $(MAKE) --no-print-directory deps-bench-packages
deps-bench-packages:
	$(call need,$(DEPS_BENCH))

run: deps ## build and start the whole suite in a sandbox, with demo users
	@$(MAKE) --no-print-directory all
	@exec $(B)/bin/gkmail sandbox --demo --dir $(B)/run

# ONLY=files of a part: of these alone. AGAIN: the parts whose failed files are run once more, alone (tests/run-check).
AGAIN ?= e2e interop mcp browser
# What computes goes beside what waits. Everything is built first, so that no two parts build the same.
check: deps-check ## every test
	@AGAIN="$(AGAIN)" tests/run-check $(B)/check '$(MAKE_COMMAND) --no-print-directory $(MAKEOVERRIDES) ONLY=' build \
		"lint packaging ui-unit conformance asan unit-confined fuzz-short" "e2e interop" "mcp browser crash"

build: all $(CONFINED) $(TOOLS) $(FAULT_BINS)

check-long: export AGAIN :=
check-long: check tidy ## the long forms of the tests too
	@RACES=10000 GKMAIL_LONG=1 $(MAKE) --no-print-directory e2e-long
	@$(MAKE) --no-print-directory e2e-asan
	@GKMAIL_LONG=1 $(MAKE) --no-print-directory crash POINTS=1000
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=60
	@$(MAKE) --no-print-directory packages
	@[ $$(id -u) != 0 ] || { $(MAKE) --no-print-directory image && GKMAIL_LONG=1 $(MAKE) --no-print-directory image-check; }

unit: $(TESTS) ## unit tests
	@tests/run-unit $(TESTS)

unit-confined: $(CONFINED)
	@tests/run-unit $(CONFINED)

ui-unit: webd/ui/node_modules/.package-lock.json ## unit tests of the web client
	@cd webd/ui && npm run --silent test

# A network of its own, where that can be had: Chromium drops what it loads when an interface of the host comes or goes. One
# interface beside lo, that leads nowhere: without any Chromium is offline from the first, and does not tell when it is put so.
OWN_NET := $(if $(filter 0,$(shell id -u)),unshare -n sh -c 'ip link set lo up && ip link add v0 type veth peer name v1 && \
	ip addr add 192.0.2.1/24 dev v0 && ip link set v0 up && ip link set v1 up && exec "$$@"' sh)

browser: all ## the page in Chromium on the real suite; screenshots in build/screenshots
	@cd webd/ui && npm run --silent build:test
	@GKMAIL_BIN="$(abspath $(B))/bin" GKMAIL_SUITES="$(abspath $(SUITES))" GKMAIL_SHOTS="$(abspath build/screenshots)" \
		$(OWN_NET) node --test --test-concurrency=1 --test-reporter=spec $(or $(ONLY),tests/browser/*.test.mjs)

asan: ## unit tests under ASan and UBSan
	@$(MAKE) --no-print-directory B=$(B)/asan SAN=1 unit

PYTEST := $(PYTHON) -m pytest -q -p no:cacheprovider
e2e: all $(TOOLS) ## end-to-end tests on the real suite (as root: most of them again as an ordinary user)
	@ONLY="$(ONLY)" GKMAIL_SUITES="$(abspath $(SUITES))" tests/run-e2e $(B) $(PYTEST)

E2E_ASAN := $(addprefix tests/e2e/,test_web_auth.py test_web_http.py test_web_pipe.py test_websocket.py test_jmap_core.py \
	test_jmap_push.py test_mcp_http.py test_mcp_stdio.py test_mcp_client.py test_mcp_tools.py test_mcp_tools_hostile.py \
	test_mcp_many.py test_agents.py test_agents_send.py test_undo.py test_audit.py test_assistant.py test_assistant_phrases.py \
	test_llm.py test_attacks.py test_hostile_aid.py test_hostile_owner.py)
# Of the sandbox, which is open there; of memory, of which ASan keeps what was freed.
E2E_NOT_ASAN := $(addprefix --deselect tests/e2e/,test_llm.py::test_nothing_is_connected_to_but_the_provider \
	test_hostile_owner.py::test_an_answer_without_end)
# Leaks are looked for where daemons have no root of their own: without a /proc none are found.
E2E_ASAN_TOOLS := $(addprefix $(B)/asan/tools/,$(addprefix hostile/,gk-mcpd gk-aid gk-smtpd gk-mailboxd) ungated/gk-aid)
e2e-asan: ## end-to-end tests of the web and of agents with every daemon under ASan and UBSan
	@$(MAKE) --no-print-directory B=$(B)/asan SAN=1 all $(E2E_ASAN_TOOLS)
	@ASAN_OPTIONS=detect_leaks=$(if $(filter 0,$(shell id -u)),0,1) GKMAIL_BIN="$(abspath $(B))/asan/bin" PYTHONDONTWRITEBYTECODE=1 \
		$(PYTEST) -n 3 --dist loadfile $(E2E_ASAN) $(E2E_NOT_ASAN)

E2E_LONG := $(addprefix tests/e2e/,test_races.py test_idle.py)
e2e-long: all
	@GKMAIL_BIN="$(abspath $(B))/bin" PYTHONDONTWRITEBYTECODE=1 $(PYTEST) -s $(E2E_LONG)

interop: all ## mail across GK Mail twice, Postfix and a signed DNS, in a network of their own (root only)
	@GKMAIL_BIN="$(abspath $(B))/bin" PYTHONDONTWRITEBYTECODE=1 $(PYTEST) -rfEs $(or $(ONLY),tests/interop)

POINTS ?= 30
crash: all $(FAULT_BINS) ## cut the power of a file system under users at work, at POINTS instants (root only); fail disks
	@GKMAIL_POINTS=$(POINTS) GKMAIL_BIN="$(abspath $(B))/bin" GKMAIL_FAULT_BIN="$(abspath $(B))/faults/bin" \
		PYTHONDONTWRITEBYTECODE=1 $(PYTEST) -n 3 tests/crash

# They need Node 22: from npm too (185 MB) where none is installed.
NODE22 = $(shell node -e 'process.exit(process.versions.node.split(".")[0] >= 22 ? 0 : 1)' 2>/dev/null && echo yes)
$(MCP_SUITE): tests/mcp/package.json tests/mcp/package-lock.json
	@[ -n "$(NODE_READY)" ] || { echo "tests/mcp needs npm: make deps" >&2; exit 1; }
	@echo "  NPM   tests/mcp"
	@cd tests/mcp && npm ci --ignore-scripts --silent $(if $(NODE22),--omit=optional) && touch ../../$@

mcp: all $(TOOLS) $(MCP_SUITE) ## the public conformance suite of MCP, and its official clients (from npm, 60 MB or, without a Node 22, 245)
	@GKMAIL_BIN="$(abspath $(B))/bin" GKMAIL_TOOLS="$(abspath $(B))/tools" PYTHONDONTWRITEBYTECODE=1 $(PYTEST) -rfEs -n 2 \
		--dist loadfile $(or $(ONLY),tests/mcp)

conformance: all $(TOOLS) ## public test suites (SUITES=folder)
	@if [ -d "$(SUITES)" ]; then GKMAIL_SUITES="$(abspath $(SUITES))" GKMAIL_TOOLS="$(B)/tools" $(PYTEST) tests/conformance; \
	else echo "conformance: no folder of test suites (SUITES=…): skipped"; fi

FUZZ_SECONDS ?= 60
ifdef SAN
fuzz: $(FUZZERS)
	@tests/run-fuzz $(FUZZ_SECONDS) $(B)/fuzz $(FUZZERS)
else
fuzz: ## fuzz every parser, FUZZ_SECONDS each
	@$(MAKE) --no-print-directory B=$(B)/asan SAN=1 fuzz
fuzz-short:
	@$(MAKE) --no-print-directory B=$(B)/asan SAN=1 FUZZ_SECONDS=short fuzz
endif

bench: deps-bench ## compare with Postfix, Dovecot and nginx, as a table
	@$(MAKE) --no-print-directory all $(addprefix $(B)/tools/,load webload imapload)
	@$(PYTHON) tests/bench/bench.py --build $(B) $(BENCH)

lint: webd/ui/node_modules/.package-lock.json $(B)/bin/gkmail ## layout, floors of the house, manual pages, what `make samples` writes, types and layout of the web client
	@tests/lint $(ALL_C) $(ALL_H)
	@$(PYTHON) docs/samples.py $(B)/bin/gkmail --check
	@cd webd/ui && npm run --silent check && npm run --silent lint

# Of the system's headers cppcheck reads those whose macros it must know. It takes OBJ() for a doubt about the pointer, and asks why
# it was followed before.
CPPCHECK_MACROS = $(addprefix --include=,$(shell $(CC) -M -include sys/queue.h -x c /dev/null | grep -o '/[^ ]*/queue.h') \
	/usr/include/uthash.h /usr/include/cjson/cJSON.h)
tidy: $(B)/compile_commands.json ## clang-tidy and cppcheck over everything
	$(call need,clang-tidy-14 cppcheck)
	@echo $(filter-out %_fuzz.c,$(ALL_C)) | xargs -n 1 -P $$(nproc) clang-tidy-14 --quiet -p $(B)
	cppcheck --quiet -j $$(nproc) --enable=warning,portability --error-exitcode=1 --inline-suppr \
		--suppress=nullPointerRedundantCheck -Ilib -I. -D__clang_analyzer__ $(CPPCHECK_MACROS) $(CODE_DIRS)

samples: all ## write anew what is printed from tables: etc/gkmail.toml, etc/gkmail.bash, etc/grafana, the keys of gkmail.toml(5), the events of LOGS.md
	$(PYTHON) docs/samples.py $(B)/bin/gkmail

format: ## lay the code out
	@clang-format-14 -i $(ALL_C) $(ALL_H)
	@[ ! -d webd/ui/node_modules ] || (cd webd/ui && npm run --silent format >/dev/null)

# ---- installing -----------------------------------------------------------------------------------------------------

# What stands in files of etc/ and is another path in this installation.
PATHS := -e 's|/usr/local/sbin|$(sbindir)|g' -e 's|/usr/local/libexec|$(libexecdir)|g' \
	-e 's|/etc/gkmail|$(sysconfdir)/gkmail|g'
UNITDIR := $(prefix)/lib/systemd/system
USERDIR := $(prefix)/lib/sysusers.d
TMPFDIR := $(prefix)/lib/tmpfiles.d
DOCDIR  := $(datadir)/doc/gkmail
SHAREDIR := $(datadir)/gkmail
WATCH   := $(patsubst etc/%,%,$(wildcard etc/prometheus/*.yml etc/grafana/dashboards/*.json etc/grafana/provisioning/*/*.yml))
UNITS   := $(wildcard etc/gkmail.service etc/systemd/*)
BASHDIR := $(datadir)/bash-completion/completions
# sendmail.8gkmail: other mail servers have a sendmail.8.
MANUALS  = $(foreach m,$(wildcard man/*.[158] man/*.8gkmail),\
	$(mandir)/man$(patsubst .8%,8,$(subst .1,1,$(subst .5,5,$(suffix $(m)))))/$(notdir $(m)))

install: all ## install below $(DESTDIR)$(prefix), and an init script in $(DESTDIR)$(sysconfdir)
	@install -d $(addprefix $(DESTDIR),$(libexecdir)/gkmail $(sbindir) $(sort $(dir $(MANUALS))) $(BASHDIR) $(DOCDIR) \
		$(UNITDIR) $(USERDIR) $(TMPFDIR) $(sysconfdir)/init.d $(sysconfdir)/logrotate.d)
	@install -m 755 $(addprefix $(B)/bin/,$(filter gk-%,$(READY))) $(DESTDIR)$(libexecdir)/gkmail/
	@install -m 755 $(B)/bin/gkmail $(B)/bin/sendmail $(DESTDIR)$(sbindir)/
	@for m in $(MANUALS); do install -m 644 man/$${m##*/} $(DESTDIR)$$m || exit 1; done
	@install -m 644 etc/gkmail.bash $(DESTDIR)$(BASHDIR)/gkmail
	@install -m 644 etc/gkmail.toml README.md LICENSE docs/*.md $(DESTDIR)$(DOCDIR)/
	@for f in $(WATCH); do install -D -m 644 etc/$$f $(DESTDIR)$(SHAREDIR)/$$f || exit 1; done
	@install -m 644 etc/gkmail.sysusers $(DESTDIR)$(USERDIR)/gkmail.conf
	@install -m 644 etc/gkmail.tmpfiles $(DESTDIR)$(TMPFDIR)/gkmail.conf
	@for u in $(UNITS); do sed $(PATHS) $$u | install -m 644 /dev/stdin $(DESTDIR)$(UNITDIR)/$${u##*/} || exit 1; done
	@sed $(PATHS) etc/gkmail.init | install -m 755 /dev/stdin $(DESTDIR)$(sysconfdir)/init.d/gkmail
	@[ -e $(DESTDIR)$(sysconfdir)/logrotate.d/gkmail ] || \
		install -m 644 etc/gkmail.logrotate $(DESTDIR)$(sysconfdir)/logrotate.d/gkmail
	@echo "GK Mail $(BUILD_ID) is installed in $(DESTDIR)$(prefix). Next: $(sbindir)/gkmail setup"

uninstall: ## remove what install put there; mail and configuration stay
	@rm -rf $(DESTDIR)$(libexecdir)/gkmail $(DESTDIR)$(DOCDIR) $(DESTDIR)$(SHAREDIR)
	@rm -f $(addprefix $(DESTDIR),$(sbindir)/gkmail $(sbindir)/sendmail $(MANUALS) $(BASHDIR)/gkmail $(USERDIR)/gkmail.conf $(TMPFDIR)/gkmail.conf \
		$(addprefix $(UNITDIR)/,$(notdir $(UNITS))) $(sysconfdir)/init.d/gkmail $(sysconfdir)/logrotate.d/gkmail)
	@echo "GK Mail is removed from $(DESTDIR)$(prefix); $(sysconfdir)/gkmail and the mail stay"

# ---- the Debian package ---------------------------------------------------------------------------------------------

# Built by dpkg-buildpackage in a copy of what git knows, with the objects that are there already and the web client
# bundled: it asks no network. DEB_VERSION: another than debian/changelog has.
DEB_VERSION ?= $(shell sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)
DEB         := $(B)/deb/gkmail-$(DEB_VERSION)
deb: deps-deb ## a Debian package, in build/deb, and what lintian says of it
	@$(MAKE) --no-print-directory all
	@rm -rf $(B)/deb/*$(DEB_VERSION)* && mkdir -p $(DEB)/build
	@git -c safe.directory='*' ls-files -z | xargs -0 cp -p --parents -t $(DEB)
	@cp -rp $(B)/obj $(B)/flags $(DEB)/build/ && cp -rp $(UI) $(DEB)/debian/bundle
	@sed -i '1s/(.*)/($(DEB_VERSION))/' $(DEB)/debian/changelog
	@cd $(DEB) && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS GK_BUILD_ID=$(DEB_VERSION)-$(lastword $(subst -, ,$(BUILD_ID))) \
		dpkg-buildpackage --build=binary --no-sign --no-pre-clean -J >../gkmail-$(DEB_VERSION).log 2>&1 || \
		{ tail -50 ../gkmail-$(DEB_VERSION).log; exit 1; }
	@lintian --allow-root --fail-on error,warning $(B)/deb/gkmail_$(DEB_VERSION)_*.changes
	@ls -s --block-size=KiB $(B)/deb/*_$(DEB_VERSION)_*.deb
deps-deb:
	$(call need,$(DEPS_DEB))

# The package in a machine of its own, and the next version of it.
NEXT := $(DEB_VERSION)+next
packages: deb ## the package in a fresh Debian 12: installed, used, upgraded, removed (root only)
	@[ $$(id -u) != 0 ] || $(MAKE) --no-print-directory deps-packages
	@$(MAKE) --no-print-directory deb DEB_VERSION=$(NEXT)
	@GKMAIL_DEB=$$(ls $(abspath $(B))/deb/gkmail_$(DEB_VERSION)_*.deb) GKMAIL_DEB_NEXT=$$(ls $(abspath $(B))/deb/gkmail_$(NEXT)_*.deb) \
		PYTHONDONTWRITEBYTECODE=1 $(PYTEST) -rs -s tests/packages
deps-packages:
	$(call need,mmdebstrap systemd-container python3-pytest)

PACKAGING := tests/packages/node_modules/.package-lock.json
$(PACKAGING): tests/packages/package.json tests/packages/package-lock.json
	@[ -n "$(NODE_READY)" ] || { echo "tests/packages needs npm: make deps" >&2; exit 1; }
	@echo "  NPM   tests/packages"
	@cd tests/packages && npm ci --ignore-scripts --silent && touch ../../$@

packaging: $(PACKAGING) webd/ui/node_modules/.package-lock.json ## do debian/, docker/, .github/ and the dashboards fit the rest, and what reads them?
	@$(PYTEST) tests/packages/test_control.py tests/packages/test_ci.py tests/packages/test_grafana.py && $(PYTEST) tests/containers/test_compose.py

# ---- the image and releases -----------------------------------------------------------------------------------------

# By docker where it is, else by Debian's buildah and podman on a base made by mmdebstrap: no registry is asked.
IMAGE  ?= gkmail:dev
ENGINE ?= $(if $(shell docker info >/dev/null 2>&1 && echo yes),docker,podman)
image: image-$(ENGINE) ## the image of containers (docker/Dockerfile)
image-docker:
	docker build --load -f docker/Dockerfile --build-arg BUILD_ID=$(BUILD_ID) -t $(IMAGE) .
image-podman: $(UI)/policy
	$(call need,buildah podman runc conmon netavark aardvark-dns iptables mmdebstrap podman-compose)
	@podman image exists localhost/debian:12 || \
		mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io bookworm - | podman import -q - localhost/debian:12 >/dev/null
	@buildah bud --isolation chroot --format docker --layers --quiet -f docker/Dockerfile --build-arg BASE=localhost/debian:12 \
		--build-context web=$(UI) --build-arg BUILD_ID=$(BUILD_ID) -t $(IMAGE) .
image-check: ## the image in containers: size, rights, mail, restarts, the compose files (root only)
	$(call need,python3-pytest python3-yaml curl openssl procps util-linux)
	@GKMAIL_IMAGE=$(IMAGE) GKMAIL_ENGINE=$(ENGINE) PYTHONDONTWRITEBYTECODE=1 $(PYTEST) -rs -s tests/containers/test_image.py
image-push:
	@for tag in $(TAGS); do docker tag $(IMAGE) $$tag && docker push $$tag || exit 1; done
sbom: ## what is in the image, as CycloneDX, in build/image/sbom.json
	@mkdir -p $(B)/image
	@id=$$($(ENGINE) create $(IMAGE)) && $(ENGINE) export $$id | $(PYTHON) docker/sbom.py $(VERSION) webd/ui/package-lock.json \
		>$(B)/image/sbom.json; rc=$$?; $(ENGINE) rm -v $$id >/dev/null; exit $$rc
scan: ## known holes in the packages of npm that the web client is made of
	@cd webd/ui && npm audit --omit=dev --audit-level=high

TAG ?= v$(VERSION)
version-check: ## is the version the same wherever it stands?
	@for v in "$(TAG)" "v$(DEB_VERSION)" "v$$(sed -n 's/^\t"version": "\(.*\)",/\1/p' webd/ui/package.json)"; do \
		[ "$$v" = "v$(VERSION)" ] || { echo "version-check: $$v is not v$(VERSION)" >&2; exit 1; }; done
release-files:
	@gh release create "$(TAG)" --verify-tag --generate-notes $(wildcard $(B)/deb/*_$(DEB_VERSION)_*.deb) $(B)/image/sbom.json

clean: ## forget everything built
	rm -rf $(B)
