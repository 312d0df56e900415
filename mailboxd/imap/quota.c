/*
 * quota.c - QUOTA (RFC 9208; the commands of RFC 2087): one root, "", with STORAGE in units of 1024
 * octets.
 */
#include "mailboxd/imap/conn.h"

static void
put_quota(struct imap_conn *c)
{
	uint64_t limit = home_quota(c->home);

	/* Without a limit the list is empty (RFC 9208 4.2.1): nothing is bounded. */
	if (limit == 0)
		imap_puts(c, "* QUOTA \"\" ()\r\n");
	else
		imap_printf(c, "* QUOTA \"\" (STORAGE %llu %llu)\r\n",
		    (unsigned long long)((home_octets(c->home) + 1023) / 1024),
		    (unsigned long long)(limit / 1024));
}

enum imap_step
imap_cmd_getquota(struct imap_conn *c)
{
	if (c->cmd.root.n > 0)
		return imap_no(c, "[NONEXISTENT] No such quota root");
	put_quota(c);
	return imap_ok(c, "Getquota completed");
}

enum imap_step
imap_cmd_getquotaroot(struct imap_conn *c)
{
	if (home_find(c->home, c->cmd.mailbox) == NULL)
		return imap_no(c, "[NONEXISTENT] No such mailbox");
	imap_puts(c, "* QUOTAROOT ");
	imap_put_mailbox(c, c->cmd.mailbox);
	imap_puts(c, " \"\"\r\n");
	put_quota(c);
	return imap_ok(c, "Getquotaroot completed");
}

enum imap_step
imap_cmd_setquota(struct imap_conn *c)
{
	return imap_no(c, "[NOPERM] Quotas are set by the operator");
}
