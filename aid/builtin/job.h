/*
 * job.h - one request that the built-in brain is carrying out, and the steps that its files share.
 *
 * A job lives in its turn's arena. Each step ends the turn, or calls a tool and goes on in its
 * answer. Strings of mail that it says are shown as text, and lead nowhere.
 */
#pragma once

#include "aid/builtin/desk.h"

#define JOB_TARGETS 1000u /* mails that one request may touch: as many as flag and move take */

struct job {
	struct turn *t;
	struct desk *desk;
	struct request r;
	bool fr; /* it is answered in French */

	/* pick() */
	void (*picked)(struct job *j);
	size_t want;
	struct str query;
	struct row *targets; /* JOB_TARGETS; strings in the arena */
	size_t ntargets;
	uint64_t total;

	/* changes */
	uint64_t changed, failed, waiting;

	/* writing */
	size_t person;
	struct str to[REQUEST_PEOPLE_MAX];
	struct str draft, what;

	/* reading several */
	size_t at;
	struct buf said;
};

/* The words of the language that is answered in. */
#define L(j, en, fr_) ((j)->fr ? (fr_) : (en))

/* ---- words.c ---- */

void say_help(struct job *j);
/* "1 message", "12 messages" in either language. */
struct str say_count(struct job *j, uint64_t n);
/* "Name" of "Name <address>", or the address. */
struct str who_name(struct str from);
struct str who_address(struct str from);
/* A day as people write it: "23 November 2026", "23 novembre 2026". */
struct str say_day(struct job *j, struct str rfc3339);
/* Says that a tool failed, and ends the turn. */
void say_failed(struct job *j, const struct turn_result *r);
/* Asks back: what is said next is an answer to it. Ends the turn. */
void ask_back(struct job *j, enum asked asked, struct str text);

/* ---- query.c ---- */

/* The request's filter in the language of search. */
struct str query_of(struct job *j);
/* Does it say which mails at all? */
bool query_filters(const struct request *r);

/* ---- pick.c ---- */

/* Finds the mails that are meant, at most want (0: all that match, up to JOB_TARGETS), then goes on
 * with picked(); where there are none it says so, where it is not clear which it asks back. */
void pick(struct job *j, size_t want, void (*picked)(struct job *j));

/* ---- what there is to do ---- */

void find_run(struct job *j);   /* list, search, count */
void read_run(struct job *j);   /* read, summarise */
void change_run(struct job *j); /* mark, move, delete */
void undo_run(struct job *j);
void undo_all(struct job *j);
void write_run(struct job *j); /* draft, send, reply, forward */
void folders_run(struct job *j);
void vacation_run(struct job *j);
