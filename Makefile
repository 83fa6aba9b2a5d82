# A thin front for people who come from C; cargo does the work.
#
#     make                  the library, and build/pkgconfig for using it from here
#     make demo             two servers, and everything that can befall one of them (about 10 s)
#     make test             all suites
#     make install          PREFIX (/usr/local), BINDIR, LIBDIR, INCLUDEDIR, DESTDIR

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
DESTDIR ?=

CARGO ?= cargo
INSTALL ?= install
# Which of Cargo.toml's profiles to build, to install and to show: release or checked.
PROFILE ?= release

VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml | head -n 1)
# The number in the SONAME, which build.rs sets: it changes when old programs could break.
SOVERSION := 0

CARGO_TARGET_DIR ?= target
BUILT = $(abspath $(CARGO_TARGET_DIR))/$(PROFILE)
BUILD = $(CURDIR)/build

# Compiling and linking against this tree without installing and without pkg-config.
IN_TREE = PEERMON_CFLAGS="-I$(CURDIR)/include" \
	PEERMON_LIBS="-L$(BUILT) -lpeermon -Wl,-rpath,$(BUILT)"

FILL_IN = sed -e 's|@VERSION@|$(VERSION)|'

all: build

# The loader looks for the SONAME, so the build tree gets that name too.
build:
	$(CARGO) build --profile $(PROFILE)
	ln -sf libpeermon.so $(BUILT)/libpeermon.so.$(SOVERSION)
	mkdir -p $(BUILD)/pkgconfig
	$(FILL_IN) -e 's|@PREFIX@|$(CURDIR)|' -e 's|@LIBDIR@|$(BUILT)|' \
		-e 's|@INCLUDEDIR@|$(CURDIR)/include|' peermon.pc.in > $(BUILD)/pkgconfig/peermon.pc

# All examples; the C++ one wants a C++ compiler.
examples: build
	$(MAKE) -C examples-c OUT=$(BUILD)/$(PROFILE)/examples $(IN_TREE) all

demo: build
	$(MAKE) -C examples-c OUT=$(BUILD)/$(PROFILE)/examples $(IN_TREE) c
	$(MAKE) -C demo OUT=$(BUILD)/demo
	$(BUILD)/demo/demo $(BUILD)/$(PROFILE)/examples/legacy_server

# Five million simulated seconds instead of one (two to five minutes).
soak:
	PEERMON_SIM_SECONDS=$${PEERMON_SIM_SECONDS:-5000000} $(CARGO) test --profile checked --test sim \
		random_worlds -- --nocapture

# What peermon costs its host, by the kernel's accounts (20 s); PEERMON_ACCEPT=1 puts it into the README.
cost: build
	PEERMON_COST_LIBRARY=$(BUILT)/libpeermon.so $(CARGO) test --profile checked --test accounting \
		the_host_pays -- --nocapture

# peermon and other failure detectors in one harness (root; hours; ARGS=--quick, --only WORD, --install).
versus: build
	benches/versus/run $(ARGS)

# What peermon promises about detection, measured (root; about an hour, ARGS=--quick: minutes).
detection: build
	benches/detection/run $(ARGS)

# One line per suite.
test:
	$(CARGO) build --profile checked
	$(CARGO) test --profile checked
	$(MAKE) examples PROFILE=checked CFLAGS="-O2 -Wall -Wextra -Werror" CXXFLAGS="-O2 -Wall -Wextra -Werror"
	$(MAKE) demo PROFILE=checked

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

# Builds nothing, so that it can run as root where only the user has a Rust toolchain.
install:
	@test -f $(BUILT)/libpeermon.so || { echo 'nothing is built yet: run make first' >&2; exit 1; }
	$(INSTALL) -d $(DESTDIR)$(LIBDIR) $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(PKGCONFIGDIR)
	$(INSTALL) -m 755 $(BUILT)/libpeermon.so $(DESTDIR)$(LIBDIR)/libpeermon.so.$(VERSION)
	ln -sf libpeermon.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libpeermon.so.$(SOVERSION)
	ln -sf libpeermon.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libpeermon.so
	$(INSTALL) -m 644 $(BUILT)/libpeermon.a $(DESTDIR)$(LIBDIR)/libpeermon.a
	$(INSTALL) -m 644 include/peermon.h include/peermon.hpp $(DESTDIR)$(INCLUDEDIR)
	$(FILL_IN) -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' peermon.pc.in > $(DESTDIR)$(PKGCONFIGDIR)/peermon.pc
	chmod 644 $(DESTDIR)$(PKGCONFIGDIR)/peermon.pc
	$(INSTALL) -d $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 755 $(BUILT)/peermonctl $(DESTDIR)$(BINDIR)/peermonctl
	@test -n "$(DESTDIR)" || echo 'if the loader does not find libpeermon.so.$(SOVERSION), run ldconfig'

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/peermonctl $(DESTDIR)$(LIBDIR)/libpeermon.so $(DESTDIR)$(LIBDIR)/libpeermon.so.$(SOVERSION) \
		$(DESTDIR)$(LIBDIR)/libpeermon.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libpeermon.a \
		$(DESTDIR)$(INCLUDEDIR)/peermon.h $(DESTDIR)$(INCLUDEDIR)/peermon.hpp \
		$(DESTDIR)$(PKGCONFIGDIR)/peermon.pc

clean:
	$(CARGO) clean
	rm -rf build

.PHONY: all build cost soak versus detection examples demo test lint install uninstall clean
