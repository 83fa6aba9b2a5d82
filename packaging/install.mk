# make install, make uninstall: whose folders are where, and what lies in them. Included by the Makefile.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
# Where the shells look for completions; Debian's zsh looks elsewhere.
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHCOMPDIR ?= $(PREFIX)/share/zsh/site-functions
FISHCOMPDIR ?= $(PREFIX)/share/fish/vendor_completions.d
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
CMAKEDIR ?= $(LIBDIR)/cmake/peermon
# What peermon.pc says for prefix; empty: the way from where it lies itself, so that the tree may be moved.
PC_PREFIX ?=
DESTDIR ?=

INSTALL ?= install
# What is installed. Packages put in a library of their own link (packaging/link); no PEERMONCTL, no command line.
SHARED = $(BUILT)/libpeermon.so
STATIC = $(BUILT)/libpeermon.a
PEERMONCTL = $(BUILT)/peermonctl

# The pages, as they lie in the sources.
MAN = man
MAN_PAGES = $(wildcard $(MAN)/man[0-9]/*.[0-9])
MAN_FOLDERS = $(sort $(notdir $(patsubst %/,%,$(dir $(MAN_PAGES)))))

FILL_IN = VERSION='$(VERSION)' SOVERSION='$(SOVERSION)' LIBRARY='$(SHARED)' packaging/fill-in
INSTALLED_PATHS = PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' INCLUDEDIR='$(INCLUDEDIR)' \
	PKGCONFIGDIR='$(PKGCONFIGDIR)' CMAKEDIR='$(CMAKEDIR)' PC_PREFIX='$(PC_PREFIX)'

COMPLETIONS = $(BASHCOMPDIR)/peermonctl $(ZSHCOMPDIR)/_peermonctl $(FISHCOMPDIR)/peermonctl.fish

INSTALLED = $(BINDIR)/peermonctl $(COMPLETIONS) \
	$(addprefix $(LIBDIR)/libpeermon,.so .so.$(SOVERSION) .so.$(VERSION) .a) \
	$(addprefix $(INCLUDEDIR)/peermon,.h .hpp) \
	$(PKGCONFIGDIR)/peermon.pc \
	$(addprefix $(CMAKEDIR)/peermonConfig,.cmake Version.cmake) \
	$(patsubst $(MAN)/%,$(MANDIR)/%,$(MAN_PAGES))

# Builds nothing, so that it can run as root where only the user has a Rust toolchain.
install:
	@test -f $(SHARED) || { echo 'nothing is built yet: run make first' >&2; exit 1; }
	$(INSTALL) -d $(addprefix $(DESTDIR),$(if $(PEERMONCTL),$(BINDIR) $(dir $(COMPLETIONS))) $(LIBDIR) $(INCLUDEDIR) $(PKGCONFIGDIR) $(CMAKEDIR) \
		$(addprefix $(MANDIR)/,$(MAN_FOLDERS)))
	$(INSTALL) -m 755 $(SHARED) $(DESTDIR)$(LIBDIR)/libpeermon.so.$(VERSION)
	ln -sf libpeermon.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libpeermon.so.$(SOVERSION)
	ln -sf libpeermon.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libpeermon.so
	$(INSTALL) -m 644 $(STATIC) $(DESTDIR)$(LIBDIR)/libpeermon.a
	$(INSTALL) -m 644 include/peermon.h include/peermon.hpp $(DESTDIR)$(INCLUDEDIR)
	$(INSTALLED_PATHS) $(FILL_IN) packaging/peermon.pc.in > $(DESTDIR)$(PKGCONFIGDIR)/peermon.pc
	$(INSTALLED_PATHS) $(FILL_IN) packaging/cmake/peermonConfig.cmake.in \
		> $(DESTDIR)$(CMAKEDIR)/peermonConfig.cmake
	$(INSTALLED_PATHS) $(FILL_IN) packaging/cmake/peermonConfigVersion.cmake.in \
		> $(DESTDIR)$(CMAKEDIR)/peermonConfigVersion.cmake
	chmod 644 $(DESTDIR)$(PKGCONFIGDIR)/peermon.pc $(DESTDIR)$(CMAKEDIR)/*.cmake
	$(if $(PEERMONCTL),$(INSTALL) -m 755 $(PEERMONCTL) $(DESTDIR)$(BINDIR)/peermonctl)
	$(if $(PEERMONCTL),$(PEERMONCTL) completions bash > $(DESTDIR)$(BASHCOMPDIR)/peermonctl)
	$(if $(PEERMONCTL),$(PEERMONCTL) completions zsh > $(DESTDIR)$(ZSHCOMPDIR)/_peermonctl)
	$(if $(PEERMONCTL),$(PEERMONCTL) completions fish > $(DESTDIR)$(FISHCOMPDIR)/peermonctl.fish)
	$(if $(PEERMONCTL),chmod 644 $(addprefix $(DESTDIR),$(COMPLETIONS)))
	$(foreach folder,$(MAN_FOLDERS),$(INSTALL) -m 644 $(wildcard $(MAN)/$(folder)/*.[0-9]) \
		$(DESTDIR)$(MANDIR)/$(folder) &&) true
	@test -n "$(DESTDIR)" || echo 'if the loader does not find libpeermon.so.$(SOVERSION), run ldconfig'

# Folders that other packages use too stay, empty or not.
uninstall:
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	test ! -d $(DESTDIR)$(CMAKEDIR) || rmdir --ignore-fail-on-non-empty $(DESTDIR)$(CMAKEDIR)

.PHONY: install uninstall
