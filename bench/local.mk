# The benchmarks. `bench` takes a minute; `bench-full` runs more of everything,
# and the peers that are installed.
EXTRA_PROGRAMS += bench/calls
bench_calls_SOURCES = bench/calls.c
EXTRA_PROGRAMS += bench/micro bench/continue
bench_micro_SOURCES = bench/micro.c
bench_continue_SOURCES = bench/continue.c
EXTRA_DIST += bench/results/epyc-2-processors.json
EXTRA_DIST += bench/run.py bench/tables.py bench/works.py bench/peers.py bench/micro.py
CLEANFILES += bench/calls bench/micro bench/continue bench.json bench-micro.json

bench: all bench/calls
	python3 -B $(srcdir)/bench/run.py ./interpose bench/calls \
		--json bench.json $(BENCH)

bench-full: all bench/calls
	python3 -B $(srcdir)/bench/run.py ./interpose bench/calls \
		--full --json bench.json $(BENCH)

# Single calls, start-up and memory, against their targets: BENCH='--rounds 9'.
bench-micro: all bench/calls bench/micro bench/continue
	python3 -B $(srcdir)/bench/micro.py ./interpose bench/micro \
		bench/continue bench/calls --json bench-micro.json $(BENCH)

# A session's start and end: BENCH='OTHER/interpose --rounds 9' for two versions.
EXTRA_DIST += bench/start.py
CLEANFILES += bench-start.json
bench-start: all
	python3 -B $(srcdir)/bench/start.py ./interpose --json bench-start.json \
		$(BENCH)

.PHONY: bench-start

# The engine alone: few rules against many.
EXTRA_PROGRAMS += bench/engine
bench_engine_SOURCES = bench/engine.c
bench_engine_LDADD = libpolicy.a
CLEANFILES += bench/engine
bench-engine: bench/engine
	./bench/engine

# The terminal of a session: output and keys, with and without the relay, and
# beside the least that a relay can be.
EXTRA_PROGRAMS += bench/pass
bench_pass_SOURCES = bench/pass.c
EXTRA_DIST += bench/relay.py
CLEANFILES += bench/pass bench-relay.json
bench-relay: all bench/pass
	python3 -B $(srcdir)/bench/relay.py ./interpose --least bench/pass \
		--json bench-relay.json $(BENCH)

.PHONY: bench-relay

# What an exec costs: the decision, who it is, its environment.
EXTRA_PROGRAMS += bench/execs
bench_execs_SOURCES = bench/execs.c
EXTRA_DIST += bench/execs.py
CLEANFILES += bench/execs bench-execs.json
bench-execs: all bench/execs bench/continue
	python3 -B $(srcdir)/bench/execs.py ./interpose bench/execs bench/continue \
		--json bench-execs.json $(BENCH)

.PHONY: bench-execs

# The network broker: downloads, requests and connections, beside mitmproxy.
EXTRA_DIST += bench/net.py
CLEANFILES += bench-net.json
bench-net: all
	$(srcdir)/tests/net/enter python3 -B $(srcdir)/bench/net.py ./interpose \
		--json bench-net.json $(BENCH)

.PHONY: bench-net

# Policies learned from real jobs: JOBS='git make' for some of them.
EXTRA_DIST += bench/learn.sh
bench-learn: all
	INTERPOSE=$(abs_builddir)/interpose sh $(srcdir)/bench/learn.sh $(JOBS)

# A made session of 1,000,000 events, most of them different, decided again.
bench-replay: all
	@rm -rf replay-made && mkdir replay-made && \
	$(srcdir)/tests/report/session.py replay-made/20260304-000000-agent-0000 1000000 && \
	for run in 1 2 3; do bash -c 'TIMEFORMAT="%R s, %U s of CPU"; time "$$@"' - \
		./interpose replay replay-made/20260304-000000-agent-0000 -p claude; \
	done | tail -n 1; \
	status=$$?; rm -rf replay-made; exit $$status

.PHONY: bench-replay bench-engine bench-learn bench bench-full bench-micro
