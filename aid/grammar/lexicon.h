/*
 * lexicon.h - what words and phrases mean to the grammar, in English and French.
 */
#pragma once

#include "aid/grammar/token.h"

enum language {
	LANGUAGE_EN,
	LANGUAGE_FR
};

enum sense {
	SENSE_OTHER,      /* not in the lexicon: part of a name or a text */
	SENSE_FILLER,     /* says nothing: please, the, mes */
	SENSE_GREETING,   /* hello: says nothing, or begins a text */
	SENSE_SELF,       /* me, moi */
	SENSE_VERB,       /* value: enum verb */
	SENSE_MESSAGES,   /* mail, emails, courriels; value 1: plural or mass */
	SENSE_FROM,       /* from, de la part de */
	SENSE_OF,         /* French de, du, d': from, or nothing, by what follows */
	SENSE_TO,         /* to, à */
	SENSE_FOR,        /* for, pour: to, or nothing, by what follows */
	SENSE_SUBJECT,    /* with subject, objet */
	SENSE_ABOUT,      /* about, au sujet de */
	SENSE_TEXT,       /* containing, contenant */
	SENSE_SAYING,     /* what follows is the text of a mail */
	SENSE_SAYING_WHO, /* telling: somebody stands between it and the text */
	SENSE_THAT,       /* that, que: opens a text after a verb of saying */
	SENSE_IN,         /* in, into, dans, vers */
	SENSE_MAILBOX,    /* a mailbox by role; value: enum role */
	SENSE_FOLDER,     /* folder, dossier */
	SENSE_UNREAD,     /* value 1: unread, 0: read */
	SENSE_FLAGGED,    /* value 1: starred, 0: not */
	SENSE_ATTACHED,   /* with attachments */
	SENSE_LAST,       /* last, derniers: the newest */
	SENSE_NEXT,       /* next, prochain */
	SENSE_ORDINAL,    /* value: first = 1 … */
	SENSE_COUNT,      /* two, trois; value */
	SENSE_THESE,      /* them, these, les: what was listed last */
	SENSE_THIS,       /* it, this, celui-ci: the one that is open */
	SENSE_ALL,        /* all, tous */
	SENSE_AND,        /* and, et */
	SENSE_OFF,        /* off, désactive */
	SENSE_BETWEEN,    /* between, entre */
	SENSE_BEFORE,     /* before, avant; value 1: older than a duration */
	SENSE_UNTIL,      /* until, jusqu'à */
	SENSE_SINCE,      /* since, after, depuis */
	SENSE_AGO,        /* ago, il y a; value 1: stands before the number */
	SENSE_ON,         /* on, le */
	SENSE_DAY,        /* today 0, yesterday -1, tomorrow 1; value + 10 */
	SENSE_WEEKDAY,    /* value: Monday = 0 */
	SENSE_MONTH,      /* value: January = 1 */
	SENSE_UNIT,       /* value: enum unit */
	SENSE_CURRENT     /* this, cette before a unit */
};

enum unit {
	UNIT_DAY,
	UNIT_WEEK,
	UNIT_MONTH,
	UNIT_YEAR
};

enum role {
	ROLE_INBOX,
	ROLE_SENT,
	ROLE_DRAFTS,
	ROLE_ARCHIVE,
	ROLE_JUNK,
	ROLE_TRASH
};

struct word {
	enum sense sense;
	int value;
	size_t first, n; /* the tokens that it covers */
};

struct words_of {
	struct word w[TOKENS_MAX];
	size_t n;
	const struct tokens *tokens;
	enum language language; /* the one that was spoken */
};

/* Gives every token its sense, the longest phrase first, in the language that more of them belong
 * to; hint decides where they do not. */
void lexicon_read(struct words_of *out, const struct tokens *t, enum language hint);
