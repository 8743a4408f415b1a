/*
 * Theory of operation. One range of addresses is reserved, and taken in chunks
 * as it is needed; all blocks of a chunk are of one size, so the address of a
 * block tells its size. A block that is given back is wiped, and is the first
 * to be given out again. What is larger than a chunk has a mapping of its own,
 * with its size in front.
 */
#include "supervisor/net/locked_heap.h"

#include <errno.h>
#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <openssl/crypto.h>

enum {
	CHUNK = 64 * 1024,
	CHUNKS = 64 * 1024, /* 4 GiB of addresses, of which few are used */
	LARGE_HEAD = 64,
	RECORD_LEAST = 16 * 1024, /* OpenSSL's buffers of records are larger */
	LOCK_LEAST = 1024 * 1024, /* a smaller limit is left to the secrets */
	STACK_MOST = 64 * 1024,	  /* no call in here takes as much */
	LOCK_MOST = 32 * 1024 * 1024,
};

/* libevent makes buffers of powers of two; three of OpenSSL's fit a chunk. */
static const uint32_t sizes[] = {
	32,   48,   64,	  96,	128,  192,  256,   384,	  512,	 768,	1024,
	1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 21824, 32768, CHUNK,
};

enum { SIZES = sizeof(sizes) / sizeof(*sizes) };

struct block {
	struct block *next;
};

static struct {
	char *base;
	size_t used, most; /* chunks */
	size_t lockable;   /* bytes that may yet be locked */
	struct block *free[SIZES];
	uint8_t kinds[CHUNKS];
} heap;

static size_t kind_of(size_t size)
{
	size_t kind = 0;

	while (sizes[kind] < size)
		kind++;
	return kind;
}

static bool is_inside(const void *memory)
{
	const char *at = memory;

	return heap.base && at >= heap.base &&
	       at < heap.base + heap.used * CHUNK;
}

static bool take_chunk(size_t kind)
{
	char *chunk = heap.base + heap.used * CHUNK;
	size_t count = CHUNK / sizes[kind];

	if (heap.used == heap.most)
		return false;
	if (heap.lockable >= CHUNK) {
		/* Only what is touched is then in memory. */
		if (mlock2(chunk, CHUNK, MLOCK_ONFAULT) == 0)
			heap.lockable -= CHUNK;
		else
			heap.lockable = 0;
	}
	heap.kinds[heap.used++] = (uint8_t)kind;
	while (count-- > 0) {
		struct block *block =
			(struct block *)(void *)(chunk + count * sizes[kind]);

		block->next = heap.free[kind];
		heap.free[kind] = block;
	}
	return true;
}

/* ---------------------------------------------------------------- large -- */

static size_t whole_size(size_t size)
{
	return (size + LARGE_HEAD + 4095) & ~(size_t)4095;
}

static void *large_new(size_t size)
{
	size_t whole = whole_size(size);
	char *memory;

	if (size > SIZE_MAX / 2)
		return NULL;
	memory = mmap(NULL, whole, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	(void)madvise(memory, whole, MADV_DONTDUMP);
	memcpy(memory, &whole, sizeof(whole));
	return memory + LARGE_HEAD;
}

static size_t large_size(const void *memory)
{
	size_t whole;

	memcpy(&whole, (const char *)memory - LARGE_HEAD, sizeof(whole));
	return whole;
}

/* ------------------------------------------------------------------ all -- */

static size_t room_of(const void *memory)
{
	return is_inside(memory)
		       ? sizes[heap.kinds[(size_t)((const char *)memory -
						   heap.base) /
					  CHUNK]]
		       : large_size(memory) - LARGE_HEAD;
}

void *locked_heap_new(size_t size)
{
	size_t kind;
	struct block *block;

	if (size > CHUNK)
		return large_new(size);
	kind = kind_of(size);
	if (!heap.free[kind] && !take_chunk(kind))
		return NULL;
	block = heap.free[kind];
	heap.free[kind] = block->next;
	block->next = NULL;
	return block;
}

void locked_heap_free(void *memory)
{
	size_t kind;
	struct block *block = memory;

	if (!memory)
		return;
	if (!is_inside(memory)) {
		size_t whole = large_size(memory);
		char *at = (char *)memory - LARGE_HEAD;

		OPENSSL_cleanse(at, whole);
		(void)munmap(at, whole);
		return;
	}
	kind = heap.kinds[(size_t)((char *)memory - heap.base) / CHUNK];
	OPENSSL_cleanse(memory, sizes[kind]);
	block->next = heap.free[kind];
	heap.free[kind] = block;
}

void *locked_heap_resize(void *memory, size_t size)
{
	size_t old = memory ? room_of(memory) : 0;
	void *other;

	if (memory && size && size <= old && size > old / 2)
		return memory;
	other = locked_heap_new(size);
	if (!other)
		return NULL;
	if (memory)
		memcpy(other, memory, old < size ? old : size);
	locked_heap_free(memory);
	return other;
}

/* -------------------------------------------------------------- OpenSSL -- */

/* All of it would be too much: certificates are its largest part. */
static void *openssl_new(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return size > RECORD_LEAST && size <= CHUNK ? locked_heap_new(size)
						    : malloc(size);
}

static void openssl_free(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	if (is_inside(memory))
		locked_heap_free(memory);
	else
		free(memory);
}

static void *openssl_resize(void *memory, size_t size, const char *file,
			    int line)
{
	void *other;

	if (!is_inside(memory))
		return realloc(memory, size);
	other = openssl_new(size, file, line);
	if (!other)
		return NULL;
	memcpy(other, memory, size < room_of(memory) ? size : room_of(memory));
	locked_heap_free(memory);
	return other;
}

/* ---------------------------------------------------------------- stack -- */

#define LOW(X) \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) \
	X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define HIGH(X) \
	X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) \
	X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)

/* The last bytes of what was copied are in the vector registers, and those on the
 * stack once the dynamic linker binds a function, or a signal is handled. */
static void wipe_registers(void)
{
#if defined(__x86_64__)
#define ZERO(n) \
	__asm__ volatile("pxor %%xmm" #n ", %%xmm" #n : : : "xmm" #n);
/* These are used by nothing that was not compiled for them. */
#define ZERO_HIGH(n) \
	__asm__ volatile("vpxord %zmm" #n ", %zmm" #n ", %zmm" #n);
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroall");
	LOW(ZERO)
	if (__builtin_cpu_supports("avx512f")) {
		HIGH(ZERO_HIGH)
	}
#elif defined(__aarch64__)
#define ZERO(n) __asm__ volatile("movi v" #n ".2d, #0" : : : "v" #n);
	LOW(ZERO)
	HIGH(ZERO)
#endif
}

static __attribute__((noinline)) void wipe_stack(void)
{
	char below[STACK_MOST];

	wipe_registers();
	OPENSSL_cleanse(below, sizeof(below));
}

int locked_heap_dispatch(struct event_base *base)
{
	int ended;

	do {
		ended = event_base_loop(base, EVLOOP_ONCE);
		wipe_stack();
	} while (!ended && !event_base_got_exit(base));
	return ended;
}

/* ------------------------------------------------------------ beginning -- */

static size_t may_lock(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur < LOCK_LEAST)
		return 0;
	return limit.rlim_cur / 2 < LOCK_MOST ? (size_t)limit.rlim_cur / 2
					      : LOCK_MOST;
}

/* As many addresses as can be had: where memory is never promised twice (2 of
 * vm.overcommit_memory), as much as there is. */
static bool reserve(void)
{
	for (heap.most = CHUNKS; heap.most >= CHUNKS / 64; heap.most /= 4) {
		heap.base = mmap(
			NULL, heap.most * CHUNK, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (heap.base != MAP_FAILED)
			break;
		heap.base = NULL;
	}
	if (!heap.base)
		return false;
	(void)madvise(heap.base, heap.most * CHUNK, MADV_NOHUGEPAGE);
	return madvise(heap.base, heap.most * CHUNK, MADV_DONTDUMP) == 0 &&
	       madvise(heap.base, heap.most * CHUNK, MADV_DONTFORK) == 0;
}

bool locked_heap_is_used(void)
{
	return heap.base;
}

int locked_heap_begin(void)
{
	if (heap.base)
		return 0;
	heap.lockable = may_lock();
	if (!reserve())
		return -ENOMEM;
	event_set_mem_functions(locked_heap_new, locked_heap_resize,
				locked_heap_free);
	json_set_alloc_funcs(locked_heap_new, locked_heap_free);
	/* Each is given back when it is empty: SSL_MODE_RELEASE_BUFFERS. */
	return CRYPTO_set_mem_functions(openssl_new, openssl_resize,
					openssl_free)
		       ? 0
		       : -EBUSY;
}
