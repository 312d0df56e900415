/*
 * client.h - talking to a running suite over master's control socket.
 */
#pragma once

#include "ctl/ctl.h"
#include "ipc/ipc.h"
#include "svc/conf.h"

/* Where master listens: of the sandbox, or of the configuration. */
const char *client_socket(struct err *e);
/* The configuration of the sandbox or the file; loaded once. */
const struct conf *client_conf(struct err *e);
const char *client_conf_path(void);

/* Asks master (daemon NULL) or a daemon ("authd", "queue"), connecting when that was not done yet.
 * *in is good until the next call. */
int client_call(const char *daemon, struct ipc_out *m, struct ipc_in *in, struct err *e);
/* For an answer without fields. */
int client_do(const char *daemon, struct ipc_out *m, struct err *e);
/* n calls side by side (ipc_calls_wait). */
int client_do_many(const char *daemon, size_t n,
    void (*make)(void *arg, size_t i, struct ipc_out *m), void *arg, size_t *failed, struct err *e);
/* Which build answers, and its pid. */
int client_hello(struct str *build, uint32_t *pid, struct err *e);
/* Has master answered? */
bool client_is_running(void);
/* Puts what a refused request was about in front of the error, where it is not said yet. Returns
 * -1. */
int client_about(struct err *e, const char *what);
/* Completes a user's local part to an address (whose.c): of the one domain there is, or of the one
 * user that has it. */
int client_whose(const char **who, struct err *e);
/* The same for the verb's first argument. */
int args_whose(struct err *e);
/* Forgets the connections: the suite is another one now. */
void client_close(void);
/* Talks to this socket from now on. */
void client_use_socket(const char *path);

/* The whole of a list that comes in pages of rows of `width` strings; the last row's first string
 * is where the next page goes on. */
struct rows {
	struct str *v;
	size_t n; /* strings, not rows */
	size_t width;
};
int
client_rows(const char *daemon, enum ipc_type list, size_t width, struct rows *out, struct err *e);
/* The same for a list that takes n further words. */
int client_rows_of(const char *daemon, enum ipc_type list, const struct str *filter, size_t n,
    size_t width, struct rows *out, struct err *e);
