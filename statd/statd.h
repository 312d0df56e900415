/*
 * statd.h - what the files of gk-statd share: metrics and health of the suite, for those who watch
 * over it.
 *
 * It has everybody's counters as pages that it cannot write, and asks master, which alone sees
 * processes and disks, for the rest. It opens no file and makes no socket: master and gk-connect
 * hand it connections to what it tries.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "io/loop.h"
#include "ipc/ipc.h"
#include "svc/metrics.h"

/* ---- state.c: what master says ---- */

struct process {
	struct str name, state;
	uint64_t pid, restarts, up_ms, resident, cpu_ms;
};

struct listener {
	struct str name, address;
};

struct disk {
	struct str name;
	uint64_t size, free, files, files_free;
};

struct certificate {
	struct str file;
	uint64_t expires; /* seconds since the epoch */
};

struct state {
	bool known; /* master answered the last time */
	bool draining;
	const struct process *processes;
	const struct listener *listeners;
	const struct disk *disks;
	const struct certificate *certificates;
	size_t nprocesses, nlisteners, ndisks, ncertificates;
};

/* The last answer; it lives until the next one. */
const struct state *state_now(void);
/* Every process runs and is ready. */
bool state_is_ready(void);

/* Embedded in who waits for an answer. */
struct state_wait {
	loop_fn fn;
	void *arg;
	TAILQ_ENTRY(state_wait) link;
	bool queued;
};

void state_init(void);
/* fn is called once, never from inside: the state is a moment old at most, or master does not
 * answer. */
void state_want(struct state_wait *w);
/* Who wants to know from now on gets an answer to a new question. */
void state_forget(void);
void state_leave(struct state_wait *w);

/* ---- probe.c: one try whether something answers ---- */

enum probe_kind {
	PROBE_SMTP,
	PROBE_IMAP,
	PROBE_HTTP
};

struct probe;

/* why: NULL when it answered as it should. */
typedef void (*probe_fn)(void *arg, const char *why);

/* TLS contexts and the like. */
int probe_init(struct err *e);
/* Takes over fd, which may not be connected yet. tls: from the start; its_word: what it says counts
 * as well, and not the handshake alone. */
struct probe *
probe_start(int fd, enum probe_kind kind, bool tls, bool its_word, probe_fn fn, void *arg);

/* ---- tries.c: all that is tried, again and again ---- */

struct try_result {
	struct str name;    /* "smtp", "dns" */
	struct str address; /* of a listener; else empty */
	bool tried, ok;
	char why[160];
	uint64_t us;   /* it took */
	uint64_t when; /* clock_ms() */
};

struct mailbox_size {
	struct str user;
	uint64_t octets;
};

struct mailboxes {
	uint64_t users, octets, messages;
	const struct mailbox_size *v;
	size_t n;
};

int tries_init(struct err *e);
int tries_reload(struct err *e);
void tries_stop(void);
/* Those there are: of listeners, then of others. */
size_t tries_list(const struct try_result **out, size_t max);
/* As of the last answer of gk-authd. */
const struct mailboxes *tries_mailboxes(void);

/* ---- text.c, health.c ---- */

void pages_init(void);
int64_t pages_value(enum metric m);
void text_write(enum metrics_format format, struct buf *out);
/* Whether nothing fails. */
bool health_write(struct buf *out);

/* ---- accept.c ---- */

/* The value of the field; empty where there is none. */
enum metrics_format accept_choose(struct str field);

/* ---- http.c ---- */

struct svc_conn;
int http_configure(struct err *e);
void http_accept(const struct svc_conn *c);
