/*
 * view.h - a session's view of its selected mailbox: message sequence numbers, and what the client
 * has yet to hear.
 *
 * The store's array changes under every session's hands; the view changes only when the client is
 * told (RFC 3501 7.4.1). Sequence numbers are positions here, plus one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "mailboxd/imap/parse.h"
#include "store/mailbox.h"

struct imap_conn;

struct imap_view_msg {
	uint32_t uid;
	bool recent : 1;   /* \Recent in this session */
	bool expunged : 1; /* gone from the store, not yet told */
	bool flags : 1;    /* flags changed by another, not yet told */
};

struct imap_view {
	struct mailbox *mb; /* NULL once the mailbox is deleted */
	struct imap_conn *conn;
	bool readonly;
	struct imap_view_msg *v;
	size_t n, cap;
	size_t recent;
	size_t told; /* EXISTS that was said while it was parked; 0: none above n */
	/* pending */
	bool added, expunged, flags, keywords, gone;
	uint64_t gone_modseq; /* of the first expunge that is not told */
	uint64_t told_modseq; /* the last [HIGHESTMODSEQ] */
	struct mailbox_observer observer;
};

/* Loads and opens the mailbox; the view shows all that is in it now. */
int imap_view_open(struct imap_conn *c, struct mailbox *mb, bool readonly, struct err *e);
/* The same for a session that was parked (RFC 2177 and INVARIANTS 17): the view is as it was at
 * modseq, and what happened since is pending. Messages from recent_from on are recent. -1: it
 * cannot be told. */
int imap_view_reopen(struct imap_conn *c, struct mailbox *mb, bool readonly, uint64_t modseq,
    uint32_t uidnext, uint32_t recent_from, struct err *e);
/* The client was told of so many messages since; more than came, perhaps. */
void imap_view_told(struct imap_view *w, size_t exists);
/* Nothing selected any more. */
void imap_view_close(struct imap_conn *c);

bool imap_view_pending(const struct imap_view *w);
/* Writes what is pending; EXPUNGE only where it is allowed. */
void imap_view_report(struct imap_conn *c, bool expunges, bool with_uid);
/* "* FLAGS (…)": flags may not be told before their names (RFC 3501 7.2.6). */
void imap_view_keywords(struct imap_conn *c);

/* Once the rest is reported the client has heard of everything up to here. */
uint64_t imap_view_modseq(const struct imap_view *w);
/* "* 5 FETCH (UID 7 FLAGS (\\Seen) MODSEQ (12))"; UID and MODSEQ for who has enabled CONDSTORE. */
void imap_view_put(
    struct imap_conn *c, size_t at, const struct message *m, bool with_uid, bool with_flags);

/* Position of the first message with a UID >= uid. */
size_t imap_view_lower(const struct imap_view *w, uint32_t uid);
/* Position of a UID, or n. */
size_t imap_view_find(const struct imap_view *w, uint32_t uid);
uint32_t imap_view_last_uid(const struct imap_view *w);

/* Positions, ascending, of the messages of a set, resolving it. -1: a sequence number that does not
 * exist. */
struct imap_picks {
	uint32_t *at;
	size_t n;
};
int imap_view_pick(const struct imap_view *w, struct imap_set *set, bool uid, struct arena *a,
    struct imap_picks *out);
/* Leaves those that are there and changed after modseq. */
void imap_view_changed(const struct imap_view *w, struct imap_picks *p, uint64_t modseq);
/* Their UIDs, without those that are gone. */
void imap_view_uids(
    const struct imap_view *w, const struct imap_picks *p, struct arena *a, struct uid_list *out);
