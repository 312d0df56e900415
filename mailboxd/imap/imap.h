/*
 * imap.h - IMAP (RFC 3501) inside the owner process: what the owner sees of it.
 *
 * The owner hands over the descriptor of each connection that the front passed on (OWN_CONN) and
 * hears back when one wants to be parked or is gone. A connection reads and changes mail through
 * lib/store alone, so that all sessions of the user see one state; the store tells each of them
 * about changes, whoever made them.
 *
 * Counting for parking (INVARIANTS 17): `consumed` are the octets read from this descriptor and
 * used up by finished commands, IDLE included; the front compares them with what it forwarded on
 * the same socketpair.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "store/home.h"

struct imap_conn;

#define IMAP_RECORD_MAX 512u /* a park record, encoded */
#define IMAP_NO_COUNT   UINT32_MAX

/* What the owner process provides: one, outliving all connections. */
struct imap_host {
	struct home *home;
	uint64_t idle_ms;       /* imap.idle_timeout */
	uint64_t park_after_ms; /* imap.park_after; in IDLE so long with nothing to report */
	uint64_t max_message;   /* imap.max_size: the largest APPEND */
	/* Asks to be parked. Answered later by imap_conn_parked(); the connection reports nothing
	 * meanwhile. exists: what the client knows of in INBOX, IMAP_NO_COUNT in other mailboxes.
	 */
	void (*park)(
	    void *arg, uint64_t conn, uint64_t consumed, struct str record, uint32_t exists);
	/* A command has changed mail: connections of the user that are parked have something to
	 * hear. */
	void (*changed)(void *arg);
	/* The connection has ended (client, error or parked) and is freed when this returns. Not
	 * called for imap_conn_free(). */
	void (*closed)(void *arg, uint64_t conn);
	void *arg;
};

struct imap_conn_args {
	int fd;          /* our end of the socketpair; taken over */
	uint64_t conn;   /* the front's number */
	struct str peer; /* the client's address, for the log */
	struct str sid;  /* session id */
	struct str user; /* whose mail this is, for the log */
	struct str tag; /* of the LOGIN or AUTHENTICATE whose tagged OK is ours to write; empty when
			   resumed */
	struct str record; /* what park() gave before; empty for a new login */
	uint32_t told;     /* EXISTS that was said meanwhile; 0: none */
};

/* Starts a connection; it runs by itself from now on. A record that cannot be taken up again
 * (mailbox gone, numbers from before a crash) ends with a BYE to the client by itself. Never fails.
 */
struct imap_conn *imap_conn_new(const struct imap_host *host, const struct imap_conn_args *a);

/* The answer to park(): accepted = the front holds the connection now, and this end closes
 * (closed() follows). */
void imap_conn_parked(struct imap_conn *c, bool accepted);

/* Says "* BYE text" when the command under way is done, then closed(). For drain, kicks and quota
 * of connections. */
void imap_conn_bye(struct imap_conn *c, const char *text);

/* In IDLE with nothing to say, and so about to be parked? An owner with only such connections may
 * leave once they are. */
bool imap_conn_is_idle(const struct imap_conn *c);

/* At once, without a word. */
void imap_conn_free(struct imap_conn **c);

/* For home_options.render: the texts that FETCH gives, made from a message's octets. */
#define IMAP_RENDER_VERSION 2
void imap_render(void *arg, enum cache_kind kind, struct str octets, struct buf *out);
