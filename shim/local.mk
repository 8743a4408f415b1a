# What runs inside the session's programs: a library that needs none, not even
# libc, and is loaded before all others. It is no program, but Automake installs
# libraries that are built without libtool nowhere.
shimdir = $(pkglibdir)
shim_PROGRAMS = interpose-shim.so
interpose_shim_so_SOURCES = \
	shim/config.c \
	shim/config.h \
	shim/decode_x86_64.c \
	shim/gate.h \
	shim/go.h \
	shim/loader.h \
	shim/memory.c \
	shim/names.c \
	shim/names.h \
	shim/object.c \
	shim/object.h \
	shim/rows.c \
	shim/rows.h \
	shim/serve.c \
	shim/shim.h \
	shim/sites.c \
	shim/sites.h \
	shim/sites_aarch64.c \
	shim/sites_x86_64.c \
	shim/start.c \
	shim/static.h \
	shim/stub_aarch64.c \
	shim/stub_x86_64.c
SHIM_AARCH64 = shim/calls_aarch64.c shim/entry_aarch64.S shim/machine_aarch64.h
SHIM_X86_64 = shim/calls_x86_64.c shim/entry_x86_64.S shim/entry_x86_64.h \
	shim/go_x86_64.S shim/machine_x86_64.h shim/static_x86_64.S
if ARCH_AARCH64
interpose_shim_so_SOURCES += $(SHIM_AARCH64)
SHIM_MACHINE_CFLAGS =
else
interpose_shim_so_SOURCES += $(SHIM_X86_64)
SHIM_MACHINE_CFLAGS = -mno-red-zone -fcf-protection=none
endif
EXTRA_DIST += $(SHIM_AARCH64) $(SHIM_X86_64)

# Its callers hold values in all but the general registers, and expect them kept.
interpose_shim_so_CPPFLAGS = $(AM_CPPFLAGS) -U_FORTIFY_SOURCE
interpose_shim_so_CFLAGS = -std=gnu11 $(WARN_CFLAGS) -fPIC -ffreestanding \
	-fvisibility=hidden -fno-stack-protector -fasynchronous-unwind-tables \
	-mgeneral-regs-only $(SHIM_MACHINE_CFLAGS)
interpose_shim_so_LINK = $(CC) -shared -nostdlib -o $@ -Wl,-soname,$@ \
	-Wl,-init,shim_start -Wl,-z,initfirst -Wl,-z,noexecstack \
	-Wl,-z,noseparate-code -Wl,-z,norelro -Wl,--hash-style=gnu \
	-Wl,--no-undefined
