/*
 * parse_condstore.c - what CONDSTORE and QRESYNC add to SELECT, FETCH, STORE and SEARCH (RFC
 * 7162 7; RFC 4466 2).
 */
#include "mailboxd/imap/parse.h"
#include "net/lex.h"

/* A mod-sequence has 63 bits (RFC 7162 7). */
static int
modseq(struct lex *l, uint64_t min, uint64_t *out)
{
	return lex_number(l, min, INT64_MAX, out);
}

/* " (" opens a list of modifiers behind the arguments; a blank alone is nothing. */
static bool
opens(struct lex *l)
{
	return lex_take(l, ' ') && lex_take(l, '(');
}

/* A set in which "*" has no place. */
static int
known_set(struct lex *l, struct imap_set *out)
{
	if (parse_set(l, out) < 0)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		if (out->r[i].lo == 0 || out->r[i].hi == 0)
			return lex_fail(l, "No \"*\" here");
	return 0;
}

/* Ascending, so that positions in two sets correspond (RFC 7162 3.2.5.2). */
static int
ascending_set(struct lex *l, struct imap_set *out, uint64_t *count)
{
	if (known_set(l, out) < 0)
		return -1;
	*count = 0;
	for (size_t i = 0; i < out->n; i++) {
		if (out->r[i].hi < out->r[i].lo || (i > 0 && out->r[i].lo <= out->r[i - 1].hi))
			return lex_fail(l, "Numbers must ascend");
		*count += (uint64_t)out->r[i].hi - out->r[i].lo + 1;
	}
	return 0;
}

/* "(" known-sequence-set SP known-uid-set ")", the first parenthesis is taken */
static int
match_data(struct lex *l, struct imap_qresync *q)
{
	uint64_t numbers, uids;

	if (ascending_set(l, &q->match_numbers, &numbers) < 0 || lex_space(l) < 0)
		return -1;
	if (ascending_set(l, &q->match_uids, &uids) < 0)
		return -1;
	if (numbers != uids)
		return lex_fail(l, "As many numbers as UIDs, please");
	return lex_char(l, ')');
}

/* "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")" */
static int
qresync(struct lex *l, struct imap_cmd *cmd)
{
	struct imap_qresync *q = arena_new(l->a, struct imap_qresync);
	uint64_t v;

	if (lex_space(l) < 0 || lex_char(l, '(') < 0)
		return -1;
	if (lex_number(l, 1, UINT32_MAX, &v) < 0 || lex_space(l) < 0)
		return -1;
	q->uidvalidity = (uint32_t)v;
	if (modseq(l, 1, &q->modseq) < 0)
		return -1;
	if (lex_take(l, ' ')) {
		if (is_digit(lex_peek(l)) || lex_peek(l) == '*') {
			q->has_known = true;
			if (known_set(l, &q->known) < 0)
				return -1;
			if (lex_take(l, ' ') && (lex_char(l, '(') < 0 || match_data(l, q) < 0))
				return -1;
		} else if (lex_char(l, '(') < 0 || match_data(l, q) < 0) {
			return -1;
		}
	}
	cmd->qresync = q;
	return lex_char(l, ')');
}

int
parse_select_params(struct lex *l, struct imap_cmd *cmd)
{
	if (!opens(l))
		return 0;
	do {
		if (lex_word(l, "CONDSTORE"))
			cmd->condstore = true;
		else if (!lex_word(l, "QRESYNC"))
			return lex_fail(l, "Unknown parameter");
		else if (cmd->qresync != NULL)
			return lex_fail(l, "QRESYNC once only");
		else if (qresync(l, cmd) < 0)
			return -1;
	} while (lex_take(l, ' '));
	return lex_char(l, ')');
}

int
parse_fetch_modifiers(struct lex *l, struct imap_cmd *cmd)
{
	if (!opens(l))
		return 0;
	do {
		if (lex_word(l, "VANISHED")) {
			cmd->vanished = true;
			continue;
		}
		if (!lex_word(l, "CHANGEDSINCE"))
			return lex_fail(l, "Unknown modifier");
		if (cmd->has_since)
			return lex_fail(l, "CHANGEDSINCE once only");
		/* 0 is no mod-sequence here, but what it means is clear and clients send it. */
		if (lex_space(l) < 0 || modseq(l, 0, &cmd->since) < 0)
			return -1;
		cmd->has_since = true;
	} while (lex_take(l, ' '));
	/* RFC 7162 3.2.6 */
	if (cmd->vanished && (!cmd->uid || !cmd->has_since))
		return lex_fail(l, "VANISHED is for UID FETCH with CHANGEDSINCE");
	return lex_char(l, ')');
}

/* In front of the item: "(UNCHANGEDSINCE n) ". */
int
parse_store_modifiers(struct lex *l, struct imap_cmd *cmd)
{
	if (!lex_take(l, '('))
		return 0;
	if (!lex_word(l, "UNCHANGEDSINCE"))
		return lex_fail(l, "Unknown modifier");
	if (lex_space(l) < 0 || modseq(l, 0, &cmd->since) < 0 || lex_char(l, ')') < 0)
		return -1;
	cmd->has_since = true;
	return lex_space(l);
}

/* [SP entry-name SP entry-type-req] SP mod-sequence-valzer. A message has one modseq, so which
 * flag is of no interest (RFC 7162 3.1.5). */
int
parse_search_modseq(struct lex *l, uint64_t *out)
{
	struct str name;

	if (lex_space(l) < 0)
		return -1;
	if (lex_peek(l) == '"') {
		if (lex_string(l, &name) < 0 || lex_space(l) < 0)
			return -1;
		if (!str_istarts(name, STR("/flags/")))
			return lex_fail(l, "Unknown entry");
		if (!lex_word(l, "priv") && !lex_word(l, "shared") && !lex_word(l, "all"))
			return lex_fail(l, "Expected priv, shared or all");
		if (lex_space(l) < 0)
			return -1;
	}
	return modseq(l, 0, out);
}
