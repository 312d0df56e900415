/*
 * submission.h - between submission.c, outgoing.c (what is sent, and to whom) and
 * submission_query.c.
 */
#pragma once

#include "mailboxd/jmap/sending.h"

struct content;

/* An email on its way out. Lives until its call has ended and gk-smtpd has answered. */
struct jmap_outgoing {
	struct jmap *jmap;
	struct jmap_call *call; /* NULL: it has ended */
	struct jmap_item *item;
	struct arena arena;
	struct content *content;
	struct buf head; /* without Bcc */
	struct smtp_letter letter;
	cJSON *envelope;
	uint64_t identity, email, thread;
	int64_t send_at;
	uint64_t id; /* of what is kept of it */
	bool held, started, answered;
};

struct jmap_outgoing *jmap_outgoing_new(struct jmap_call *c, struct jmap_item *it);
/* Reads the object that is to be made, and the email; -1: the item has failed. */
int jmap_outgoing_read(struct jmap_outgoing *o);
void jmap_outgoing_free(struct jmap_outgoing **o);
/* What a client is told of one that was made: what it did not say itself. */
void jmap_put_made(cJSON *out, const cJSON *v);

/* parameters.c: those of mailFrom or of one of rcptTo as they are sent, each with a blank before
 * it. -1: the item has failed. */
int
jmap_parameters_read(struct jmap_outgoing *o, const cJSON *address, bool of_rcpt, struct str *out);

/* ---- submission_follow.c ---- */

/* When it goes out, or went. */
int64_t jmap_submission_time(const cJSON *v);
/* What the queue has told of one. */
void jmap_submission_told(cJSON *v, const struct jmap_submitted *s);
/* One was made, or a client looks at one: what becomes of it is asked for soon. */
void jmap_submission_made(struct jmap *j);
void jmap_submission_seen(struct jmap *j, const cJSON *v);

enum jmap_step jmap_submission_query(struct jmap_call *c, struct jmap_query *q);

extern const struct jmap_object jmap_submission_object;
