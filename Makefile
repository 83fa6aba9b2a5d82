# A thin front for people who come from C; cargo does the work.
#
#     make                  the library, and build/pkgconfig for using it from here
#     make demo             two servers, and everything that can befall one of them (about 10 s)
#     make test             all suites
#     make install          PREFIX (/usr/local), BINDIR, LIBDIR, INCLUDEDIR, MANDIR, DESTDIR
#     make dist             the release for any Linux with glibc 2.17, as an archive in build/dist
#     make deb              Debian's packages, in build/deb

CARGO ?= cargo
# Which of Cargo.toml's profiles to build, to install and to show: release or checked.
PROFILE ?= release

VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml | head -n 1)
# The number in the SONAME, which build.rs sets: it changes when old programs could break.
SOVERSION := 0

CARGO_TARGET_DIR ?= target
BUILT = $(abspath $(CARGO_TARGET_DIR))/$(PROFILE)
BUILD = $(CURDIR)/build

# A release names no folder of the machine that built it. RUSTFLAGS in the environment would take the place of this.
PATHS_release = --config "build.rustflags=['--remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src=/crates', \
	'--remap-path-prefix=$(CURDIR)=/peermon']"

# Compiling and linking against this tree without installing and without pkg-config.
IN_TREE = PEERMON_CFLAGS="-I$(CURDIR)/include" \
	PEERMON_LIBS="-L$(BUILT) -lpeermon -Wl,-rpath,$(BUILT)"

all: build

include packaging/install.mk

# The loader looks for the SONAME, so the build tree gets that name too.
build:
	$(CARGO) build --profile $(PROFILE) $(PATHS_$(PROFILE))
	ln -sf libpeermon.so $(BUILT)/libpeermon.so.$(SOVERSION)
	mkdir -p $(BUILD)/pkgconfig
	PREFIX=$(CURDIR) PC_PREFIX=$(CURDIR) LIBDIR=$(BUILT) INCLUDEDIR=$(CURDIR)/include PKGCONFIGDIR=$(BUILD)/pkgconfig CMAKEDIR=$(BUILD) \
		$(FILL_IN) packaging/peermon.pc.in > $(BUILD)/pkgconfig/peermon.pc

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

# Nothing lost and nothing late, at length (half an hour): an observer that is killed 200 times, and ten minutes of a
# silent relay and a flooded client port.
notices:
	$(CARGO) build --profile checked
	PEERMON_KILLS=$${PEERMON_KILLS:-200} PEERMON_FLOOD_SECONDS=$${PEERMON_FLOOD_SECONDS:-600} \
		$(CARGO) test --profile checked --test notices -- --nocapture --test-threads 1 whatever a_silent_relay

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

# What peermonctl shows in a terminal, from a real run, into docs/captures and docs/PEERMONCTL.md (half a minute; tmux).
captures: build
	docs/captures/make $(BUILT)

# One line per suite; a suite that fails keeps no other from being run.
test:
	$(CARGO) build --profile checked
	$(CARGO) test --profile checked --no-fail-fast
	$(MAKE) examples PROFILE=checked CFLAGS="-O2 -Wall -Wextra -Werror" CXXFLAGS="-O2 -Wall -Wextra -Werror"
	$(MAKE) demo PROFILE=checked

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

# The release library and its archive; then everything that was promised about them is looked at.
dist: build
	packaging/dist/build $(BUILT)
	packaging/check/dist.py $(BUILT)

# libpeermon0, libpeermon-dev and peermon-tools.
deb: build
	packaging/deb/build $(BUILT)

clean:
	$(CARGO) clean
	rm -rf build

.PHONY: all build captures cost soak notices versus detection examples demo test lint dist deb clean
