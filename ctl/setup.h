/*
 * setup.h - gkmail setup: what its parts share.
 *
 * setup.c is the verb: what is asked, and what is done in which order; setup_file.c writes the
 * configuration, setup_system.c makes the system users, setup_accounts.c the first domain and user.
 */
#pragma once

#include "ctl/ctl.h"
#include "svc/conf.h"

struct setup {
	const char *host, *domain, *user, *postmaster; /* "": none */
	bool yes, force;
	bool person;                 /* somebody sits at a terminal */
	bool prepare;                /* system users, domain and user are made */
	bool written;                /* the configuration is ours */
	char *password;              /* of user */
	const struct conf *c;        /* as it is in the file now */
	bool has_domains, has_users; /* that we know of, when all is done */
	/* What was made, for the answer. */
	const char *made[16];
	size_t nmade;
};

/* Writes ctl.config. A file that is there is put aside with force, else refused. */
int setup_write(const struct setup *s, struct err *e);

/* Makes the system users and the group of administrators that are missing. */
int setup_system(struct setup *s, struct err *e);
/* The lines with which somebody else can do it. */
void setup_system_print(const struct setup *s);

/* Domain and user, in the suite that runs, or in one that is started for it, without ports. */
int setup_accounts(struct setup *s, struct err *e);
/* Does the suite of this configuration run? */
bool setup_is_running(void);
