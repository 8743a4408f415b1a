/*
 * The parts of looking into requests: heads read strictly, paths, chunks,
 * texts replaced in streams, placeholders swapped and seen.
 */
#include <check.h>
#include <errno.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "supervisor/net/http_head.h"
#include "supervisor/net/http_parts.h"
#include "supervisor/net/http_swap.h"
#include "supervisor/net/locked.h"
#include "supervisor/net/needles.h"

#define COUNT(list) ((int)(sizeof(list) / sizeof(*(list))))

/* ------------------------------------------------------------------- heads --
 */

struct sample {
	const char *bytes;
	const char *why; /* NULL: it is taken */
};

/* clang-format off */
static const struct sample requests[] = {
{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", NULL},
{"POST /x?y HTTP/1.0\r\nhost:h\r\nContent-Length: 3\r\n\r\n", NULL},
{"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", NULL},
{"GET / HTTP/1.1\r\n\r\n", "no Host"},
{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "Host is there twice"},
{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", "Content-Length is there twice"},
{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", "Content-Length is no number"},
{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", "Content-Length is no number"},
{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", "Content-Length is no number"},
{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "both Content-Length and Transfer-Encoding"},
{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "Transfer-Encoding is not `chunked`"},
{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", "Transfer-Encoding is not `chunked`"},
{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding is not `chunked`"},
{"POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "some read its framing, or its Host, as another"},
{"POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\n\r\n", "some read its framing, or its Host, as another"},
{"POST / HTTP/1.1\r\nHost: a\r\nConnection: close, Host\r\n\r\n", "some read its framing, or its Host, as another"},
{"POST / HTTP/1.1\r\nHost: a\r\nConnection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n", "some read its framing, or its Host, as another"},
{"GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding in HTTP/1.0"},
{"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", NULL},
{"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n", NULL},
{"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\n", NULL},
{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\n", "a request for another protocol has a body"},
{"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nTransfer-Encoding: chunked\r\n\r\n", "a request for another protocol has a body"},
{"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\n", "a request for another protocol has a body"},
{"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", "a header goes on in the next line"},
{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "a header's name is none"},
{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\x0b: chunked\r\n\r\n", "a header's name is none"},
{"GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n", "a header has a control character"},
{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "neither HTTP/1.1 nor HTTP/1.0"},
{"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "the path has a byte that is to be encoded"},
{"GET http://other/ HTTP/1.1\r\nHost: a\r\n\r\n", "the path does not begin with a slash"},
{"CONNECT other:443 HTTP/1.1\r\nHost: a\r\n\r\n", "a tunnel inside a connection"},
{"GE(T / HTTP/1.1\r\nHost: a\r\n\r\n", "the method is none"},
{"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "the path has a byte that is to be encoded"},
{"GET\r\nHost: a\r\n\r\n", "this is no request"},
};
/* clang-format on */

START_TEST(request_is_read_in_one_way)
{
	const struct sample *sample = &requests[_i];
	struct http_head head;
	const char *why = NULL;
	size_t length = strlen(sample->bytes);

	ck_assert_int_eq(http_head_end(sample->bytes, length), (int)length);
	ck_assert_int_eq(http_request_read(sample->bytes, length, &head, &why),
			 sample->why ? -EBADMSG : 0);
	if (sample->why)
		ck_assert_str_eq(why, sample->why);
}
END_TEST

START_TEST(head_has_no_bare_line_end)
{
	static const char *const bad[] = {
		"GET / HTTP/1.1\nHost: h\n\n",
		"GET / HTTP/1.1\r\nHost: h\n\r\n",
		"GET / HTTP/1.1\r\nX: a\rContent-Length: 5\r\n\r\n",
	};

	for (int i = 0; i < COUNT(bad); i++)
		ck_assert_int_lt(http_head_end(bad[i], strlen(bad[i])), 0);
	ck_assert_int_eq(http_head_end("GET / HTTP/1.1\r\n", 16), 0);
	ck_assert_int_eq(http_head_end("GET / HTTP/1.1\r", 15), 0);
}
END_TEST

START_TEST(answer_says_how_its_body_ends)
{
	static const struct {
		const char *bytes;
		bool to_head;
		enum http_body body;
	} samples[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false,
		 HTTP_BODY_LENGTH},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true,
		 HTTP_BODY_NONE},
		{"HTTP/1.1 204 No\r\n\r\n", false, HTTP_BODY_NONE},
		{"HTTP/1.1 304\r\nContent-Length: 5\r\n\r\n", false,
		 HTTP_BODY_NONE},
		{"HTTP/1.1 200 \r\nTransfer-Encoding: Chunked\r\n\r\n", false,
		 HTTP_BODY_CHUNKED},
		{"HTTP/1.0 200 OK\r\n\r\n", false, HTTP_BODY_CLOSE},
	};

	for (int i = 0; i < COUNT(samples); i++) {
		struct http_head head;
		const char *why;

		ck_assert_int_eq(http_answer_read(samples[i].bytes,
						  strlen(samples[i].bytes),
						  samples[i].to_head, &head,
						  &why),
				 0);
		ck_assert_int_eq(head.body, samples[i].body);
	}
}
END_TEST

START_TEST(path_is_read_in_every_way)
{
	static const struct {
		const char *target, *first, *second;
		int count;
	} samples[] = {
		{"/a/b?x=/../y", "/a/b", "/a/b", 1},
		{"/%61%64min", "/admin", "/admin", 1},
		{"/a//b", "/a//b", "/a/b", 2},
		{"/@types%2fnode", "/@types%2Fnode", "/@types/node", 2},
		{"/%40types%2Fnode", "/@types%2Fnode", "/@types/node", 2},
		{"/a%5cb", "/a%5Cb", "/a/b", 2},
		{"/a%252e", "/a%252e", "/a%252e", 1},
		{"/admin;x=1/a;y", "/admin;x=1/a;y", "/admin/a", 2},
		{"/admin;x%2Fz/users", NULL, NULL, -EBADMSG},
		{"/admin%3bx%2fa", NULL, NULL, -EBADMSG},
		{"/admin;x%5Cz/users", NULL, NULL, -EBADMSG},
		{"/admin;x/a%2Fb", "/admin;x/a%2Fb", "/admin/a/b", 2},
		{"/a/..;/b", NULL, NULL, -EBADMSG},
		{"/a/.%2e%3bx/b", NULL, NULL, -EBADMSG},
		{"/a/../b", NULL, NULL, -EBADMSG},
		{"/a/%2e%2E/b", NULL, NULL, -EBADMSG},
		{"/a/..%2fb", NULL, NULL, -EBADMSG},
		{"/a/.", NULL, NULL, -EBADMSG},
		{"/a%00b", NULL, NULL, -EBADMSG},
		{"/a%2", NULL, NULL, -EBADMSG},
	};
	static char paths[2][HTTP_PATH_MOST];

	for (int i = 0; i < COUNT(samples); i++) {
		struct http_text target = {samples[i].target,
					   strlen(samples[i].target)};
		const char *why;

		ck_assert_int_eq(http_paths(target, paths, &why),
				 samples[i].count);
		if (samples[i].count < 0)
			continue;
		ck_assert_str_eq(paths[0], samples[i].first);
		ck_assert_str_eq(paths[1], samples[i].second);
	}
}
END_TEST

/* ------------------------------------------------------------------ chunks --
 */

static const char *read_chunks(const char *bytes, size_t cut, char *data)
{
	struct http_chunks chunks = {0};
	size_t at = 0, size = strlen(bytes);

	while (at < size) {
		size_t left = size - at < cut ? size - at : cut, used;
		enum http_chunk what =
			http_chunks_read(&chunks, bytes + at, left, &used);

		if (what == HTTP_CHUNK_DATA || what == HTTP_CHUNK_TRAILER)
			data = mempcpy(data, bytes + at, used);
		*data = '\0';
		at += used;
		if (what == HTTP_CHUNK_BAD)
			return "bad";
		if (what == HTTP_CHUNK_END)
			return at == size ? "end" : "early";
	}
	return "more";
}

START_TEST(chunks_are_read_however_they_are_cut)
{
	static const struct {
		const char *bytes, *data, *end;
	} samples[] = {
		{"5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\n\r\n", "helloabc", "end"},
		{"0\r\nA: b\r\nC: d\r\n\r\n", "A: b\r\nC: d\r\n", "end"},
		{"000\r\n\r\n", "", "end"},
		{"5\r\nhel", "hel", "more"},
		{"5\nhello\n0\n\n", "", "bad"},
		{"5\r\nhelloX", "hello", "bad"},
		{"0x5\r\nhello\r\n", "", "bad"},
		{" 5\r\nhello\r\n", "", "bad"},
		{"5 \r\nhello\r\n", "", "bad"},
		{"ffffffffffffffff1\r\n", "", "bad"},
		{"0\r\nA b\n\r\n", "A b", "bad"},
	};
	char data[256];

	for (int i = 0; i < COUNT(samples); i++) {
		for (size_t cut = 1; cut < 9; cut++) {
			*data = '\0';
			ck_assert_str_eq(
				read_chunks(samples[i].bytes, cut, data),
				samples[i].end);
			if (strcmp(samples[i].end, "bad") != 0)
				ck_assert_str_eq(data, samples[i].data);
		}
	}
}
END_TEST

/* ----------------------------------------------------------------- needles --
 */

static void emit(void *context, const char *bytes, size_t length)
{
	strncat(context, bytes, length);
}

START_TEST(needles_are_replaced_wherever_they_are_cut)
{
	static const struct needle needles[] = {
		{"secret", 6, "SECRET", 6, 0, 0},
		{"ecru", 4, "Hallo", 5, 1, 0},
		{"sese", 4, "", 0, 2, 0},
	};
	static const char text[] = "a secret, secrecru, sesesecret, se, secre";
	struct needles *made;

	ck_assert_int_eq(needles_new(needles, 3, &made), 0);
	for (size_t cut = 1; cut < sizeof(text); cut++) {
		struct needles_state state = {0};
		char out[128] = "";

		for (size_t at = 0; at < sizeof(text) - 1; at += cut)
			needles_pass(made, &state, text + at,
				     sizeof(text) - 1 - at < cut
					     ? sizeof(text) - 1 - at
					     : cut,
				     emit, NULL, out);
		needles_end(made, &state, emit, out);
		ck_assert_str_eq(out, "a SECRET, secrHallo, SECRET, se, secre");
	}
	needles_free(made);
}
END_TEST

/* The first bytes, as a text may well end with them, are not waited behind. */
START_TEST(a_short_start_is_not_held_back)
{
	static const struct needle needles[] = {
		{"secret", 6, "SECRET", 6, 0, .free = 2},
		{"seesaw", 6, "SEESAW", 6, 1, .free = 0},
		{"xyzzy", 5, "XYZZY", 5, 2, .free = 3},
	};
	static const struct {
		const char *one, *two, *first, *all;
	} samples[] = {
		{"a xy", "z", "a xy", "a xyz"},
		{"a xy", "zzy", "a xy", "a xyZZY"},
		{"a xyzz", "y", "a ", "a XYZZY"},
		{"a xyz", "zy xyzzy", "a xyz", "a xyzZY XYZZY"},
		{"a se", "cret", "a ", "a SECRET"},
		{"a x", "xyzzy", "a x", "a xXYZZY"},
		{"", "xyzzy", "", "XYZZY"},
	};
	struct needles *made;

	ck_assert_int_eq(needles_new(needles, 3, &made), 0);
	for (int i = 0; i < COUNT(samples); i++) {
		struct needles_state state = {0};
		char out[64] = "";

		needles_pass(made, &state, samples[i].one,
			     strlen(samples[i].one), emit, NULL, out);
		ck_assert_str_eq(out, samples[i].first);
		needles_pass(made, &state, samples[i].two,
			     strlen(samples[i].two), emit, NULL, out);
		needles_end(made, &state, emit, out);
		ck_assert_str_eq(out, samples[i].all);
	}
	needles_free(made);
}
END_TEST

static void note_found(void *context, unsigned id)
{
	*(unsigned *)context |= 1u << id;
}

/* Byte by byte nothing is jumped over. */
START_TEST(needles_are_found_in_one_piece_as_byte_by_byte)
{
	char texts[3][8], stream[300];
	struct needle needles[3] = {0};

	srandom((unsigned)_i);
	for (size_t i = 0; i < 3; i++) {
		needles[i].text = texts[i];
		needles[i].length = 2 + (size_t)random() % 6;
		needles[i].instead = "-";
		needles[i].instead_length = 1;
		needles[i].id = (unsigned)i;
		for (size_t j = 0; j < needles[i].length; j++)
			texts[i][j] = "abcd"[random() % 4];
	}
	for (size_t i = 0; i < sizeof(stream); i++)
		stream[i] = "abcdefgh"[random() % 8];

	struct needles_state one = {0}, many = {0}, seen_one = {0},
			     seen_many = {0}, fresh = {0};
	char whole[400] = "", bytes[400] = "";
	unsigned found_one = 0, found_many = 0;
	struct needles *made;

	ck_assert_int_eq(needles_new(needles, 3, &made), 0);
	needles_pass(made, &one, stream, sizeof(stream), emit, NULL, whole);
	needles_look(made, &seen_one, stream, sizeof(stream), note_found,
		     &found_one);
	for (size_t i = 0; i < sizeof(stream); i++) {
		needles_pass(made, &many, stream + i, 1, emit, NULL, bytes);
		needles_look(made, &seen_many, stream + i, 1, note_found,
			     &found_many);
	}
	ck_assert_uint_eq(one.node, many.node);
	ck_assert_uint_eq(found_one, found_many);
	if (needles_absent(made, &fresh, stream, sizeof(stream)))
		ck_assert(!found_one && !one.node);
	else
		ck_assert(found_one || one.node);
	ck_assert_str_eq(whole, bytes);
	needles_free(made);
}
END_TEST

START_TEST(needles_hold_nothing_back_without_need)
{
	static const struct needle needles[] = {{"secret", 6, "x", 1, 0, 0}};
	struct needles_state state = {0};
	struct needles *made;
	char out[32] = "";

	ck_assert_int_eq(needles_new(needles, 1, &made), 0);
	needles_pass(made, &state, "data: 1\n\n", 9, emit, NULL, out);
	ck_assert_str_eq(out, "data: 1\n\n");
	needles_free(made);
}
END_TEST

/* -------------------------------------------------------------------- swap --
 */

#define VALUE  "sk-ant-real+/real+real-123456"
#define HOLDER "sk-ant-fake+/fake+fake-654321"

static struct secrets *make_secrets(enum secret_place place, const char *header)
{
	static struct secret_record record;
	struct secrets *secrets;

	memset(&record, 0, sizeof(record));
	strcpy(record.name, "key");
	strcpy(record.header, header);
	record.place = place;
	record.value_length = record.placeholder_length = sizeof(VALUE) - 1;
	memcpy(record.value, VALUE, sizeof(VALUE));
	memcpy(record.placeholder, HOLDER, sizeof(HOLDER));
	ck_assert_int_eq(secrets_new(&record, 1, &secrets), 0);
	return secrets;
}

static void expect_swap(enum secret_place place, const char *header,
			const char *in, const char *wanted)
{
	struct secrets *secrets = make_secrets(place, header);
	struct evbuffer *out = evbuffer_new();
	struct http_head head;
	uint64_t swapped = 0;
	const char *why;
	char text[1024];

	(void)snprintf(text, sizeof(text), "%s\r\n\r\n", in);
	ck_assert_int_eq(http_request_read(text, strlen(text), &head, &why), 0);
	ck_assert_int_eq(http_swap_head(secrets, 1, &head, out, &swapped), 0);
	evbuffer_add(out, "", 1);
	(void)snprintf(text, sizeof(text),
		       "%s\r\nAccept-Encoding: identity\r\n\r\n", wanted);
	ck_assert_str_eq((char *)evbuffer_pullup(out, -1), text);
	ck_assert_int_eq(swapped != 0, strcmp(in, wanted) != 0);
	evbuffer_free(out);
	secrets_drop(secrets);
}

#define LINE "GET / HTTP/1.1\r\nHost: h\r\n"

static void expect_restored(const struct secrets *secrets, const char *in,
			    const char *wanted)
{
	struct needles_state state = {0};
	char out[128] = "";

	needles_pass(secrets->restore, &state, in, strlen(in), emit, NULL, out);
	needles_end(secrets->restore, &state, emit, out);
	ck_assert_str_eq(out, wanted);
}

/* Other forms than the value itself are left out where they do not fit. */
START_TEST(secret_fits_in_little_memory)
{
	const struct rlimit limit = {64 * 1024, 64 * 1024};
	struct secrets *secrets = make_secrets(SECRET_IN_AUTHENTICATION, "");

	expect_restored(secrets, "a " VALUE, "a " HOLDER);
	if (locked_fits(1 << 20))
		expect_restored(secrets, "sk-ant-real+\\/real+real-123456",
				"sk-ant-fake+/fake+fake-654321s");
	secrets_drop(secrets);
	ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
	if (geteuid() == 0) /* it has no such limit */
		ck_assert_int_eq(setresuid(42042, 42042, 42042), 0);
	void *other = locked_new(12 * 1024);

	ck_assert_ptr_nonnull(other);
	secrets = make_secrets(SECRET_IN_AUTHENTICATION, "");
	expect_restored(secrets, "a " VALUE, "a " HOLDER);
#ifndef __SANITIZE_ADDRESS__ /* there mlock(2) does nothing */
	expect_restored(secrets, "sk-ant-real+\\/real+real-123456",
			"sk-ant-real+\\/real+real-123456");
#endif
	secrets_drop(secrets);
	locked_free(other, 12 * 1024);
}
END_TEST

START_TEST(placeholder_becomes_the_secret_where_it_may)
{
	enum secret_place any = SECRET_IN_AUTHENTICATION;

	expect_swap(any, "", LINE "X-Api-Key: " HOLDER,
		    LINE "X-Api-Key: " VALUE);
	expect_swap(any, "", LINE "Authorization: Bearer " HOLDER,
		    LINE "Authorization: Bearer " VALUE);
	/* user:HOLDER and user:VALUE */
	expect_swap(any, "",
		    LINE "Authorization: Basic "
			 "dXNlcjpzay1hbnQtZmFrZSsvZmFrZStmYWtlLTY1NDMyMQ==",
		    LINE "Authorization: Basic "
			 "dXNlcjpzay1hbnQtcmVhbCsvcmVhbCtyZWFsLTEyMzQ1Ng==");
	expect_swap(SECRET_IN_HEADER, "x-mine", LINE "X-Mine: a " HOLDER " b",
		    LINE "X-Mine: a " VALUE " b");
	expect_swap(SECRET_IN_BEARER, "", LINE "Authorization: bearer " HOLDER,
		    LINE "Authorization: bearer " VALUE);
	expect_swap(SECRET_IN_QUERY, "",
		    "GET /" HOLDER "?k=" HOLDER " HTTP/1.1\r\nHost: h",
		    "GET /" HOLDER "?k=" VALUE " HTTP/1.1\r\nHost: h");
}
END_TEST

START_TEST(placeholder_stays_where_it_may_not)
{
	static const char *const heads[] = {
		LINE "X-Comment: " HOLDER,
		LINE "Cookie: a=" HOLDER,
		"GET /" HOLDER "?k=" HOLDER " HTTP/1.1\r\nHost: h",
	};

	for (int i = 0; i < COUNT(heads); i++)
		expect_swap(SECRET_IN_AUTHENTICATION, "", heads[i], heads[i]);
	expect_swap(SECRET_IN_BASIC, "", LINE "Authorization: Bearer " HOLDER,
		    LINE "Authorization: Bearer " HOLDER);
	expect_swap(SECRET_IN_HEADER, "x-mine", LINE "X-Api-Key: " HOLDER,
		    LINE "X-Api-Key: " HOLDER);
}
END_TEST

START_TEST(placeholder_is_seen_in_disguise)
{
	static const char *const seen[] = {
		"x" HOLDER "y",
		/* base64 of the placeholder, behind 0, 1 and 2 bytes */
		"c2stYW50LWZha2UrL2Zha2UrZmFrZS02NTQzMjE=",
		"LXNrLWFudC1mYWtlKy9mYWtlK2Zha2UtNjU0MzIx",
		"LS1zay1hbnQtZmFrZSsvZmFrZStmYWtlLTY1NDMyMQ==",
		"736b2d616e742d66616b652b2f66616b652b66616b652d363534333231",
		"736B2D616E742D66616B652B2F66616B652B66616B652D363534333231",
		"sk-ant-fake%2b%2Ffake%2Bfake-654321",
		"sk-ant-%66%61%6b%65+/fake%2Bfak%65-65432%31",
	};
	struct secrets *secrets = make_secrets(SECRET_IN_AUTHENTICATION, "");

	for (int i = 0; i < COUNT(seen); i++) {
		for (size_t cut = 1; cut < 8; cut++) {
			struct http_watch watch = {0};
			size_t length = strlen(seen[i]);

			for (size_t at = 0; at < length; at += cut)
				http_watch_bytes(secrets, &watch, seen[i] + at,
						 length - at < cut ? length - at
								   : cut);
			ck_assert_msg(watch.seen == 1, "%s", seen[i]);
		}
	}
	struct http_watch watch = {0};

	http_watch_bytes(secrets, &watch, "sk-ant-fake+/fake and no more", 29);
	ck_assert(watch.seen == 0);
	secrets_drop(secrets);
}
END_TEST

/* ------------------------------------------------------------------ ending --
 */

/* For how many seconds a connection goes on whose end has come, of which in
 * each turn so many of the bytes that wait are taken, or some are sent. */
static unsigned lingers(size_t waiting, size_t taken, bool sends)
{
	struct http_linger linger = {.waiting = waiting};

	do {
		waiting -= taken < waiting ? taken : waiting;
		linger.moved = sends;
	} while (http_linger_on(&linger, waiting));
	return linger.seconds;
}

START_TEST(ending_lasts_as_long_as_bytes_flow_and_not_for_ever)
{
	ck_assert_uint_eq(lingers(0, 0, false), HTTP_SECONDS_LINGER);
	ck_assert_uint_eq(lingers(9, 0, false), HTTP_SECONDS_STALLED);
	/* Two turns until it has all, and one for it to close. */
	ck_assert_uint_eq(lingers(2, 1, false), 3 * HTTP_SECONDS_LINGER);
	ck_assert_uint_eq(lingers(0, 0, true), HTTP_SECONDS_MOST);
	ck_assert_uint_eq(lingers(1000, 1, false), HTTP_SECONDS_MOST);
	ck_assert_uint_eq(lingers(9, 0, true), HTTP_SECONDS_MOST);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http");
	TCase *parts = tcase_create("parts");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(parts, request_is_read_in_one_way, 0,
			    COUNT(requests));
	tcase_add_test(parts, head_has_no_bare_line_end);
	tcase_add_test(parts, answer_says_how_its_body_ends);
	tcase_add_test(parts, path_is_read_in_every_way);
	tcase_add_test(parts, chunks_are_read_however_they_are_cut);
	tcase_add_test(parts, needles_are_replaced_wherever_they_are_cut);
	tcase_add_loop_test(
		parts, needles_are_found_in_one_piece_as_byte_by_byte, 1, 200);
	tcase_add_test(parts, needles_hold_nothing_back_without_need);
	tcase_add_test(parts, a_short_start_is_not_held_back);
	tcase_add_test(parts, secret_fits_in_little_memory);
	tcase_add_test(parts, placeholder_becomes_the_secret_where_it_may);
	tcase_add_test(parts, placeholder_stays_where_it_may_not);
	tcase_add_test(parts, placeholder_is_seen_in_disguise);
	tcase_add_test(parts,
		       ending_lasts_as_long_as_bytes_flow_and_not_for_ever);
	suite_add_tcase(suite, parts);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
