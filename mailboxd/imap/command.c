/*
 * command.c - which command may be given when (RFC 3501 3, 6), and those that need no file of their
 * own.
 */
#include "mailboxd/imap/conn.h"

#include "base/log.h"
#include "svc/build.h"

static enum imap_step
capability(struct imap_conn *c)
{
	imap_printf(c, "* CAPABILITY %s\r\n", imap_capabilities(c));
	return imap_ok(c, "Capability completed");
}

static enum imap_step
noop(struct imap_conn *c)
{
	struct err e;

	/* A poll (RFC 3501 6.1.2): files that other programs dropped are looked for here. */
	if (c->selected && c->view.mb != NULL && mailbox_refresh(c->view.mb, &e) < 0)
		log_warn("imap.refresh", LS("sid", c->sid), LE(&e));
	return imap_ok(c, "%s completed", imap_verb_name(c->cmd.verb));
}

/* CHECK: a checkpoint of the mailbox (RFC 3501 6.4.1). */
static enum imap_step
checked(struct imap_conn *c)
{
	return imap_ok(c, "Check completed");
}

static enum imap_step
check(struct imap_conn *c)
{
	return imap_commit(c, checked);
}

static enum imap_step
logout(struct imap_conn *c)
{
	imap_view_close(c);
	imap_puts(c, "* BYE Logging out\r\n");
	c->ending = true;
	return imap_ok(c, "Logout completed");
}

static enum imap_step
id(struct imap_conn *c)
{
	for (size_t i = 0; i + 1 < c->cmd.nwords; i += 2)
		if (str_ieq_z(c->cmd.words[i], "name"))
			log_info("imap.id", LS("sid", c->sid), LS("client", c->cmd.words[i + 1]));
	imap_printf(c, "* ID (\"name\" \"GK Mail\" \"version\" \"%s\")\r\n", build_version());
	return imap_ok(c, "ID completed");
}

static enum imap_step
too_late(struct imap_conn *c)
{
	return imap_bad(c, "Already logged in");
}

static const struct {
	imap_step_fn run;
	bool selected; /* in the selected state only */
	bool writes;   /* not after EXAMINE */
} commands[VERB_COUNT] = {
    [VERB_CAPABILITY] = {capability, false, false},
    [VERB_NOOP] = {noop, false, false},
    [VERB_LOGOUT] = {logout, false, false},
    [VERB_ID] = {id, false, false},
    [VERB_ENABLE] = {imap_cmd_enable, false, false},
    [VERB_LOGIN] = {too_late, false, false},
    [VERB_AUTHENTICATE] = {too_late, false, false},
    [VERB_STARTTLS] = {too_late, false, false},
    [VERB_SELECT] = {imap_cmd_select, false, false},
    [VERB_EXAMINE] = {imap_cmd_select, false, false},
    [VERB_CREATE] = {imap_cmd_create, false, false},
    [VERB_DELETE] = {imap_cmd_delete, false, false},
    [VERB_RENAME] = {imap_cmd_rename, false, false},
    [VERB_SUBSCRIBE] = {imap_cmd_subscribe, false, false},
    [VERB_UNSUBSCRIBE] = {imap_cmd_subscribe, false, false},
    [VERB_LIST] = {imap_cmd_list, false, false},
    [VERB_LSUB] = {imap_cmd_lsub, false, false},
    [VERB_NAMESPACE] = {imap_cmd_namespace, false, false},
    [VERB_STATUS] = {imap_cmd_status, false, false},
    [VERB_CHECK] = {check, true, false},
    [VERB_CLOSE] = {imap_cmd_expunge, true, false},
    [VERB_UNSELECT] = {imap_cmd_unselect, true, false},
    [VERB_EXPUNGE] = {imap_cmd_expunge, true, true},
    [VERB_SEARCH] = {imap_cmd_search, true, false},
    [VERB_FETCH] = {imap_cmd_fetch, true, false},
    [VERB_STORE] = {imap_cmd_store, true, true},
    [VERB_COPY] = {imap_cmd_copy, true, false},
    [VERB_MOVE] = {imap_cmd_copy, true, true},
    [VERB_IDLE] = {imap_cmd_idle, false, false},
    [VERB_GETQUOTA] = {imap_cmd_getquota, false, false},
    [VERB_GETQUOTAROOT] = {imap_cmd_getquotaroot, false, false},
    [VERB_SETQUOTA] = {imap_cmd_setquota, false, false},
};

enum imap_step
imap_command(struct imap_conn *c)
{
	enum imap_verb v = c->cmd.verb;

	/* APPEND comes here only without its literal, which the parser has refused already. */
	if (commands[v].run == NULL)
		return imap_bad(c, "Unknown command");
	if (commands[v].selected && !c->selected)
		return imap_bad(c, "No mailbox selected");
	if (commands[v].selected && c->view.mb == NULL)
		return imap_no(c, "[NONEXISTENT] The mailbox was deleted");
	if (commands[v].writes && c->view.readonly)
		return imap_no(c, "[READ-ONLY] Mailbox is selected read-only");
	c->step = commands[v].run;
	return c->step(c);
}
