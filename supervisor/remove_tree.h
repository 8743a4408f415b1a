/*
 * Delete a directory that programs could fill as they liked.
 */
#ifndef SUPERVISOR_REMOVE_TREE_H
#define SUPERVISOR_REMOVE_TREE_H

/**
 * Delete the directory `name` (one component) in `parent`, with all that is in
 * it. Follows no link and enters no other mount; takes directories without
 * permissions and trees of any depth, with a bounded number of descriptors.
 *
 * Returns 0, also where it is not there, or the first -errno; what can be
 * deleted is.
 */
int remove_tree(int parent, const char *name);

#endif
