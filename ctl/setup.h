/*
 * setup.h - gkmail setup: what its parts share.
 *
 * setup.c is the verb: what is done in which order; setup_ask.c what is asked, setup_file.c the
 * configuration, setup_system.c the system users, setup_accounts.c domain, user and keys,
 * setup_check.c what can be found out before the server runs, setup_start.c its start, the first
 * mail and what is left to do.
 *
 * Each step looks first whether it was done before, and is done as a whole or not at all: whoever
 * leaves in the middle (Ctrl-C) runs it again and goes on there.
 */
#pragma once

#include "ctl/ctl.h"
#include "svc/conf.h"

struct setup {
	/* What is wanted. "": none. */
	const char *host, *domain, *user, *postmaster;
	const char *certificate, *key;
	const char *smart_host, *smart_user, *smart_password; /* the last is a file */
	const char *acme;                                     /* whom the authority may write to */
	uint64_t wait_dns_ms;
	bool yes, force, offline, no_start;
	bool person;  /* somebody sits at a terminal */
	bool adopted; /* the configuration was there */
	/* What is so. */
	bool prepare;                     /* system users, domain and user are made */
	bool written, changed;            /* the file is ours; it has changed since the start */
	bool has_domains, has_users;      /* that we know of */
	bool user_is_there;               /* s->user was before */
	bool was_running, started;        /* before; and now by us */
	bool gets_out;                    /* mail to others, as far as is known */
	const char *sent_to;              /* the first mail */
	const char *password;             /* of user, PASSWORD_MAX octets */
	const char *first_domain, *first; /* for proposals, when an earlier run made them */
	const struct conf *c;             /* as it was when it was read or written */
	/* What was made, for the answer. */
	const char *made[24];
	size_t nmade;
};

void setup_made(struct setup *s, const char *what);

/* ---- setup_ask.c ---- */

/* A line from a person. "" is the proposal; check (NULL: any) puts what it means in its place, or
 * says why it cannot be, and it is asked again. -1: the input has ended. */
typedef int (*setup_fit)(struct setup *s, const char **answer, struct err *e);
int setup_ask(struct setup *s, const char *question, const char *proposal, setup_fit check,
    const char **answer, struct err *e);
/* 1 yes, 0 no, -1 the input has ended. */
int setup_agree(struct setup *s, const char *question, bool proposal, struct err *e);

/* mail.example.org is for example.org, as a proposal. */
const char *setup_domain_of(const char *host);
/* What options say, else a person, else what is proposed. */
int setup_ask_host(struct setup *s, const char *host, struct err *e);
int setup_ask_certificate(struct setup *s, struct err *e);
/* Domain and first user, where there are none yet; postmaster where there is no file. */
int setup_ask_accounts(struct setup *s, struct err *e);
/* Will what options said of the smart host do? */
int setup_fit_smart_host(struct setup *s, struct err *e);
/* The way out, where port 25 is closed. */
int setup_ask_smart_host(struct setup *s, struct err *e);

/* ---- setup_file.c ---- */

/* Writes ctl.config. A file that is there is put aside with force, else refused. */
int setup_write(const struct setup *s, struct err *e);
/* Puts the route of all mail to the smart host behind what is there. */
int setup_add_route(struct setup *s, struct err *e);
/* The lines of it. */
struct str setup_route(const struct setup *s);
/* A password for the smart host into a file beside the configuration. */
int setup_keep_password(struct setup *s, const char *password, struct err *e);

/* ---- setup_system.c ---- */

/* Makes the system users and the group of administrators that are missing. */
int setup_system(struct setup *s, struct err *e);
/* The lines with which somebody else can do it. */
void setup_system_print(const struct setup *s);
/* Runs a program to its end; what it says goes to standard error. `else_do`: in what is said when
 * it fails. */
int setup_run(const char *const *args, const char *else_do, struct err *e);

/* ---- setup_accounts.c ---- */

/* Does the suite of this configuration run? */
bool setup_is_running(void);
/* One that answers: it runs, or is started for this, without ports; and drained again. */
int setup_suite_open(struct setup *s, struct err *e);
int setup_suite_close(struct setup *s, struct err *e);
/* What domains and users there are. */
int setup_look(struct setup *s, struct err *e);
/* Domain, user, signing keys. */
int setup_accounts(struct setup *s, struct err *e);

/* ---- setup_check.c ---- */

/* Ports and clock, before a suite runs. */
void setup_check_machine(const struct setup *s);
/* The server's name and port 25 outwards, by a suite that runs. */
int setup_check_net(struct setup *s, struct err *e);

/* ---- setup_start.c ---- */

/* The command that does it; *ours: one that we may run. */
const char *setup_start_command(bool *ours);
int setup_start(struct setup *s, struct err *e);
int setup_first_mail(struct setup *s, struct err *e);
/* Waits until the DNS serves what is needed: 0, or EXIT_LATER. */
int setup_wait_dns(struct setup *s, struct err *e);
/* "25 465 587": what others come by. */
const char *setup_ports(void);
