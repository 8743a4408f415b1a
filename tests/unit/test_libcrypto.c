/*
 * What a session takes from libcrypto without loading its algorithms, or knows
 * without asking it: the same as what it says itself.
 */
#include <check.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/x509.h>

#include "supervisor/net/ca.h"
#include "supervisor/sha256.h"

enum { MOST = 300 };

START_TEST(hashes)
{
	unsigned char bytes[MOST], ours[SHA256_SIZE], theirs[SHA256_SIZE];
	unsigned char key[SHA256_SIZE];
	unsigned size;

	for (unsigned i = 0; i < MOST; i++)
		bytes[i] = (unsigned char)(i * 31 + 7);
	for (unsigned i = 0; i < SHA256_SIZE; i++)
		key[i] = (unsigned char)(255 - i * 5);
	for (size_t length = 0; length <= MOST; length++) {
		struct sha256 parts;

		ck_assert(EVP_Digest(bytes, length, theirs, NULL, EVP_sha256(),
				     NULL));
		sha256(bytes, length, ours);
		ck_assert_mem_eq(ours, theirs, SHA256_SIZE);
		sha256_begin(&parts);
		sha256_add(&parts, bytes, length / 3);
		sha256_add(&parts, bytes + length / 3, length - length / 3);
		sha256_end(&parts, ours);
		ck_assert_mem_eq(ours, theirs, SHA256_SIZE);
		ck_assert_ptr_nonnull(HMAC(EVP_sha256(), key, SHA256_SIZE,
					   bytes, length, theirs, &size));
		sha256_hmac(key, bytes, length, ours);
		ck_assert_mem_eq(ours, theirs, SHA256_SIZE);
	}
}
END_TEST

START_TEST(digits)
{
	char text[SHA256_HEX + 1];
	unsigned char hash[SHA256_SIZE];

	sha256("abc", 3, hash);
	sha256_hex(hash, SHA256_SIZE, text);
	ck_assert_str_eq(text, "ba7816bf8f01cfea414140de5dae2223"
			       "b00361a396177a9cb410ff61f20015ad");
	sha256_hex(hash, 2, text);
	ck_assert_str_eq(text, "ba78");
}
END_TEST

START_TEST(name_of_the_authority)
{
	struct ca_material material;
	const unsigned char *at = material.certificate;

	ck_assert_int_eq(ca_make(&material), 0);
	X509 *certificate = d2i_X509(NULL, &at, material.certificate_length);

	ck_assert_ptr_nonnull(certificate);
	ck_assert_uint_eq(X509_subject_name_hash(certificate), CA_NAME_HASH);
	X509_free(certificate);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("libcrypto");
	TCase *tests = tcase_create("libcrypto");
	SRunner *runner = srunner_create(suite);

	tcase_add_test(tests, hashes);
	tcase_add_test(tests, digits);
	tcase_add_test(tests, name_of_the_authority);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed > 0;
}
