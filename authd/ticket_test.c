#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authd/ticket.h"
#include "base/clock.h"

static unsigned char ticket[TICKET_SIZE];

static void
issue(const char *user)
{
	ticket_issue(str_z(user), STR("imap"), PEER_IMAPD, 7, ticket);
}

static bool
redeem(const char *service, enum ipc_peer front, uint64_t conn)
{
	struct str user;

	if (!ticket_redeem(str_of(ticket, sizeof(ticket)), str_z(service), front, conn, &user))
		return false;
	assert_true(str_eq_z(user, "alice@x.test"));
	return true;
}

static void
once(void **state)
{
	(void)state;
	issue("alice@x.test");
	assert_true(redeem("imap", PEER_IMAPD, 7));
	assert_false(redeem("imap", PEER_IMAPD, 7));
}

static void
only_where_it_was_issued(void **state)
{
	(void)state;
	issue("alice@x.test");
	assert_false(redeem("smtp", PEER_IMAPD, 7));
	/* The attempt used it up. */
	assert_false(redeem("imap", PEER_IMAPD, 7));
	issue("alice@x.test");
	assert_false(redeem("imap", PEER_SMTPD, 7));
	issue("alice@x.test");
	assert_false(redeem("imap", PEER_IMAPD, 8));
	issue("alice@x.test");
	ticket[0] ^= 1;
	assert_false(redeem("imap", PEER_IMAPD, 7));
	ticket[0] ^= 1;
	assert_true(redeem("imap", PEER_IMAPD, 7));
}

static void
for_ten_seconds(void **state)
{
	(void)state;
	issue("alice@x.test");
	clock_advance(TICKET_MS - 1000);
	assert_true(redeem("imap", PEER_IMAPD, 7));
	issue("alice@x.test");
	clock_advance(TICKET_MS);
	assert_false(redeem("imap", PEER_IMAPD, 7));
}

static void
not_after_it_was_revoked(void **state)
{
	unsigned char alice[TICKET_SIZE];

	(void)state;
	issue("alice@x.test");
	memcpy(alice, ticket, sizeof(alice));
	issue("bob@x.test");
	ticket_revoke(STR("bob@x.test"));
	assert_false(redeem("imap", PEER_IMAPD, 7));
	memcpy(ticket, alice, sizeof(alice));
	assert_true(redeem("imap", PEER_IMAPD, 7));
}

static void
never_malformed(void **state)
{
	struct str user;

	(void)state;
	issue("alice@x.test");
	assert_false(ticket_redeem(STR(""), STR("imap"), PEER_IMAPD, 7, &user));
	assert_false(ticket_redeem(str_of(ticket, 31), STR("imap"), PEER_IMAPD, 7, &user));
	assert_true(redeem("imap", PEER_IMAPD, 7));
	ticket_done();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(once),
	    cmocka_unit_test(only_where_it_was_issued),
	    cmocka_unit_test(for_ten_seconds),
	    cmocka_unit_test(not_after_it_was_revoked),
	    cmocka_unit_test(never_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
