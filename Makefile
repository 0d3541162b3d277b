# Short names for what meson and the scripts do.
#
#   make          build everything (installs what is missing, where it may)
#   make run      a program, with all its pages moving under it, against the same program untouched
#   make test     every test; the last line is "N passed, N failed"
#   make bench    every benchmark, each next to its reference
#   make install  as `meson install`; DESTDIR works
#   make clean

BUILD ?= build
MESONFLAGS ?=

.PHONY: all build run test bench install clean

all: build

build:
	@scripts/packages.sh
	@test -f $(BUILD)/build.ninja || meson setup $(MESONFLAGS) $(BUILD)
	@ninja -C $(BUILD)

run: build
	@scripts/storm.sh $(BUILD)/godwit

test: build
	@scripts/test.sh $(BUILD)

bench: build
	@$(BUILD)/godwit bench

install: build
	@meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf $(BUILD)
