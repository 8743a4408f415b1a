noinst_LIBRARIES += libpolicy.a
libpolicy_a_SOURCES = \
	policy/arena.c policy/arena.h \
	policy/below.c \
	policy/check.c policy/check.h \
	policy/conditions.c \
	policy/deceives.h \
	policy/decide.c policy/decide.h \
	policy/dfa.c \
	policy/dfa_reach.c \
	policy/diagnostics.c policy/diagnostics.h \
	policy/endpoint.c policy/endpoint.h \
	policy/expand.c policy/expand.h \
	policy/fence.c policy/fence.h \
	policy/format.c \
	policy/glob.c policy/glob.h \
	policy/host.c \
	policy/include.c policy/include.h \
	policy/learn.c policy/learn.h \
	policy/learn_path.c policy/learn_path.h \
	policy/learn_program.c policy/learn_program.h \
	policy/lex.c policy/lex.h \
	policy/lifts.c \
	policy/matcher.c policy/matcher.h \
	policy/names.c policy/names.h \
	policy/parse.c policy/parse.h \
	policy/parse_address.c \
	policy/parse_agent.c \
	policy/parse_known.c \
	policy/parse_line.c \
	policy/parse_pattern.c \
	policy/parse_qualifier.c \
	policy/parse_rule.c \
	policy/parse_walk.h \
	policy/parse_words.h \
	policy/pattern.c policy/pattern.h \
	policy/policy.c policy/policy.h \
	policy/programs.c \
	policy/protected.c \
	policy/rules.h \
	policy/scope.h \
	policy/show.c \
	policy/subject.c \
	policy/tails.c \
	policy/text.c policy/text.h
