/*
 * Far ends are verified by roots that are parsed when a chain names them: what
 * comes out is what comes out with all of them in the store from the start.
 */
#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "supervisor/net/roots.h"

/* ------------------------------------------------------------ certificates --
 */

struct party {
	EVP_PKEY *key;
	X509 *certificate;
};

static void extend(X509 *certificate, const X509 *issuer, int what,
		   const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, (X509 *)(uintptr_t)issuer, certificate, NULL,
		       NULL, 0);
	X509_EXTENSION *extension =
		X509V3_EXT_nconf_nid(NULL, &context, what, value);

	ck_assert_ptr_nonnull(extension);
	ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* Signed by `issuer`; NULL: by itself. */
static struct party make(const char *name, const struct party *issuer, bool ca)
{
	struct party made = {EVP_EC_gen("P-256"), X509_new()};
	static long serial;
	X509 *x = made.certificate;

	ck_assert(made.key && x);
	ck_assert_int_eq(X509_set_version(x, 2), 1);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
				   MBSTRING_UTF8, (const unsigned char *)name,
				   -1, -1, 0);
	X509_set_issuer_name(
		x, X509_get_subject_name(issuer ? issuer->certificate : x));
	X509_set_pubkey(x, made.key);
	extend(x, x, NID_basic_constraints,
	       ca ? "critical,CA:TRUE" : "CA:FALSE");
	extend(x, x, NID_subject_key_identifier, "hash");
	extend(x, issuer ? issuer->certificate : x,
	       NID_authority_key_identifier, "keyid");
	ck_assert_int_gt(
		X509_sign(x, issuer ? issuer->key : made.key, EVP_sha256()), 0);
	return made;
}

static void drop(struct party *party)
{
	EVP_PKEY_free(party->key);
	X509_free(party->certificate);
}

static void print(BIO *out, const struct party *party)
{
	ck_assert_int_eq(PEM_write_bio_X509(out, party->certificate), 1);
}

/* ------------------------------------------------------------- verifying --
 */

/* 1, or the error, negative. */
static int verify(struct roots *roots, X509_STORE *store,
		  const struct party *leaf, const struct party *sent)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	STACK_OF(X509) *chain = sk_X509_new_null();

	if (sent)
		sk_X509_push(chain, sent->certificate);
	ck_assert_int_eq(
		X509_STORE_CTX_init(context, store, leaf->certificate, chain),
		1);
	int result = roots_verify(context, roots);

	if (result != 1)
		result = -X509_STORE_CTX_get_error(context);
	X509_STORE_CTX_free(context);
	sk_X509_free(chain);
	return result;
}

static struct roots *roots_of(BIO *bundle)
{
	struct roots *roots;
	char *text;
	long length = BIO_get_mem_data(bundle, &text);

	/* By turns, copied and mapped. */
	static bool mapped;
	void *map = mmap(NULL, (size_t)length + 1, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(map, MAP_FAILED);
	if (length > 0)
		memcpy(map, text, (size_t)length);
	mapped = length > 0 && !mapped;
	ck_assert_int_eq(
		roots_new(mapped ? map : text, (size_t)length, mapped, &roots),
		0);
	BIO_free(bundle);
	return roots;
}

static int verify_once(BIO *bundle, const struct party *leaf,
		       const struct party *sent)
{
	struct roots *roots = roots_of(bundle);
	X509_STORE *store = X509_STORE_new();
	int first = verify(roots, store, leaf, sent);

	/* And again, with what the first left in the store. */
	ck_assert_int_eq(verify(roots, store, leaf, sent), first);
	X509_STORE_free(store);
	roots_free(roots);
	return first;
}

START_TEST(a_chain_to_a_root_is_trusted)
{
	struct party root = make("root", NULL, true);
	struct party other = make("other", NULL, true);
	struct party middle = make("middle", &root, true);
	struct party leaf = make("leaf", &middle, false);
	BIO *bundle = BIO_new(BIO_s_mem());

	print(bundle, &other);
	print(bundle, &root);
	ck_assert_int_eq(verify_once(bundle, &leaf, &middle), 1);
	drop(&root), drop(&other), drop(&middle), drop(&leaf);
}
END_TEST

START_TEST(what_only_the_bundle_has_is_followed)
{
	/* The middle one is not sent, and its issuer is not named by the leaf.
	 */
	struct party root = make("root", NULL, true);
	struct party middle = make("middle", &root, true);
	struct party leaf = make("leaf", &middle, false);
	BIO *bundle = BIO_new(BIO_s_mem());

	print(bundle, &root);
	print(bundle, &middle);
	ck_assert_int_eq(verify_once(bundle, &leaf, NULL), 1);
	drop(&root), drop(&middle), drop(&leaf);
}
END_TEST

START_TEST(of_roots_with_one_name_the_right_one_counts)
{
	struct party root = make("The Root", NULL, true);
	/* The same name, as names are compared. */
	struct party older = make("the  ROOT", NULL, true);
	struct party leaf = make("leaf", &root, false);
	struct party forged = make("leaf", &older, false);
	BIO *both = BIO_new(BIO_s_mem()), *one = BIO_new(BIO_s_mem());

	print(both, &older);
	print(both, &root);
	print(one, &root);
	ck_assert_int_eq(verify_once(both, &leaf, NULL), 1);
	ck_assert_int_lt(verify_once(one, &forged, NULL), 1);
	drop(&root), drop(&older), drop(&leaf), drop(&forged);
}
END_TEST

START_TEST(what_is_not_in_the_bundle_is_not_trusted)
{
	struct party root = make("root", NULL, true);
	struct party other = make("other", NULL, true);
	struct party middle = make("middle", &root, true);
	struct party leaf = make("leaf", &middle, false);
	BIO *bundle = BIO_new(BIO_s_mem());

	print(bundle, &other);
	/* Even where the peer sends the root itself. */
	ck_assert_int_eq(verify_once(bundle, &leaf, &middle),
			 -X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
	bundle = BIO_new(BIO_s_mem());
	print(bundle, &other);
	ck_assert_int_eq(verify_once(bundle, &root, NULL),
			 -X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
	ck_assert_int_lt(verify_once(BIO_new(BIO_s_mem()), &leaf, &middle), 1);
	drop(&root), drop(&other), drop(&middle), drop(&leaf);
}
END_TEST

START_TEST(what_is_no_certificate_is_passed_over)
{
	/* Nothing; too short; lengths that lead out; no PEM of ours. */
	static const char *const junk[] = {
		"# a comment\n",
		"-----BEGIN CERTIFICATE-----\nMAA=\n-----END "
		"CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nMIL//zCC\n"
		"-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nMAQwAgIB\n"
		"-----END CERTIFICATE-----\n",
		"-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n",
	};
	struct party root = make("root", NULL, true);
	struct party leaf = make("leaf", &root, false);
	BIO *bundle = BIO_new(BIO_s_mem());

	for (size_t i = 0; i < sizeof(junk) / sizeof(*junk); i++)
		BIO_puts(bundle, junk[i]);
	print(bundle, &root);
	ck_assert_int_eq(verify_once(bundle, &leaf, NULL), 1);
	drop(&root), drop(&leaf);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("roots");
	TCase *all = tcase_create("roots");

	tcase_add_test(all, a_chain_to_a_root_is_trusted);
	tcase_add_test(all, what_only_the_bundle_has_is_followed);
	tcase_add_test(all, of_roots_with_one_name_the_right_one_counts);
	tcase_add_test(all, what_is_not_in_the_bundle_is_not_trusted);
	tcase_add_test(all, what_is_no_certificate_is_passed_over);
	suite_add_tcase(suite, all);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
