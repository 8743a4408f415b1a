# The built-in policies.
profiledir = $(pkgdatadir)/profiles
dist_profile_DATA = \
	profiles/base \
	profiles/claude \
	profiles/codex \
	profiles/default
