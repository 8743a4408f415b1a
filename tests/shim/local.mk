# The shim: its parts by themselves, and programs that run with it.
if HAVE_CHECK
check_PROGRAMS += test_shim
TESTS += test_shim
test_shim_SOURCES = tests/unit/test_shim.c shim/stub_aarch64.c shim/stub_x86_64.c
test_shim_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_shim_LDADD = libsupervisor.a libpolicy.a $(CHECK_LIBS) $(SECCOMP_LIBS)
check_PROGRAMS += test_shim_site
TESTS += test_shim_site
test_shim_site_SOURCES = tests/unit/test_shim_site.c
test_shim_site_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_shim_site_LDADD = libsupervisor.a libpolicy.a $(CHECK_LIBS) $(SECCOMP_LIBS)
check_PROGRAMS += test_go_site
TESTS += test_go_site
test_go_site_SOURCES = tests/unit/draw.h tests/unit/test_go_site.c
test_go_site_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_go_site_LDADD = libsupervisor.a libpolicy.a $(CHECK_LIBS) $(SECCOMP_LIBS)
check_PROGRAMS += test_static_site
TESTS += test_static_site
test_static_site_SOURCES = tests/unit/draw.h tests/unit/test_static_site.c
test_static_site_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_static_site_LDADD = libsupervisor.a libpolicy.a $(CHECK_LIBS) $(SECCOMP_LIBS)
check_PROGRAMS += test_loader_code
TESTS += test_loader_code
test_loader_code_SOURCES = tests/unit/test_loader_code.c
test_loader_code_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_loader_code_LDADD = libsupervisor.a libpolicy.a $(CHECK_LIBS) $(SECCOMP_LIBS)
endif
check_PROGRAMS += tests/shim/lengths
tests_shim_lengths_SOURCES = tests/shim/lengths.c
tests_shim_lengths_LDADD = libsupervisor.a
dist_check_SCRIPTS += tests/shim/lengths.sh
TESTS += tests/shim/lengths.sh
check_PROGRAMS += tests/shim/programs tests/shim/spaces tests/shim/filtered \
	tests/shim/wrapper.so
tests_shim_programs_SOURCES = tests/shim/programs.c tests/shim/programs.h \
	tests/shim/programs_answers.c tests/shim/programs_machine.c
# Its calls are libc's own, without a sanitizer's before them.
tests_shim_programs_CFLAGS = -std=gnu11 -pthread $(WARN_CFLAGS) -fno-sanitize=all
tests_shim_programs_LDFLAGS = -pthread
tests_shim_filtered_SOURCES = tests/shim/filtered.c
tests_shim_filtered_CFLAGS = $(tests_shim_programs_CFLAGS)
tests_shim_filtered_LDFLAGS = -pthread
tests_shim_spaces_SOURCES = tests/shim/spaces.c
tests_shim_spaces_LDADD = -ldl
tests_shim_wrapper_so_SOURCES = tests/shim/wrapper.c
tests_shim_wrapper_so_CFLAGS = -std=gnu11 $(WARN_CFLAGS) -fPIC
tests_shim_wrapper_so_LINK = $(CC) -shared -o $@
tests_shim_wrapper_so_LDADD = -ldl
dist_check_SCRIPTS += tests/shim/programs.sh
TESTS += tests/shim/programs.sh
dist_check_SCRIPTS += tests/shim/loader.sh
TESTS += tests/shim/loader.sh
dist_check_SCRIPTS += tests/shim/go.sh
TESTS += tests/shim/go.sh
dist_check_SCRIPTS += tests/shim/static.sh
TESTS += tests/shim/static.sh
EXTRA_DIST += tests/shim/calls.go tests/shim/held.sh tests/shim/static.c
