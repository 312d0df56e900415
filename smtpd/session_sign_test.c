/* session_sign_test.c - sessions whose messages gk-sign signs, or cannot. */
#include "smtpd/session_test_in.h"

#define SUBMIT "MAIL FROM:<alice@here.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n"

static void
submit(void)
{
	connect_to("submission");
	expect("EHLO c\r\nAUTH PLAIN AGEAYQ==\r\n", "220 250 235");
}

static void
what_has_keys_is_signed(void **state)
{
	static const char usual[] =
	    "From: alice@key.test\r\nDate: x\r\nMessage-ID: <y>\r\n\r\na\r\n";

	(void)state;
	submit();
	expect(SUBMIT "From: alice@here.test\r\n\r\n.\r\n", "250 250 354 250");
	assert_int_equal(signer.asked, 0);
	expect(SUBMIT "From: alice@key.test\r\nDate: x\r\nMessage-ID: <y>\r\n\r\na\r\n.\r\n",
	    "250 250 354 250");
	assert_int_equal(signer.asked, 1);
	assert_int_equal(signer.tokens, 1);
	assert_true(vouched > 0);
	assert_true(str_eq_z(buf_view(&signer.octets), usual));
	assert_true(str_starts(str_from(buf_view(&stored), env.return_path),
	    STR("DKIM-Signature: n=53;\r\n\tb=x\r\nReceived: from c ")));
	/* What we add is signed too. */
	expect(SUBMIT "From: Alice <alice@KEY.test>\r\n\r\na\r\n.\r\n", "250 250 354 250");
	assert_true(str_starts(buf_view(&signer.octets), STR("Date: ")));
	assert_true(str_ends(buf_view(&stored), buf_view(&signer.octets)));
	leave();
	assert_int_equal(tokens_ended, 1);
	/* Mail from others is nothing to sign. */
	connect_to("smtp");
	expect(OPENING "DATA\r\nFrom: alice@key.test\r\n\r\n.\r\n", "220 250 250 250 354 250");
	assert_int_equal(signer.asked, 2);
	leave();
}

/* Every size goes the same way, and the stored octets are those that were signed. */
static void
signing_of_all_sizes(void **state)
{
	static char big[1000000];
	static const size_t sizes[] = {1000, 16300, 16400, 100000, 250000, 262144, 400000, 999000};
	struct str body = str_of(big, 0);

	(void)state;
	memset(big, 'x', sizeof(big));
	for (size_t i = 98; i < sizeof(big); i += 100)
		memcpy(big + i, "\r\n", 2);
	memcpy(big, "From: alice@key.test\r\n\r\n", 24);
	submit();
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		body.n = sizes[i] / 100 * 100;
		expect(SUBMIT, "250 250 354");
		say(body);
		expect(".\r\n", "250");
		assert_true(str_ends(buf_view(&signer.octets), body));
		assert_true(str_ends(buf_view(&stored), buf_view(&signer.octets)));
		assert_true(str_starts(
		    str_from(buf_view(&stored), env.return_path), STR("DKIM-Signature: n=")));
		assert_int_equal(signer.asked, i + 1);
	}
	leave();
}

static void
a_signer_that_cannot(void **state)
{
	static const char *const wrong[] = {"DKIM-Signature: x", "\r\n", "x\r\n", " x: y\r\n"};
	static char big[65536];

	(void)state;
	submit();
	err_set(&signer.error, E_TEMP, "no");
	expect(SUBMIT "From: alice@key.test\r\n\r\n.\r\n", "250 250 354 451");
	err_set(&signer.error, E_PERM, "never");
	expect(SUBMIT "From: alice@key.test\r\n\r\n.\r\n", "250 250 354 554");
	signer.error = (struct err){0};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		signer.fields = wrong[i];
		expect(SUBMIT "From: alice@key.test\r\n\r\n.\r\n", "250 250 354 451");
	}
	signer.fields = NULL;
	assert_int_equal(committed, 0);
	/* It reads nothing: its client waits. Then it ends, and the client hears of it. */
	signer.deaf = true;
	expect(SUBMIT "From: alice@key.test\r\n\r\n", "250 250 354");
	memset(big, 'x', sizeof(big));
	for (size_t i = 98; i < sizeof(big); i += 100)
		memcpy(big + i, "\r\n", 2);
	for (int i = 0; i < 100 && send(client, big, 65500, MSG_DONTWAIT | MSG_NOSIGNAL) > 0; i++)
		turn();
	turn();
	assert_int_equal(signer.asked, 7);
	assert_true(send(client, big, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0);
	ipc_free(&sign);
	file_close(&signer.fd);
	turn();
	expect("\r\n.\r\n", "451");
	leave();
}

/* Domains without keys are not held up by a gk-sign that is away; those with keys are not sent
 * unsigned. */
static void
a_signer_that_is_away(void **state)
{
	(void)state;
	submit();
	ipc_free(&sign);
	turn();
	expect(SUBMIT "From: alice@here.test\r\n\r\n.\r\n", "250 250 354 250");
	expect(SUBMIT "From: alice@key.test\r\n\r\n.\r\n", "250 250 354");
	clock_advance(61000);
	turn();
	assert_string_equal(codes(), "451");
	assert_int_equal(committed, 1);
	leave();
}

static void
a_login_that_authd_forgot(void **state)
{
	(void)state;
	submit();
	err_set(&signer.error, E_DENIED, "bad token");
	expect(SUBMIT "From: alice@key.test\r\n\r\n.\r\nNOOP\r\n", "250 250 354 451 421");
	leave();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_has_keys_is_signed),
	    TEST(signing_of_all_sizes),
	    TEST(a_signer_that_cannot),
	    TEST(a_signer_that_is_away),
	    TEST(a_login_that_authd_forgot),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
