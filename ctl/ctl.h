/*
 * ctl.h - gkmail, the operator's one command: what its verbs share.
 *
 * A verb is a function in a file of its noun; main.c has the table. It takes its options out of its
 * arguments, does its work with client.h, and prints either text or, with --json, one JSON value on
 * one line. Errors go up as struct err to main.c, which prints them and chooses the exit code.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define EXIT_DONE  0
#define EXIT_FAIL  1  /* refused or failed */
#define EXIT_USAGE 2  /* wrong use */
#define EXIT_LATER 75 /* try again later */

struct verb {
	const char *noun, *name; /* name NULL: the noun is the verb */
	const char *usage;       /* its arguments */
	const char *summary;     /* one line */
	const char *help;        /* more, with an example */
	int (*run)(struct err
		*e); /* 0, or -1 with *e; or an exit code above 0 that was explained already */
};

/* What was said on the command line for every verb. */
struct ctl {
	const char *config; /* the configuration file */
	const char *dir;    /* of a sandbox; NULL: none */
	bool json;
	struct arena arena; /* lives as long as the process */
	const struct verb *verb;
	/* The verb's own arguments, from which args_… take. */
	char **args;
	int nargs;
};

extern struct ctl ctl;

/* ---- arguments (args.c) ---- */

/* Takes --name out; was it there? */
bool args_flag(const char *name);
/* Takes "--name VALUE" or "--name=VALUE" out; NULL when it was not there. May be asked again for
 * further ones. */
const char *args_value(const char *name);
/* After all options: between min and max arguments are left, and none is an option. Else -1 and
 * E_INVAL. */
int args_end(int min, int max, struct err *e);
/* Wrong use: E_INVAL; main.c prints the verb's usage below the text. */
int args_wrong(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool args_is_wrong_use(const struct err *e);

/* ---- verbs ---- */

extern const struct verb verbs[];
extern const size_t nverbs;

int verb_setup(struct err *e);
int verb_check(struct err *e);
int verb_config_show(struct err *e);
int verb_config_explain(struct err *e);
int verb_config_sample(struct err *e);
int verb_user_add(struct err *e);
int verb_user_passwd(struct err *e);
int verb_user_del(struct err *e);
int verb_user_list(struct err *e);
int verb_user_quota(struct err *e);
int verb_agent_add(struct err *e);
int verb_agent_list(struct err *e);
int verb_agent_policy(struct err *e);
int verb_agent_revoke(struct err *e);
int verb_mcp(struct err *e);
int verb_agent_show(struct err *e);
int verb_approve(struct err *e);
int verb_audit_show(struct err *e);
int verb_audit_verify(struct err *e);
int verb_apppass_add(struct err *e);
int verb_apppass_del(struct err *e);
int verb_apppass_list(struct err *e);
int verb_session_list(struct err *e);
int verb_session_revoke(struct err *e);
int verb_domain_add(struct err *e);
int verb_domain_del(struct err *e);
int verb_domain_list(struct err *e);
int verb_alias_add(struct err *e);
int verb_alias_del(struct err *e);
int verb_alias_list(struct err *e);
int verb_ban_list(struct err *e);
int verb_ban_add(struct err *e);
int verb_ban_remove(struct err *e);
int verb_status(struct err *e);
int verb_doctor(struct err *e);
int verb_prove(struct err *e);
int verb_reload(struct err *e);
int verb_version(struct err *e);
int verb_queue_list(struct err *e);
int verb_queue_show(struct err *e);
int verb_queue_destinations(struct err *e);
int verb_queue_flush(struct err *e);
int verb_queue_hold(struct err *e);
int verb_queue_release(struct err *e);
int verb_queue_delete(struct err *e);
int verb_dkim_generate(struct err *e);
int verb_dkim_rotate(struct err *e);
int verb_dkim_list(struct err *e);
int verb_acme_status(struct err *e);
int verb_acme_renew(struct err *e);
int verb_dkim_remove(struct err *e);
int verb_dns(struct err *e);
int verb_dns_lookup(struct err *e);
int verb_dmarc_list(struct err *e);
int verb_dmarc_show(struct err *e);
int verb_dmarc_report(struct err *e);
int verb_mailbox_check(struct err *e);
int verb_mailbox_repair(struct err *e);
int verb_mailbox_reindex(struct err *e);
int verb_backup(struct err *e);
int verb_backup_list(struct err *e);
int verb_backup_verify(struct err *e);
int verb_backup_prune(struct err *e);
int verb_restore(struct err *e);
int verb_import_maildir(struct err *e);
int verb_import_mbox(struct err *e);
int verb_import_imap(struct err *e);
int verb_log(struct err *e);
int verb_trace(struct err *e);
int verb_sandbox(struct err *e);
int verb_completion(struct err *e);
