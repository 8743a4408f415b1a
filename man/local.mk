# The files of man/.
nodist_man_MANS = man/interpose-syscalls.7
EXTRA_DIST += man/interpose-syscalls.7.in man/syscalls.awk
CLEANFILES += man/interpose-syscalls.7 man/syscalls.rows

man/syscalls.rows: supervisor/syscalls.def man/syscalls.awk
	@$(MKDIR_P) man
	$(AM_V_GEN)$(AWK) -f $(srcdir)/man/syscalls.awk \
		$(srcdir)/supervisor/syscalls.def > $@.unsorted && \
		LC_ALL=C sort $@.unsorted > $@ && rm $@.unsorted

man/interpose-syscalls.7: man/interpose-syscalls.7.in man/syscalls.rows
	$(AM_V_GEN)sed -e '/^@TABLE@$$/{r man/syscalls.rows' -e 'd' -e '}' \
		$(srcdir)/man/interpose-syscalls.7.in > $@.new && mv $@.new $@
# The manual.
dist_man_MANS += man/interpose.1
dist_man_MANS += man/interpose-audit.5
dist_man_MANS += man/interpose-policy.5
