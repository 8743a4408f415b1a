/*
 * The loader's own calls at the gate. What ld.so(8) opens before the program
 * begins it opens before any library could help: its cache, and each library.
 * So a new image's loader is changed while the image stands ready
 * (supervisor/loader_image.c): the room that is left behind its code holds what
 * begins here, its open and access jump there, and it is where the image
 * starts. That maps the gate, and goes on to the loader's beginning. Whether
 * there is a gate is kept in what the loader may write to: the room before its
 * data, in the same page. Without one all is made as ever.
 *
 * At the gate is made what a table names: the loader's cache, and libraries
 * right in the system's directories of them (lib…, with a digit or an o at the
 * end), opened for reading. All else, and what the fence refuses, is made where
 * it always was, trapped.
 *
 * In the room one behind the other: this code, the table, a stub for each
 * call. The table's entries are a byte with the length and so many bytes of a
 * path: with a NUL the whole path, else a directory's with its slash. A length
 * of 0 ends it.
 *
 * A stub begins with the instruction that the jump replaces (from there the
 * shim takes it: start.c), and goes on with the address of the call's own
 * instruction, which stays where it is, in r11.
 *
 * Also read by the assembler.
 */
#ifndef SHIM_LOADER_H
#define SHIM_LOADER_H

/* Of a site's seven bytes: an instruction of five, which is moved, and the
 * call. */
#define LOADER_JUMP 5
#define LOADER_SITE 7

#ifndef __ASSEMBLER__
#include <stdint.h>

/** The code, to be copied; what is written into a copy lies within. */
extern const unsigned char loader_code[], loader_code_end[];
/** Where it begins; the distance of the jump to the loader's beginning. */
extern const unsigned char loader_begin[], loader_to_loader[];
/** Where a stub goes to; flags for each open; the distance from there, of 64
 * bits, to the byte that is not 0 where there is a gate. */
extern const unsigned char loader_enter[], loader_flags[], loader_ready[];
#endif

#endif
