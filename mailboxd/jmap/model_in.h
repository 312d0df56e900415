/*
 * model_in.h - the model, as its files share it among themselves.
 */
#pragma once

#include "mailboxd/jmap/model.h"
#include "mailboxd/jmap/table.h"

#define CHUNK 512u /* emails allocated together */

struct jmap_chunk {
	struct jmap_chunk *next;
	struct jmap_email v[CHUNK];
};

struct jmap_box {
	struct mailbox *mb; /* NULL: it has gone */
	uint32_t id, number;
	bool read;     /* its messages are in the model */
	uint32_t next; /* below this UID they are, while it is being read; 0: not begun */
	uint32_t stamp;
	struct jmap_counts counts;
	struct jmap_model *model;
	struct mailbox_observer observer;
};

#define ANSWERS    4u
#define ANSWER_MAX 200000u /* ids of one */
#define QUERY_MAX  16384u  /* octets of what is asked */

struct jmap_answer {
	uint64_t generation, used;
	struct str query; /* owned */
	uint64_t *ids;
	size_t n;
};

struct jmap_model {
	struct home *home;
	struct home_observer observer;
	uint64_t generation;
	uint64_t refreshed_ms;
	/* Each alone, since observers are linked into lists; gone ones stay, with mb NULL. */
	struct jmap_box **boxes;
	size_t nboxes, capboxes;
	bool unread_boxes; /* there are boxes to be read */

	struct jmap_table emails, threads;
	struct jmap_chunk *chunks;
	size_t chunk_used;
	struct jmap_email *unused; /* by next */
	/* By time; what came since is at the end. holes: what has gone (nplaces 0) and what is
	 * misplaced is still in it. */
	struct jmap_email **order;
	size_t n, sorted, cap;
	bool holes;
	size_t unthreaded; /* emails whose thread is not known */
	size_t threaded;   /* so many of the newest have one */
	bool tell_all;     /* clients may have threads that earlier processes have told them */

	struct jmap_thread *stale; /* threads to be counted again */
	uint32_t trash;            /* the box that threads were counted with */
	uint32_t stamp, box_stamp;
	struct jmap_answer answers[ANSWERS];
	uint64_t answered;
};

/* ---- model.c ---- */

/* Its part in the counts of its mailboxes comes (+1) or goes (-1). */
void jmap_model_count_email(struct jmap_model *m, const struct jmap_email *em, int sign);

/* ---- model_answer.c ---- */

void jmap_model_free_answers(struct jmap_model *m);

/* ---- model_thread.c ---- */

/* The email is of that thread from now on, or (0) of none that is known. */
void jmap_model_join(struct jmap_model *m, struct jmap_email *em, uint64_t thread);
void jmap_model_leave(struct jmap_model *m, struct jmap_email *em);
/* Of a message that was there before; the log is to know. */
void jmap_model_found(struct jmap_model *m, const struct message *msg);
/* Before anything changes that its counts are made of. */
void jmap_model_uncount(struct jmap_model *m, struct jmap_thread *t);
void jmap_model_free_threads(struct jmap_model *m);
