/*
 * request.h - what a person asks the assistant for, in French or English, understood without a
 * model.
 *
 * The grammar looks for a verb and for clauses (from whom, to whom, about what, since when, which
 * of those listed) in any order; what is left over is taken as the words to look for. It decides
 * nothing and touches no mail: names are still as typed, and who or what is meant by them is for
 * the caller to find out. Linear in the length of the text; memory is the caller's arena.
 */
#pragma once

#include <stdint.h>

#include "aid/grammar/lexicon.h"
#include "aid/grammar/when.h"
#include "base/arena.h"
#include "base/str.h"

#define REQUEST_TEXT_MAX   16384u
#define REQUEST_PEOPLE_MAX 32u
#define REQUEST_PICKED_MAX 32u

enum verb {
	VERB_NONE, /* not understood */
	VERB_LIST,
	VERB_NEWS, /* these are in the lexicon only, and become others: NEWS is LIST of unread */
	VERB_SEARCH,
	VERB_READ,
	VERB_COUNT,
	VERB_MARK,
	VERB_STAR,   /* MARK */
	VERB_UNSTAR, /* MARK */
	VERB_MOVE,
	VERB_ARCHIVE, /* MOVE */
	VERB_JUNK,    /* MOVE */
	VERB_DELETE,  /* into the trash */
	VERB_DRAFT,
	VERB_DRAFT_REPLY,
	VERB_SEND,
	VERB_TELL, /* SEND */
	VERB_REPLY,
	VERB_REPLY_ALL,
	VERB_FORWARD,
	VERB_SUMMARISE,
	VERB_VACATION,
	VERB_UNDO,
	VERB_UNDO_ALL,
	VERB_FOLDERS,
	VERB_HELP,
	VERB_YES,
	VERB_NO
};

enum choice {
	CHOICE_ANY,
	CHOICE_YES,
	CHOICE_NO
};

/* A mailbox by its role or by the name that was typed. */
struct place {
	bool given;
	bool by_role;
	enum role role;
	struct str name;
};

enum picked {
	PICKED_MATCHING, /* those that the filter finds */
	PICKED_NUMBERS,  /* of what was listed last, from 1 */
	PICKED_THESE,    /* all that was listed last */
	PICKED_THIS      /* the one that is open or was spoken of last */
};

/* What is to be asked for before anything can be done. */
enum missing {
	MISSING_NOTHING,
	MISSING_RECIPIENT,
	MISSING_TEXT,    /* of the mail */
	MISSING_MAILBOX, /* to move to */
	MISSING_MESSAGE, /* which one */
	MISSING_MARK,    /* as what */
	MISSING_WORDS    /* to look for */
};

struct request {
	enum verb verb;
	enum language language;
	/* which messages */
	struct str from, to, subject, text; /* as typed; empty: any */
	struct place in;
	enum choice unread, flagged, attached;
	bool dated;       /* within the span; to is INT64_MAX for "since" */
	struct span span; /* from is INT64_MIN for "before" */
	unsigned limit;   /* 0: none given */
	enum picked picked;
	unsigned numbers[REQUEST_PICKED_MAX];
	size_t nnumbers;
	/* what to do with them */
	struct place move_to;
	enum choice mark_seen, mark_flagged;
	/* what to write, and to whom */
	struct str people[REQUEST_PEOPLE_MAX];
	size_t npeople;
	struct str title, body;
	/* the vacation answer */
	bool off;
	enum missing missing;
};

/* Text (borrowed) may be anything; what is past REQUEST_TEXT_MAX is not read. hint: the language of
 * the page. */
void request_parse(
    struct request *out, struct str text, struct now now, enum language hint, struct arena *a);

/* The answer to what was missing: completes *c (and sees whether more is missing). An answer that
 * is a request of its own (it has a verb and says more than the one thing asked) is not taken:
 * false. */
bool request_answer(struct request *c, struct str text, struct now now, struct arena *a);

const char *verb_name(enum verb verb);
