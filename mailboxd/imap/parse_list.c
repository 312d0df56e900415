/*
 * parse_list.c - the arguments of LIST, LSUB (RFC 3501 6.3.8, 6.3.9; RFC 5258) and the items of
 * STATUS.
 */
#include "mail/mutf7.h"
#include "mailboxd/imap/parse.h"
#include "net/lex.h"

#include "base/mem.h"

#define PATTERNS_MAX 100

struct word_bit {
	const char *word;
	unsigned bit;
};

static int
one_of(struct lex *l, const struct word_bit *table, size_t n, unsigned *out)
{
	for (size_t i = 0; i < n; i++)
		if (lex_word(l, table[i].word)) {
			*out |= table[i].bit;
			return 0;
		}
	return lex_fail(l, "Unknown option");
}

int
parse_status_items(struct lex *l, unsigned *out)
{
	static const struct word_bit items[] = {
	    {"MESSAGES", STATUS_MESSAGES},
	    {"RECENT", STATUS_RECENT},
	    {"UIDNEXT", STATUS_UIDNEXT},
	    {"UIDVALIDITY", STATUS_UIDVALIDITY},
	    {"UNSEEN", STATUS_UNSEEN},
	    {"SIZE", STATUS_SIZE},
	    {"HIGHESTMODSEQ", STATUS_HIGHESTMODSEQ},
	    {"MAILBOXID", STATUS_MAILBOXID},
	    {"DELETED-STORAGE", STATUS_DELETED_STORAGE},
	    {"DELETED", STATUS_DELETED},
	};

	if (lex_char(l, '(') < 0)
		return -1;
	do {
		if (one_of(l, items, ARRAY_LEN(items), out) < 0)
			return -1;
	} while (lex_take(l, ' '));
	return lex_char(l, ')');
}

/* "(" [option *(SP option)] ")" in front of the reference (RFC 5258 3.1). */
static int
select_options(struct lex *l, struct imap_cmd *cmd)
{
	static const struct word_bit options[] = {
	    {"SUBSCRIBED", LIST_SUBSCRIBED},
	    {"REMOTE", LIST_REMOTE},
	    {"RECURSIVEMATCH", LIST_RECURSIVEMATCH},
	    {"SPECIAL-USE", LIST_SPECIAL_USE},
	};

	if (!lex_take(l, '('))
		return 0;
	cmd->extended = true;
	if (!lex_take(l, ')')) {
		do {
			if (one_of(l, options, ARRAY_LEN(options), &cmd->select) < 0)
				return -1;
		} while (lex_take(l, ' '));
		if (lex_char(l, ')') < 0)
			return -1;
	}
	/* RFC 5258 3.1: RECURSIVEMATCH needs an option to recurse for. */
	if ((cmd->select & LIST_RECURSIVEMATCH) && !(cmd->select & LIST_SUBSCRIBED))
		return lex_fail(l, "RECURSIVEMATCH needs SUBSCRIBED");
	return lex_space(l);
}

static int
return_options(struct lex *l, struct imap_cmd *cmd)
{
	static const struct word_bit options[] = {
	    {"SUBSCRIBED", LIST_SUBSCRIBED},
	    {"CHILDREN", LIST_CHILDREN},
	    {"SPECIAL-USE", LIST_SPECIAL_USE},
	    {"STATUS", LIST_STATUS},
	};

	if (!lex_take(l, ' '))
		return 0;
	if (l->n == 0)
		return 0;
	if (!lex_word(l, "RETURN"))
		return lex_fail(l, "Expected RETURN");
	cmd->extended = true;
	if (lex_space(l) < 0 || lex_char(l, '(') < 0)
		return -1;
	if (lex_take(l, ')'))
		return 0;
	do {
		unsigned got = 0;

		if (one_of(l, options, ARRAY_LEN(options), &got) < 0)
			return -1;
		cmd->ret |= got;
		if (got == LIST_STATUS &&
		    (lex_space(l) < 0 || parse_status_items(l, &cmd->status) < 0))
			return -1;
	} while (lex_take(l, ' '));
	return lex_char(l, ')');
}

/* Wildcards are no letters of base64, so a pattern decodes like a name. What does not decode
 * matches nothing. */
static void
add_pattern(struct lex *l, struct imap_cmd *cmd, struct str raw)
{
	struct str *out = &cmd->patterns[cmd->npatterns++];

	if (mutf7_decode(raw, l->a, out) < 0)
		*out = raw;
}

static int
patterns(struct lex *l, struct imap_cmd *cmd)
{
	struct str raw;

	cmd->patterns = arena_array(l->a, PATTERNS_MAX, sizeof(struct str));
	if (!lex_take(l, '(')) {
		if (lex_list_mailbox(l, &raw) < 0)
			return -1;
		add_pattern(l, cmd, raw);
		return 0;
	}
	cmd->extended = true;
	do {
		if (cmd->npatterns == PATTERNS_MAX)
			return lex_fail(l, "Too many patterns");
		if (lex_list_mailbox(l, &raw) < 0)
			return -1;
		add_pattern(l, cmd, raw);
	} while (lex_take(l, ' '));
	return lex_char(l, ')');
}

int
parse_list(struct lex *l, struct imap_cmd *cmd)
{
	struct str reference;
	bool lsub = cmd->verb == VERB_LSUB;

	if (!lsub && select_options(l, cmd) < 0)
		return -1;
	if (lex_astring(l, &reference) < 0 || lex_space(l) < 0)
		return -1;
	if (mutf7_decode(reference, l->a, &cmd->mailbox) < 0)
		cmd->mailbox = reference;
	if (patterns(l, cmd) < 0)
		return -1;
	return lsub ? 0 : return_options(l, cmd);
}
