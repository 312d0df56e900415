/*
 * sandbox.h - a private suite below one directory: what its parts share.
 *
 * sandbox.c is the verb, sandbox_dir.c the files of DIR, sandbox_master.c the child and the
 * signals, sandbox_users.c domain and users, sandbox_report.c what is printed, demo.c the sample
 * mail.
 *
 * Files of DIR: gkmail.toml (written anew at each start), ca.pem, tls/, data/, run/, log,
 * users (addresses and sealed passwords, 0600), users.key, ports (where it was reached last time).
 * Below a long DIR, run/ is elsewhere while the suite runs; server.run_dir in gkmail.toml says
 * where.
 */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "ctl/ctl.h"
#include "ctl/status.h"

#define SANDBOX_USERS_MAX 100000u

struct sandbox_user {
	struct str address, password;
	bool known; /* from an earlier start */
};

struct sandbox {
	char dir[PATH_MAX]; /* absolute */
	char run[PATH_MAX]; /* DIR/run; where that is too long for sockets, a directory elsewhere */
	struct str domain;
	const char *extra; /* EXTRA.toml, or NULL */
	bool demo;
	struct sandbox_user *users;
	size_t nusers;
	const char *conf;           /* what master reads */
	const char *const *options; /* further arguments of master, up to NULL */
	pid_t master;
	struct status status;
};

/* DIR/name, in ctl.arena. */
const char *sandbox_path(const struct sandbox *s, const char *name);

/* Chooses s->run. */
int sandbox_dir_run(struct sandbox *s, struct err *e);
/* Makes what is missing in DIR, and gkmail.toml. */
int sandbox_dir_prepare(struct sandbox *s, struct err *e);
/* Removes a run directory that is elsewhere. */
void sandbox_dir_leave(const struct sandbox *s);
/* Remembers the ports that were really bound. */
int sandbox_dir_save_ports(const struct sandbox *s, struct err *e);

enum sandbox_event {
	SANDBOX_NOTHING,
	SANDBOX_END,  /* asked to end; master was told */
	SANDBOX_DEAD, /* master is gone, see sandbox_master_result */
};

/* Starts gk-master on s->conf; signals are blocked from then on and come through
 * sandbox_event_wait. */
int sandbox_master_start(struct sandbox *s, struct err *e);
/* At most so long (-1: for ever). Passes signals on to master. */
enum sandbox_event sandbox_event_wait(struct sandbox *s, int ms);
/* Waits until every process is ready. -1 also when it ended meanwhile: *asked says whether that was
 * wanted. */
int sandbox_master_ready(struct sandbox *s, bool *asked, struct err *e);
/* Waits for master's end. 0 when it drained, else -1 and why. */
int sandbox_master_end(struct sandbox *s, struct err *e);

/* Adds "NAME" or "NAME:PASSWORD" to the users; NAME is a local part or an address. */
int sandbox_users_name(struct sandbox *s, const char *text, struct err *e);
/* alice, bob, carol, user4 … up to n. */
void sandbox_users_count(struct sandbox *s, size_t n);
/* Reads the passwords of earlier starts; without any users named, those are taken. */
int sandbox_users_recall(struct sandbox *s, struct err *e);
/* Domain and users into authd, where they are not yet. */
int sandbox_users_make(struct sandbox *s, struct err *e);

void sandbox_report(const struct sandbox *s);
/* The port of a listener, or 0. */
unsigned sandbox_port(const struct sandbox *s, const char *name);

/* Submits the sample mail, once in the life of DIR. */
int demo_send(const struct sandbox *s, struct err *e);
/* A mbsyncrc for the first user. */
int demo_mbsyncrc(const struct sandbox *s, struct err *e);

/* A password as text that a search for it does not find, and back (-1: not sealed by this DIR). */
int sandbox_seal(const struct sandbox *s, struct str password, struct str *out, struct err *e);
int sandbox_unseal(const struct sandbox *s, struct str sealed, struct str *out);
