# The files of tests/.

# Check gives a test four seconds; a machine that is busy with other work needs
# more, and a test that hangs is seen in a minute as well.
AM_TESTS_ENVIRONMENT = CK_DEFAULT_TIMEOUT=60; export CK_DEFAULT_TIMEOUT;

# The table of system calls and the filter made from it.
if HAVE_CHECK
check_PROGRAMS += test_table test_filter test_filter_clause \
	test_filter_gate test_filter_live
TESTS += test_table test_filter test_filter_clause \
	test_filter_gate test_filter_live
endif
dist_check_SCRIPTS += tests/unit/cross_aarch64 tests/e2e/bootstrap.sh
TESTS += tests/unit/cross_aarch64 tests/e2e/bootstrap.sh
if HAVE_CHECK
check_PROGRAMS += test_entries
TESTS += test_entries
test_entries_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_entries_SOURCES = tests/unit/test_entries.c
test_entries_LDADD = libsupervisor.a $(CHECK_LIBS)

check_PROGRAMS += test_receivers
TESTS += test_receivers
test_receivers_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_receivers_SOURCES = tests/unit/test_receivers.c
test_receivers_LDADD = libsupervisor.a $(CHECK_LIBS)

check_PROGRAMS += test_mounts
TESTS += test_mounts
test_mounts_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_mounts_SOURCES = tests/unit/test_mounts.c
test_mounts_LDADD = libsupervisor.a $(CHECK_LIBS)

check_PROGRAMS += test_worth
TESTS += test_worth
test_worth_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_worth_SOURCES = tests/unit/test_worth.c
test_worth_LDADD = libsupervisor.a $(CHECK_LIBS)

check_PROGRAMS += test_loading
TESTS += test_loading
test_loading_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_loading_SOURCES = tests/unit/test_loading.c
test_loading_LDADD = libsupervisor.a $(CHECK_LIBS)

check_PROGRAMS += test_cgroup
TESTS += test_cgroup
test_cgroup_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_cgroup_SOURCES = tests/unit/test_cgroup.c
test_cgroup_LDADD = libsupervisor.a libpolicy.a $(CHECK_LIBS)

check_PROGRAMS += test_fence test_fence_places
TESTS += test_fence test_fence_places
endif
test_fence_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_fence_SOURCES = tests/unit/draw.h tests/unit/fence_disk.c \
	tests/unit/fence_disk.h tests/unit/test_fence.c
test_fence_LDADD = $(interpose_LDADD) $(CHECK_LIBS)

test_fence_places_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_fence_places_SOURCES = tests/unit/fence_disk.c tests/unit/fence_disk.h \
	tests/unit/test_fence_places.c
test_fence_places_LDADD = $(interpose_LDADD) $(CHECK_LIBS)

test_table_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_table_SOURCES = \
	tests/unit/handlers_stub.c \
	tests/unit/headers.c \
	tests/unit/headers.h \
	tests/unit/table_aarch64.c \
	tests/unit/table_aarch64.h \
	tests/unit/test_table.c
test_table_LDADD = libsupervisor.a $(CHECK_LIBS)

test_filter_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_filter_SOURCES = \
	tests/unit/bpf.c \
	tests/unit/bpf.h \
	tests/unit/handlers_stub.c \
	tests/unit/test_filter.c
test_filter_LDADD = libsupervisor.a $(CHECK_LIBS)

test_filter_gate_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_filter_gate_SOURCES = \
	tests/unit/bpf.c \
	tests/unit/bpf.h \
	tests/unit/handlers_stub.c \
	tests/unit/test_filter_gate.c
test_filter_gate_LDADD = libsupervisor.a $(CHECK_LIBS)

test_filter_live_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_filter_live_SOURCES = \
	tests/unit/foreign.h \
	tests/unit/handlers_stub.c \
	tests/unit/test_filter_live.c
test_filter_live_LDADD = libsupervisor.a $(SECCOMP_LIBS) $(CHECK_LIBS)
check_PROGRAMS += log_tool
dist_check_SCRIPTS += tests/unit/test_log.sh
TESTS += tests/unit/test_log.sh

log_tool_SOURCES = tests/unit/log_tool.c
log_tool_LDADD = libsupervisor.a libpolicy.a $(JANSSON_LIBS) $(TLS_LIBS) $(CRYPTO_LIBS)

if HAVE_CHECK
check_PROGRAMS += test_clipboard
TESTS += test_clipboard
test_clipboard_SOURCES = tests/unit/test_clipboard.c
test_clipboard_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_clipboard_LDADD = libsupervisor.a $(CHECK_LIBS)
check_PROGRAMS += test_questions
TESTS += test_questions
test_questions_SOURCES = tests/unit/test_questions.c
test_questions_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_questions_LDADD = $(interpose_LDADD) $(CHECK_LIBS)

check_PROGRAMS += test_audit test_audit_line test_audit_read test_sessions
TESTS += test_audit test_audit_line test_audit_read test_sessions

test_audit_SOURCES = tests/unit/test_audit.c
test_audit_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
test_audit_LDADD = libsupervisor.a $(CHECK_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS)

test_audit_line_SOURCES = tests/unit/test_audit_line.c
test_audit_line_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
test_audit_line_LDADD = libsupervisor.a $(CHECK_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS)

test_audit_read_SOURCES = tests/unit/test_audit_read.c
test_audit_read_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
test_audit_read_LDADD = libsupervisor.a $(CHECK_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS)

test_sessions_SOURCES = tests/unit/test_sessions.c
test_sessions_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
test_sessions_LDADD = libsupervisor.a $(CHECK_LIBS) $(JANSSON_LIBS)
endif

test_filter_clause_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_filter_clause_SOURCES = \
	tests/unit/bpf.c \
	tests/unit/bpf.h \
	tests/unit/draw.h \
	tests/unit/test_filter_clause.c
test_filter_clause_LDADD = libsupervisor.a $(CHECK_LIBS)

# The trials: questions to the kernel, built with the tests and asked by
# `make trials`. Each exits 0 (it holds), 1 (it does not) or 77 (cannot ask).
trials = \
	tests/trials/exec-fence \
	tests/trials/exec-verify \
	tests/trials/guardian \
	tests/trials/inject-chdir \
	tests/trials/inject-signals \
	tests/trials/interrupt-late \
	tests/trials/micro-costs \
	tests/trials/opath-checked \
	tests/trials/opath-given \
	tests/trials/own-umask \
	tests/trials/restart-pending \
	tests/trials/socket-passed
# They set registers by hand, of this one architecture.
if !ARCH_AARCH64
check_PROGRAMS += $(trials)
endif
EXTRA_DIST += tests/trials/inject.h tests/trials/trial.h

.PHONY: trials
trials: $(trials)
	@failed=0; for trial in $(trials); do \
		echo "== $$trial"; ./$$trial; status=$$?; \
		case $$status in \
		0) echo "   it holds" ;; \
		77) echo "   cannot be asked here" ;; \
		*) echo "   IT DOES NOT HOLD"; failed=1 ;; \
		esac; \
	done; exit $$failed
if HAVE_CHECK
check_PROGRAMS += test_standin_formats
TESTS += test_standin_formats
test_standin_formats_SOURCES = tests/unit/test_standin_formats.c
test_standin_formats_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(CRYPTO_CFLAGS)
test_standin_formats_LDADD = libsupervisor.a libpolicy.a $(CHECK_LIBS) $(CRYPTO_LIBS) $(JANSSON_LIBS) $(SECCOMP_LIBS)

check_PROGRAMS += test_standin
TESTS += test_standin
test_standin_SOURCES = tests/unit/test_standin.c \
	tests/unit/standin_world.c tests/unit/standin_world.h
test_standin_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(CRYPTO_CFLAGS)
test_standin_LDADD = $(test_standin_formats_LDADD)

check_PROGRAMS += test_standin_apply
TESTS += test_standin_apply
test_standin_apply_SOURCES = tests/unit/test_standin_apply.c \
	tests/unit/standin_world.c tests/unit/standin_world.h
test_standin_apply_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(CRYPTO_CFLAGS)
test_standin_apply_LDADD = $(test_standin_formats_LDADD)
endif
EXTRA_DIST += tests/fuzz/run tests/real/run tests/real/both \
	tests/real/agent tests/real/claude.sh tests/real/codex.sh \
	tests/real/git.sh tests/real/make.sh tests/real/model.py \
	tests/real/node.sh tests/real/resolvers.sh \
	tests/real/planting.sh tests/real/python.sh tests/real/secrets.sh \
	tests/real/tools.sh tests/real/compilers.sh tests/real/services.sh \
	tests/real/screen.sh tests/real/screen.py \
	tests/real/xterm.sh tests/real/xterm.py tests/real/xterm.js \
	tests/real/https.sh tests/real/https.py \
	tests/real/http2.sh tests/real/psql.sh tests/real/grpc.sh \
	tests/real/websocat.sh \
	tests/real/grpc.py tests/real/grpc_client.py tests/real/grpc_client.cjs \
	tests/real/claude-key.sh tests/real/search.py tests/real/rules \
	tests/real/claude-rules.sh tests/real/codex-rules.sh

# Real programs under a real policy; not part of `check`, since what they need
# is not there everywhere.
check-real: all
	@$(SHELL) $(srcdir)/tests/real/run ./interpose

.PHONY: check-real

# What depends on the fence, with each of FENCES in place of the default, which
# `check` has.
FENCES = off strict
FENCE_TESTS = tests/calls/all.sh tests/e2e/fence.sh tests/e2e/jobs.sh \
	tests/e2e/learning.sh tests/e2e/limits.sh tests/e2e/report.sh \
	tests/e2e/stack.sh tests/escape/attacks.sh tests/escape/exec.sh \
	tests/escape/fences.sh tests/escape/gate.sh \
	tests/escape/gate_list.sh tests/escape/git.sh \
	tests/escape/network.sh tests/escape/programs.sh tests/escape/race.sh \
	tests/escape/tracing.sh tests/net/secrets.sh tests/shim/programs.sh
check-fence: all
	@for fence in $(FENCES); do echo "== --fence $$fence"; \
		INTERPOSE_FENCE=$$fence $(MAKE) $(AM_MAKEFLAGS) check \
			TESTS='$(FENCE_TESTS)' || exit 1; done

.PHONY: check-fence

# The built-in policies, against tables of what they must decide.
if HAVE_CHECK
check_PROGRAMS += test_profiles
TESTS += test_profiles
endif
EXTRA_DIST += tests/profiles/base.expect tests/profiles/claude.expect \
	tests/profiles/codex.expect
test_profiles_CPPFLAGS = $(AM_CPPFLAGS) -DSOURCE_DIR='"$(abs_top_srcdir)"'
test_profiles_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_profiles_SOURCES = tests/unit/test_profiles.c
test_profiles_LDADD = libpolicy.a $(CHECK_LIBS)

dist_check_SCRIPTS += tests/e2e/demo.sh
TESTS += tests/e2e/demo.sh
# A project's policy.
dist_check_SCRIPTS += tests/e2e/trust.sh
TESTS += tests/e2e/trust.sh
# Questions at a terminal.
dist_check_SCRIPTS += tests/e2e/asking-elsewhere.sh
TESTS += tests/e2e/asking-elsewhere.sh
EXTRA_DIST += tests/e2e/asking-elsewhere.py
dist_check_SCRIPTS += tests/e2e/asking-notice.sh
TESTS += tests/e2e/asking-notice.sh
EXTRA_DIST += tests/e2e/asking-notice.py
dist_check_SCRIPTS += tests/e2e/asking-clipboard.sh
TESTS += tests/e2e/asking-clipboard.sh
EXTRA_DIST += tests/e2e/asking-clipboard.py
dist_check_SCRIPTS += tests/e2e/asking.sh
TESTS += tests/e2e/asking.sh
dist_check_SCRIPTS += tests/e2e/asking-screen.sh
TESTS += tests/e2e/asking-screen.sh
dist_check_SCRIPTS += tests/e2e/asking-terminals.sh
TESTS += tests/e2e/asking-terminals.sh
EXTRA_DIST += tests/e2e/asking-terminals.py tests/e2e/session.py
dist_check_SCRIPTS += tests/e2e/asking-many.sh
TESTS += tests/e2e/asking-many.sh
EXTRA_DIST += tests/e2e/asking-many.py tests/e2e/bot.py
dist_check_SCRIPTS += tests/e2e/asking-held.sh
TESTS += tests/e2e/asking-held.sh
EXTRA_DIST += tests/e2e/asking-held.py tests/e2e/asking_held_inside.py
# By hand, with as many threads: make check-questions
check-questions: all tests/e2e/asker
	@QUESTIONS=10000 INTERPOSE=$(abs_builddir)/interpose \
		sh $(srcdir)/tests/e2e/asking-many.sh
.PHONY: check-questions
EXTRA_DIST += tests/e2e/asking.py tests/e2e/asking_hostile.py \
	tests/e2e/terminal.py tests/e2e/asking-screen.py \
	tests/e2e/screen.py
# How each kind of question looks, and the picture of the README.
check_PROGRAMS += tests/e2e/asker
tests_e2e_asker_CFLAGS = $(tracee_cflags)
tests_e2e_asker_LDFLAGS = -pthread
tests_e2e_asker_SOURCES = tests/e2e/asker.c
dist_check_SCRIPTS += tests/e2e/asking-golden.sh
TESTS += tests/e2e/asking-golden.sh
EXTRA_DIST += tests/e2e/asking-golden.py \
	tests/e2e/screens/change.txt tests/e2e/screens/create.txt \
	tests/e2e/screens/deceptive.txt tests/e2e/screens/deceptive-blanks.txt \
	tests/e2e/screens/deceptive-name.txt tests/e2e/screens/edit.txt \
	tests/e2e/screens/help.txt tests/e2e/screens/keep-wider.txt \
	tests/e2e/screens/keep.txt tests/e2e/screens/listen.txt \
	tests/e2e/screens/narrow-help.txt tests/e2e/screens/narrow-keep.txt \
	tests/e2e/screens/narrow-long.txt tests/e2e/screens/narrow.txt \
	tests/e2e/screens/reach-unix.txt tests/e2e/screens/reach.txt \
	tests/e2e/screens/read.txt tests/e2e/screens/reason.txt \
	tests/e2e/screens/run.txt tests/e2e/screens/why.txt \
	tests/e2e/screens/wide.txt
EXTRA_DIST += doc/question.svg
picture: all tests/e2e/asker
	INTERPOSE=$(abs_builddir)/interpose sh $(srcdir)/tests/e2e/asking-golden.sh \
		--picture $(abs_srcdir)/doc/question.svg
.PHONY: picture
if ENABLE_FUZZ
noinst_PROGRAMS += fuzz_policy
fuzz_policy_SOURCES = tests/fuzz/fuzz_policy.c
fuzz_policy_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_policy_LDADD = libpolicy.a
noinst_PROGRAMS += fuzz_audit
fuzz_audit_SOURCES = tests/fuzz/fuzz_audit.c
fuzz_audit_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_audit_LDADD = libsupervisor.a $(JANSSON_LIBS) $(CRYPTO_LIBS)
endif
EXTRA_DIST += tests/fuzz/policy.dict tests/fuzz/corpus/policy/base \
	tests/fuzz/corpus/policy/each
EXTRA_DIST += tests/fuzz/audit.dict tests/fuzz/corpus/audit/line

if ENABLE_FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_keys
tests_fuzz_fuzz_keys_SOURCES = tests/fuzz/fuzz_keys.c
tests_fuzz_fuzz_keys_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_keys_LDADD = libsupervisor.a libpolicy.a $(CRYPTO_LIBS)
endif

# The policy engine: tables, and patterns at random against a naive matcher.
if HAVE_CHECK
check_PROGRAMS += policy_cases policy_random
TESTS += policy_cases policy_random
endif
EXTRA_DIST += tests/unit/policy/decisions.cases \
	tests/unit/policy/layers.cases tests/unit/policy/mistakes.cases
policy_cases_CPPFLAGS = $(AM_CPPFLAGS) -DSOURCE_DIR='"$(abs_top_srcdir)"'
policy_cases_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
policy_cases_SOURCES = tests/unit/policy_cases.c \
	tests/unit/policy_world.c tests/unit/policy_world.h
policy_cases_LDADD = libpolicy.a $(CHECK_LIBS)
policy_random_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
policy_random_SOURCES = tests/unit/draw.h tests/unit/policy_random.c
policy_random_LDADD = libpolicy.a $(CHECK_LIBS)
# Under what Docker's default profile refuses.
check_PROGRAMS += tests/e2e/docker-profile
tests_e2e_docker_profile_SOURCES = tests/e2e/docker-profile.c
dist_check_SCRIPTS += tests/e2e/docker.sh
TESTS += tests/e2e/docker.sh

# Attacks: each must fail.
check_PROGRAMS += tests/escape/race
# What runs under interpose is built without sanitizers: LeakSanitizer stops
# where someone traces.
tracee_cflags = -std=gnu11 -pthread $(WARN_CFLAGS)
tests_escape_race_CFLAGS = $(tracee_cflags)
tests_escape_race_LDFLAGS = -pthread
tests_escape_race_SOURCES = tests/escape/served.h tests/escape/race.c
check_PROGRAMS += tests/escape/gate
tests_escape_gate_CFLAGS = $(tracee_cflags)
tests_escape_gate_LDFLAGS = -pthread
tests_escape_gate_SOURCES = shim/gate.h tests/escape/gate_call.h \
	tests/escape/served.h tests/escape/gate.c tests/escape/gate_call.c \
	tests/escape/gate_path.c tests/escape/gate_pry.c
dist_check_SCRIPTS += tests/escape/gate.sh
TESTS += tests/escape/gate.sh
check_PROGRAMS += tests/escape/gate_list
tests_escape_gate_list_CFLAGS = $(tracee_cflags)
tests_escape_gate_list_LDFLAGS = -pthread
tests_escape_gate_list_SOURCES = shim/gate.h tests/escape/gate_call.h \
	tests/escape/gate_list.c tests/escape/gate_call.c
dist_check_SCRIPTS += tests/escape/gate_list.sh
TESTS += tests/escape/gate_list.sh
dist_check_SCRIPTS += tests/e2e/fence.sh
TESTS += tests/e2e/fence.sh
dist_check_SCRIPTS += tests/escape/race.sh
TESTS += tests/escape/race.sh

# What is granted to one program only.
check_PROGRAMS += tests/escape/granted tests/escape/granted_static
tests_escape_granted_CFLAGS = $(tracee_cflags)
tests_escape_granted_LDFLAGS = -pthread
tests_escape_granted_SOURCES = tests/escape/granted.c
tests_escape_granted_static_CFLAGS = $(tracee_cflags)
tests_escape_granted_static_LDFLAGS = -pthread -static
tests_escape_granted_static_SOURCES = tests/escape/granted.c
dist_check_SCRIPTS += tests/escape/programs.sh tests/escape/exec.sh
TESTS += tests/escape/programs.sh tests/escape/exec.sh
# Execs that are raced; by hand, for the record: make race-execs
check_PROGRAMS += tests/escape/exec_race
tests_escape_exec_race_CFLAGS = $(tracee_cflags)
tests_escape_exec_race_LDFLAGS = -pthread -static
tests_escape_exec_race_SOURCES = tests/escape/exec_race.c
dist_check_SCRIPTS += tests/escape/exec_race.sh
TESTS += tests/escape/exec_race.sh

race-execs: all tests/escape/exec_race
	EXEC_RACES=$${EXEC_RACES-100000} INTERPOSE=$(abs_builddir)/interpose \
		sh $(srcdir)/tests/escape/exec_race.sh

.PHONY: race-execs

check_PROGRAMS += tests/escape/newer
tests_escape_newer_CFLAGS = $(tracee_cflags)
tests_escape_newer_LDFLAGS = -pthread
tests_escape_newer_SOURCES = tests/escape/newer.c tests/escape/newer.h \
	tests/escape/newer_entries.c
dist_check_SCRIPTS += tests/escape/newer.sh
TESTS += tests/escape/newer.sh
check_PROGRAMS += tests/escape/storm
tests_escape_storm_CFLAGS = $(tracee_cflags)
tests_escape_storm_LDFLAGS = -pthread
tests_escape_storm_SOURCES = tests/escape/storm.c
# By hand, for as long as it takes: make storm STORM_SECONDS=60
storm: all tests/escape/storm
	STORM_SECONDS=$${STORM_SECONDS-600} INTERPOSE=$(abs_builddir)/interpose \
		sh $(srcdir)/tests/escape/storm.sh

.PHONY: storm

dist_check_SCRIPTS += tests/escape/storm.sh
TESTS += tests/escape/storm.sh
# What network calls come to, bare and supervised; and ways around a rule.
check_PROGRAMS += net_tcp net_udp net_unix net_messages net_attack net_victim \
	listen_attack
net_tcp_CFLAGS = $(tracee_cflags)
net_tcp_LDFLAGS = -pthread
net_tcp_SOURCES = tests/calls/net.h tests/calls/net_tcp.c
net_udp_CFLAGS = $(tracee_cflags)
net_udp_LDFLAGS = -pthread
net_udp_SOURCES = tests/calls/net.h tests/calls/net_udp.c
net_unix_CFLAGS = $(tracee_cflags)
net_unix_LDFLAGS = -pthread
net_unix_SOURCES = tests/calls/net.h tests/calls/net_unix.c
net_messages_CFLAGS = $(tracee_cflags)
net_messages_LDFLAGS = -pthread
net_messages_SOURCES = tests/calls/net.h tests/calls/net_messages.c
net_attack_CFLAGS = $(tracee_cflags)
net_attack_LDFLAGS = -pthread
net_attack_SOURCES = tests/calls/net.h tests/escape/net_attack.c
net_victim_CFLAGS = $(tracee_cflags)
net_victim_LDFLAGS = -pthread
net_victim_SOURCES = tests/calls/net.h tests/escape/net_victim.c
listen_attack_CFLAGS = $(tracee_cflags)
listen_attack_LDFLAGS = -pthread
listen_attack_SOURCES = tests/calls/net.h tests/escape/listen_attack.c
dist_check_SCRIPTS += tests/escape/listening.sh tests/escape/stores.sh
TESTS += tests/escape/listening.sh tests/escape/stores.sh

# The same calls, bare and supervised.
check_PROGRAMS += tests/calls/paths tests/calls/files tests/calls/edges \
	tests/calls/numbers \
	tests/calls/waits tests/calls/execs tests/calls/bases tests/calls/ids \
	tests/calls/interrupts tests/calls/filters tests/calls/execs_odd
tests_calls_execs_odd_CFLAGS = $(tracee_cflags)
tests_calls_execs_odd_LDFLAGS = -pthread
tests_calls_execs_odd_SOURCES = tests/calls/calls.h tests/calls/execs_odd.c
tests_calls_filters_CFLAGS = $(tracee_cflags)
tests_calls_filters_LDFLAGS = -pthread
tests_calls_filters_SOURCES = tests/calls/calls.h tests/calls/filters.c
tests_calls_interrupts_CFLAGS = $(tracee_cflags)
tests_calls_interrupts_LDFLAGS = -pthread
tests_calls_interrupts_SOURCES = tests/calls/calls.h tests/calls/interrupts.c
tests_calls_ids_CFLAGS = $(tracee_cflags)
tests_calls_ids_LDFLAGS = -pthread
tests_calls_ids_SOURCES = tests/calls/calls.h tests/calls/ids.c
tests_calls_bases_CFLAGS = $(tracee_cflags)
tests_calls_bases_LDFLAGS = -pthread
tests_calls_bases_SOURCES = tests/calls/calls.h tests/calls/bases.c
tests_calls_paths_CFLAGS = $(tracee_cflags)
tests_calls_paths_LDFLAGS = -pthread
tests_calls_paths_SOURCES = tests/calls/box.c tests/calls/box.h \
	tests/calls/calls.h tests/calls/paths.c
tests_calls_files_CFLAGS = $(tracee_cflags)
tests_calls_files_LDFLAGS = -pthread
tests_calls_files_SOURCES = tests/calls/calls.h tests/calls/files.c
tests_calls_numbers_CFLAGS = $(tracee_cflags)
tests_calls_numbers_LDFLAGS = -pthread
tests_calls_numbers_SOURCES = tests/calls/calls.h tests/calls/numbers.c
tests_calls_edges_CFLAGS = $(tracee_cflags)
tests_calls_edges_LDFLAGS = -pthread
tests_calls_edges_SOURCES = tests/calls/calls.h tests/calls/edges.c
tests_calls_waits_CFLAGS = $(tracee_cflags)
tests_calls_waits_LDFLAGS = -pthread
tests_calls_waits_SOURCES = tests/calls/calls.h tests/calls/waits.c
tests_calls_execs_CFLAGS = $(tracee_cflags)
tests_calls_execs_LDFLAGS = -pthread
tests_calls_execs_SOURCES = tests/calls/calls.h tests/calls/execs.c
dist_check_SCRIPTS += tests/calls/all.sh tests/calls/run
TESTS += tests/calls/all.sh

# Whole sessions: what breaks, and what the machine offers.
# The readers of recorded sessions, and what is learned from them.
if HAVE_CHECK
check_PROGRAMS += test_learn
TESTS += test_learn
test_learn_SOURCES = tests/unit/test_learn.c
test_learn_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_learn_LDADD = libpolicy.a $(CHECK_LIBS)

check_PROGRAMS += test_history
TESTS += test_history
test_history_SOURCES = tests/unit/test_history.c
test_history_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
test_history_LDADD = libsupervisor.a libpolicy.a $(CHECK_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS)
endif
if ENABLE_FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_history tests/fuzz/fuzz_import
tests_fuzz_fuzz_history_SOURCES = tests/fuzz/fuzz_history.c
tests_fuzz_fuzz_history_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_history_LDADD = libsupervisor.a libpolicy.a $(JANSSON_LIBS) $(CRYPTO_LIBS)
tests_fuzz_fuzz_import_SOURCES = tests/fuzz/fuzz_import.c
tests_fuzz_fuzz_import_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_import_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_import_LDADD = libsupervisor.a libpolicy.a $(JANSSON_LIBS) $(CRYPTO_LIBS)
endif
EXTRA_DIST += tests/fuzz/import.dict tests/fuzz/corpus/history/dry-run \
	tests/fuzz/corpus/import/claude tests/fuzz/corpus/import/codex \
	tests/fuzz/corpus/import/devcontainer tests/fuzz/corpus/import/srt
dist_check_SCRIPTS += tests/e2e/report.sh tests/e2e/import.sh \
	tests/e2e/export.sh
TESTS += tests/e2e/report.sh tests/e2e/import.sh tests/e2e/export.sh
EXTRA_DIST += tests/report/session.py tests/report/page.mjs
EXTRA_DIST += doc/report.png doc/report-programs.png

# A report's page in a browser; by hand, since it needs one. axe-core and
# puppeteer-core are those of NODE_PATH, or are fetched by npm, once.
check-page: all
	@test -n "$$NODE_PATH" || test -d page-tools/node_modules || \
	{ mkdir -p page-tools && npm install --prefix page-tools --ignore-scripts \
		--no-audit --no-fund axe-core puppeteer-core; } || exit 1; \
	NODE_PATH=$${NODE_PATH:-$$PWD/page-tools/node_modules}; export NODE_PATH; \
	rm -rf page-made && mkdir page-made && \
	$(srcdir)/tests/report/session.py page-made/20260304-000000-agent-0000 100000 && \
	./interpose report --html page-made/page.html page-made/20260304-000000-agent-0000 && \
	node $(srcdir)/tests/report/page.mjs page-made/page.html; \
	status=$$?; rm -rf page-made; exit $$status
.PHONY: check-page

# Limits where there are cgroups, in a virtual machine: needs qemu and a kernel.
EXTRA_DIST += tests/vm/init tests/vm/pack.py tests/vm/run tests/release/run
check-vm: all
	@$(srcdir)/tests/vm/run $(abs_builddir)

.PHONY: check-vm

# On a clean Debian of another release.
RELEASE = trixie
check-release:
	@$(srcdir)/tests/release/run $(srcdir) $(RELEASE)

.PHONY: check-release
dist_check_SCRIPTS += tests/e2e/continued.sh
TESTS += tests/e2e/continued.sh
dist_check_SCRIPTS += tests/e2e/paused.sh
TESTS += tests/e2e/paused.sh
EXTRA_DIST += tests/e2e/paused.py
dist_check_SCRIPTS += tests/e2e/learning.sh
TESTS += tests/e2e/learning.sh
dist_check_SCRIPTS += tests/e2e/faults.sh tests/e2e/doctor.sh
TESTS += tests/e2e/faults.sh tests/e2e/doctor.sh
dist_check_SCRIPTS += tests/escape/attacks.sh tests/escape/mounts.sh \
	tests/e2e/guardian.sh tests/e2e/half-made.sh
EXTRA_DIST += tests/e2e/half-made.py
TESTS += tests/escape/attacks.sh tests/escape/mounts.sh \
	tests/e2e/guardian.sh tests/e2e/half-made.sh

# Its workers, one of them held up.
check_PROGRAMS += tests/e2e/held
tests_e2e_held_SOURCES = tests/e2e/held.c
dist_check_SCRIPTS += tests/e2e/workers.sh
TESTS += tests/e2e/workers.sh
EXTRA_DIST += tests/escape/attacks.py
dist_check_SCRIPTS += tests/escape/git.sh
TESTS += tests/escape/git.sh
dist_check_SCRIPTS += tests/escape/dumps.sh
TESTS += tests/escape/dumps.sh
dist_check_SCRIPTS += tests/escape/leases.sh
TESTS += tests/escape/leases.sh
EXTRA_DIST += tests/escape/leases.py
check_PROGRAMS += tests/escape/lease_exec
tests_escape_lease_exec_CFLAGS = $(tracee_cflags)
tests_escape_lease_exec_LDFLAGS = -pthread
tests_escape_lease_exec_SOURCES = tests/escape/lease_exec.c
dist_check_SCRIPTS += tests/escape/sockets.sh
TESTS += tests/escape/sockets.sh
EXTRA_DIST += tests/escape/sockets.py
dist_check_SCRIPTS += tests/escape/net.sh
TESTS += tests/escape/net.sh

# Connections whose requests are looked into: the parts, and the whole between
# a client and a server.
if ENABLE_FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_two
tests_fuzz_fuzz_two_SOURCES = tests/fuzz/fuzz_two.c
tests_fuzz_fuzz_two_CFLAGS = $(AM_CFLAGS) $(TLS_CFLAGS)
tests_fuzz_fuzz_two_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_two_LDADD = libsupervisor.a $(JANSSON_LIBS) $(NET_LIBS) $(TLS_LIBS) $(CRYPTO_LIBS)
noinst_PROGRAMS += tests/fuzz/fuzz_http
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz_http.c
tests_fuzz_fuzz_http_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_http_LDADD = libsupervisor.a $(NET_LIBS) $(CRYPTO_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz_agent
tests_fuzz_fuzz_agent_SOURCES = tests/fuzz/fuzz_agent.c
tests_fuzz_fuzz_agent_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_agent_LDADD = libsupervisor.a $(NET_LIBS) $(CRYPTO_LIBS)
noinst_PROGRAMS += tests/fuzz/fuzz_dns tests/fuzz/fuzz_first
tests_fuzz_fuzz_dns_SOURCES = tests/fuzz/fuzz_dns.c
tests_fuzz_fuzz_dns_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_dns_LDADD = libsupervisor.a $(NET_LIBS)
tests_fuzz_fuzz_first_SOURCES = tests/fuzz/fuzz_first.c
tests_fuzz_fuzz_first_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_first_LDADD = libsupervisor.a
endif
EXTRA_DIST += tests/fuzz/corpus/dns/a tests/fuzz/corpus/dns/edns \
	tests/fuzz/corpus/dns/signatures \
	tests/fuzz/corpus/first/chunks tests/fuzz/corpus/first/control \
	tests/fuzz/corpus/first/ech \
	tests/fuzz/corpus/first/hello tests/fuzz/corpus/first/records \
	tests/fuzz/corpus/first/request
EXTRA_DIST += tests/fuzz/agent.dict tests/fuzz/corpus/agent/bind \
	tests/fuzz/corpus/agent/ecdsa tests/fuzz/corpus/agent/forged \
	tests/fuzz/corpus/agent/list tests/fuzz/corpus/agent/rsa \
	tests/fuzz/corpus/agent/sign tests/fuzz/corpus/agent/sign-in
EXTRA_DIST += tests/fuzz/two.dict tests/fuzz/corpus/two/answer \
	tests/fuzz/corpus/two/behind tests/fuzz/corpus/two/fields \
	tests/fuzz/corpus/two/get tests/fuzz/corpus/two/pieces \
	tests/fuzz/corpus/two/post tests/fuzz/corpus/two/request \
	tests/fuzz/corpus/two/trailers
EXTRA_DIST += tests/fuzz/http.dict tests/fuzz/corpus/http/answer \
	tests/fuzz/corpus/http/chunks tests/fuzz/corpus/http/presigned \
	tests/fuzz/corpus/http/request tests/fuzz/corpus/http/signed

check_PROGRAMS += tests/net/http_tool
tests_net_http_tool_SOURCES = tests/net/http_tool.c
tests_net_http_tool_CFLAGS = $(AM_CFLAGS) $(TLS_CFLAGS)
tests_net_http_tool_LDADD = libsupervisor.a $(JANSSON_LIBS) $(TLS_LIBS) $(CRYPTO_LIBS)
dist_check_SCRIPTS += tests/net/requests_through.sh
TESTS += tests/net/requests_through.sh
EXTRA_DIST += tests/net/requests_through.py
dist_check_SCRIPTS += tests/net/lingering.sh
TESTS += tests/net/lingering.sh
EXTRA_DIST += tests/net/lingering.py
dist_check_SCRIPTS += tests/net/http_two.sh
TESTS += tests/net/http_two.sh
EXTRA_DIST += tests/net/http_two.py tests/net/http_two_attacks.py \
	tests/net/http_two_early.py tests/net/http_two_tails.py \
	tests/net/http_two_in_session.py tests/net/frames.py tests/net/two_world.py
dist_check_SCRIPTS += tests/net/memory.sh
TESTS += tests/net/memory.sh
EXTRA_DIST += tests/net/memory.py tests/net/cases.py
dist_check_SCRIPTS += tests/net/agent.sh tests/net/authority.sh tests/net/killed.sh \
	tests/net/renewal.sh tests/net/loading.sh
TESTS += tests/net/agent.sh tests/net/authority.sh tests/net/killed.sh \
	tests/net/renewal.sh tests/net/loading.sh
EXTRA_DIST += tests/net/agent.py tests/net/authority.py tests/net/killed.py \
	tests/net/renewal.py tests/net/loading.py

if HAVE_CHECK
check_PROGRAMS += test_http
TESTS += test_http
test_http_SOURCES = tests/unit/test_http.c
test_http_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(TLS_CFLAGS)
test_http_LDADD = libsupervisor.a $(CHECK_LIBS) $(JANSSON_LIBS) $(TLS_LIBS) $(CRYPTO_LIBS)
check_PROGRAMS += test_sniff
TESTS += test_sniff
test_sniff_SOURCES = tests/unit/test_sniff.c
test_sniff_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_sniff_LDADD = libsupervisor.a $(CHECK_LIBS)
check_PROGRAMS += test_libcrypto
TESTS += test_libcrypto
test_libcrypto_SOURCES = tests/unit/test_libcrypto.c
test_libcrypto_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(TLS_CFLAGS)
test_libcrypto_LDADD = libsupervisor.a $(CHECK_LIBS) $(TLS_LIBS) $(CRYPTO_LIBS)

check_PROGRAMS += test_roots
TESTS += test_roots
test_roots_SOURCES = tests/unit/test_roots.c
test_roots_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(TLS_CFLAGS)
test_roots_LDADD = libsupervisor.a $(CHECK_LIBS) $(TLS_LIBS) $(CRYPTO_LIBS)
endif
# Stacks: programs that are looked at, and such as do not want to be.
check_PROGRAMS += tests/stack/frames tests/stack/looked
tests_stack_frames_CFLAGS = $(tracee_cflags)
tests_stack_frames_LDFLAGS = -pthread
tests_stack_frames_SOURCES = tests/stack/frames.c
tests_stack_looked_CFLAGS = $(tracee_cflags)
tests_stack_looked_LDFLAGS = -pthread
tests_stack_looked_SOURCES = tests/stack/looked.c
if !ARCH_AARCH64
check_PROGRAMS += tests/stack/hostile
endif
tests_stack_hostile_CFLAGS = $(tracee_cflags) -fomit-frame-pointer
tests_stack_hostile_LDFLAGS = -pthread
tests_stack_hostile_SOURCES = tests/stack/hostile.c
# Processes outside.
dist_check_SCRIPTS += tests/escape/fences.sh
TESTS += tests/escape/fences.sh
EXTRA_DIST += tests/escape/fences.py
dist_check_SCRIPTS += tests/escape/tracing.sh
TESTS += tests/escape/tracing.sh
dist_check_SCRIPTS += tests/e2e/stack.sh tests/e2e/limits.sh
TESTS += tests/e2e/stack.sh tests/e2e/limits.sh
dist_check_SCRIPTS += tests/e2e/jobs.sh
TESTS += tests/e2e/jobs.sh
EXTRA_DIST += tests/e2e/jobs.py
# The network, in a namespace of its own with servers of its own.
dist_check_SCRIPTS += tests/e2e/net.sh
TESTS += tests/e2e/net.sh
EXTRA_DIST += tests/net/client.py tests/net/enter tests/net/world.py
dist_check_SCRIPTS += tests/net/asked.sh
TESTS += tests/net/asked.sh
EXTRA_DIST += tests/net/asked.py
dist_check_SCRIPTS += tests/net/ssh.sh
TESTS += tests/net/ssh.sh
EXTRA_DIST += tests/net/agent_attack.py
dist_check_SCRIPTS += tests/escape/network.sh
TESTS += tests/escape/network.sh
EXTRA_DIST += tests/escape/hellos.py tests/escape/network.py \
	tests/escape/network_base.py tests/escape/network_names.py \
	tests/escape/network_requests.py
dist_check_SCRIPTS += tests/net/load.sh
TESTS += tests/net/load.sh
EXTRA_DIST += tests/net/load.py

# The same with 10,000 connections, or as many as there are descriptors for.
check-load: all
	@INTERPOSE=$(abs_builddir)/interpose $(srcdir)/tests/net/load.sh many

.PHONY: check-load

# Secrets that never enter the session.
dist_check_SCRIPTS += tests/net/secrets.sh
TESTS += tests/net/secrets.sh
EXTRA_DIST += tests/net/secrets_in_session.py

# Requests that are signed with the placeholder of an AWS key.
dist_check_SCRIPTS += tests/net/aws.sh
TESTS += tests/net/aws.sh
EXTRA_DIST += tests/net/aws_in_session.py tests/net/aws_client.py \
	tests/net/aws_sign.py
