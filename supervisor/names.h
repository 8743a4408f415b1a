/*
 * Keeping names where they are for a moment.
 *
 * Calls act on pinned objects, with one exception: an AF_UNIX socket keeps the
 * name that it was bound by, so for the program's own spelling to be kept it
 * has to be looked up again. Meanwhile no call that could make it lead
 * elsewhere (rename, link, symlink) is made for any program of the session.
 */
#ifndef SUPERVISOR_NAMES_H
#define SUPERVISOR_NAMES_H

/** Around a call that gives an existing directory or a link a new name. */
void names_change(void);
void names_changed(void);

/** Around a look-up that must lead where the one before it led. */
void names_freeze(void);
void names_thaw(void);

#endif
