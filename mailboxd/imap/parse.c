/*
 * parse.c - commands of IMAP (RFC 3501 6, 9).
 *
 * Purpose: the table of commands and the arguments of those that are simple; FETCH, SEARCH and LIST
 * have files of their own. Errors: E_INVAL with words for BAD; with cmd->code set, for NO.
 */
#include "mailboxd/imap/parse.h"

#include "base/buf.h"
#include "base/mem.h"
#include "mail/date.h"
#include "mail/mutf7.h"
#include "net/lex.h"
#include "store/folder.h"

#define WORDS_MAX 200  /* ID has 30 pairs (RFC 2971 3.3), ENABLE a handful */
#define NAME_LEN  4000 /* octets of a mailbox name as it comes */

#define VERB_NAME(v) [VERB_##v] = #v,
static const char *const verb_names[VERB_COUNT] = {[VERB_NONE] = "", IMAP_VERBS(VERB_NAME)};

const char *
imap_verb_name(enum imap_verb v)
{
	return verb_names[v];
}

static enum imap_verb
verb_of(struct str word)
{
	for (int v = VERB_NONE + 1; v < VERB_COUNT; v++)
		if (str_ieq_z(word, verb_names[v]))
			return (enum imap_verb)v;
	return VERB_NONE;
}

/* Names come in modified UTF-7 and leave in the one form that the store knows. */
int
parse_mailbox(struct lex *l, struct imap_cmd *cmd, struct str *out)
{
	struct str raw, name;
	struct buf b;
	int rc = -1;

	buf_init(&b, 4096);
	if (lex_astring(l, &raw) < 0)
		goto out;
	/* RFC 3501 6.3.3: a client may say by a last delimiter that it will create names below. */
	if (cmd->verb == VERB_CREATE && raw.n > 1 && raw.p[raw.n - 1] == '/')
		raw.n--;
	cmd->code = "CANNOT";
	if (raw.n > NAME_LEN || mutf7_decode(raw, l->a, &name) < 0) {
		lex_fail(l, "Not a valid mailbox name");
		goto out;
	}
	if (folder_normalize(name, &b, l->e) < 0)
		goto out;
	*out = arena_dup(l->a, buf_view(&b));
	cmd->code = NULL;
	rc = 0;
out:
	buf_free(&b);
	return rc;
}

static int
flag(struct lex *l, struct flag_set *out)
{
	static const struct {
		const char *name;
		unsigned bit;
	} system_flags[] = {
	    {"Seen", FLAG_SEEN},
	    {"Answered", FLAG_ANSWERED},
	    {"Flagged", FLAG_FLAGGED},
	    {"Deleted", FLAG_DELETED},
	    {"Draft", FLAG_DRAFT},
	};
	bool is_system = lex_take(l, '\\');
	struct str word, *keywords;

	if (lex_atom(l, &word) < 0)
		return -1;
	for (size_t i = 0; is_system && i < ARRAY_LEN(system_flags); i++)
		if (str_ieq_z(word, system_flags[i].name)) {
			out->flags |= system_flags[i].bit;
			return 0;
		}
	/* \Recent is the server's to set (RFC 3501 2.3.2), and no other name may begin with a
	 * backslash. */
	if (is_system)
		return lex_fail(l, "No such system flag");
	if (word.n > KEYWORD_MAX_LEN)
		return lex_fail(l, "Keyword too long");
	for (size_t i = 0; i < out->nkeywords; i++)
		if (str_ieq(out->keywords[i], word))
			return 0;
	if (out->nkeywords == KEYWORDS_MAX)
		return lex_fail(l, "Too many keywords");
	/* One block for all that there can be; the cast takes back what is ours. */
	if (out->keywords == NULL)
		out->keywords = arena_array(l->a, KEYWORDS_MAX, sizeof(struct str));
	keywords = (struct str *)(uintptr_t)out->keywords;
	keywords[out->nkeywords++] = word;
	return 0;
}

int
parse_flags(struct lex *l, bool bare, struct flag_set *out)
{
	bool list = lex_take(l, '(');

	*out = (struct flag_set){0};
	if (!list && !bare)
		return lex_fail(l, "Expected a list of flags");
	if (list && lex_take(l, ')'))
		return 0;
	do {
		if (flag(l, out) < 0)
			return -1;
	} while (lex_take(l, ' '));
	return list ? lex_char(l, ')') : 0;
}

/* STORE: sequence-set [SP "(" modifiers ")"] SP ["+" / "-"] "FLAGS" [".SILENT"] SP flags */
static int
store_args(struct lex *l, struct imap_cmd *cmd)
{
	if (parse_set(l, &cmd->set) < 0 || lex_space(l) < 0 || parse_store_modifiers(l, cmd) < 0)
		return -1;
	cmd->mode = STORE_REPLACE;
	if (lex_take(l, '+'))
		cmd->mode = STORE_ADD;
	else if (lex_take(l, '-'))
		cmd->mode = STORE_REMOVE;
	if (lex_word(l, "FLAGS.SILENT"))
		cmd->silent = true;
	else if (!lex_word(l, "FLAGS"))
		return lex_fail(l, "STORE knows FLAGS, +FLAGS and -FLAGS");
	if (lex_space(l) < 0)
		return -1;
	return parse_flags(l, true, &cmd->flags);
}

static int
copy_args(struct lex *l, struct imap_cmd *cmd)
{
	if (parse_set(l, &cmd->set) < 0 || lex_space(l) < 0)
		return -1;
	return parse_mailbox(l, cmd, &cmd->to);
}

/* APPEND: mailbox [SP flag-list] [SP date-time] SP literal */
static int
append_args(struct lex *l, struct imap_cmd *cmd)
{
	struct str text;
	struct date date;

	if (parse_mailbox(l, cmd, &cmd->mailbox) < 0 || lex_space(l) < 0)
		return -1;
	if (lex_peek(l) == '(' && (parse_flags(l, false, &cmd->flags) < 0 || lex_space(l) < 0))
		return -1;
	if (lex_peek(l) == '"') {
		if (lex_string(l, &text) < 0 || lex_space(l) < 0)
			return -1;
		if (date_imap_parse(text, &date) < 0)
			return lex_fail(l, "Bad date");
		cmd->date = date.utc;
		cmd->has_date = true;
	}
	return lex_literal_header(l, &cmd->literal, &cmd->literal_sync);
}

static int
status_args(struct lex *l, struct imap_cmd *cmd)
{
	if (parse_mailbox(l, cmd, &cmd->mailbox) < 0 || lex_space(l) < 0)
		return -1;
	return parse_status_items(l, &cmd->status);
}

/* CREATE mailbox [SP "(" "USE" SP "(" use-attr … ")" ")"] (RFC 6154 3) */
static int
create_args(struct lex *l, struct imap_cmd *cmd)
{
	struct str use;

	if (parse_mailbox(l, cmd, &cmd->mailbox) < 0)
		return -1;
	if (l->n == 0)
		return 0;
	if (lex_space(l) < 0 || lex_char(l, '(') < 0)
		return -1;
	if (!lex_word(l, "USE"))
		return lex_fail(l, "CREATE knows the parameter USE");
	if (lex_space(l) < 0 || lex_char(l, '(') < 0)
		return -1;
	if (!lex_take(l, ')')) {
		if (lex_char(l, '\\') < 0 || lex_atom(l, &use) < 0)
			return -1;
		cmd->special_use = arena_printf(l->a, "\\" STR_FMT, STR_ARG(use));
		if (lex_peek(l) == ' ') {
			/* RFC 6154 3: what cannot be given is refused as a whole. */
			cmd->code = "USEATTR";
			return lex_fail(l, "One special use to a mailbox");
		}
		if (lex_char(l, ')') < 0)
			return -1;
	}
	return lex_char(l, ')');
}

static int
select_args(struct lex *l, struct imap_cmd *cmd)
{
	return parse_mailbox(l, cmd, &cmd->mailbox);
}

static int
open_args(struct lex *l, struct imap_cmd *cmd)
{
	if (parse_mailbox(l, cmd, &cmd->mailbox) < 0)
		return -1;
	return parse_select_params(l, cmd);
}

static int
rename_args(struct lex *l, struct imap_cmd *cmd)
{
	if (parse_mailbox(l, cmd, &cmd->mailbox) < 0 || lex_space(l) < 0)
		return -1;
	return parse_mailbox(l, cmd, &cmd->to);
}

static int
add_word(struct lex *l, struct imap_cmd *cmd, struct str w)
{
	if (cmd->nwords == WORDS_MAX)
		return lex_fail(l, "Too many arguments");
	if (cmd->words == NULL)
		cmd->words = arena_array(l->a, WORDS_MAX, sizeof(struct str));
	cmd->words[cmd->nwords++] = w;
	return 0;
}

static int
enable_args(struct lex *l, struct imap_cmd *cmd)
{
	struct str w;

	do {
		if (lex_atom(l, &w) < 0 || add_word(l, cmd, w) < 0)
			return -1;
	} while (lex_take(l, ' '));
	return 0;
}

/* ID: NIL or a list of string, nstring (RFC 2971 4) */
static int
id_args(struct lex *l, struct imap_cmd *cmd)
{
	struct str field, value;

	if (lex_word(l, "NIL"))
		return 0;
	if (lex_char(l, '(') < 0)
		return -1;
	if (lex_take(l, ')'))
		return 0;
	do {
		if (lex_string(l, &field) < 0 || lex_space(l) < 0 || lex_nstring(l, &value) < 0)
			return -1;
		if (add_word(l, cmd, field) < 0 || add_word(l, cmd, value) < 0)
			return -1;
	} while (lex_take(l, ' '));
	return lex_char(l, ')');
}

static int
quota_args(struct lex *l, struct imap_cmd *cmd)
{
	return lex_astring(l, &cmd->root);
}

/* SETQUOTA root SP "(" … ")": the list is of no interest, quotas are the operator's. */
static int
setquota_args(struct lex *l, struct imap_cmd *cmd)
{
	struct str name;
	uint64_t limit;

	if (lex_astring(l, &cmd->root) < 0 || lex_space(l) < 0 || lex_char(l, '(') < 0)
		return -1;
	if (lex_take(l, ')'))
		return 0;
	do {
		if (lex_atom(l, &name) < 0 || lex_space(l) < 0)
			return -1;
		if (lex_number(l, 0, UINT64_MAX, &limit) < 0)
			return -1;
	} while (lex_take(l, ' '));
	return lex_char(l, ')');
}

static int
expunge_args(struct lex *l, struct imap_cmd *cmd)
{
	return cmd->uid ? parse_set(l, &cmd->set) : 0;
}

static const struct {
	int (*args)(struct lex *, struct imap_cmd *);
	bool bare; /* takes no argument at all */
	bool uid;  /* has a UID form */
} grammar[VERB_COUNT] = {
    [VERB_CAPABILITY] = {NULL, true, false},
    [VERB_NOOP] = {NULL, true, false},
    [VERB_LOGOUT] = {NULL, true, false},
    [VERB_ID] = {id_args, false, false},
    [VERB_ENABLE] = {enable_args, false, false},
    [VERB_STARTTLS] = {NULL, true, false},
    [VERB_SELECT] = {open_args, false, false},
    [VERB_EXAMINE] = {open_args, false, false},
    [VERB_CREATE] = {create_args, false, false},
    [VERB_DELETE] = {select_args, false, false},
    [VERB_RENAME] = {rename_args, false, false},
    [VERB_SUBSCRIBE] = {select_args, false, false},
    [VERB_UNSUBSCRIBE] = {select_args, false, false},
    [VERB_LIST] = {parse_list, false, false},
    [VERB_LSUB] = {parse_list, false, false},
    [VERB_NAMESPACE] = {NULL, true, false},
    [VERB_STATUS] = {status_args, false, false},
    [VERB_APPEND] = {append_args, false, false},
    [VERB_CHECK] = {NULL, true, false},
    [VERB_CLOSE] = {NULL, true, false},
    [VERB_UNSELECT] = {NULL, true, false},
    [VERB_EXPUNGE] = {expunge_args, true, true},
    [VERB_SEARCH] = {parse_search, false, true},
    [VERB_FETCH] = {parse_fetch, false, true},
    [VERB_STORE] = {store_args, false, true},
    [VERB_COPY] = {copy_args, false, true},
    [VERB_MOVE] = {copy_args, false, true},
    [VERB_IDLE] = {NULL, true, false},
    [VERB_GETQUOTA] = {quota_args, false, false},
    [VERB_GETQUOTAROOT] = {select_args, false, false},
    [VERB_SETQUOTA] = {setquota_args, false, false},
};

static int
verb(struct lex *l, struct imap_cmd *cmd)
{
	struct str word;

	if (lex_atom(l, &word) < 0)
		return -1;
	cmd->uid = str_ieq_z(word, "UID");
	if (cmd->uid && (lex_space(l) < 0 || lex_atom(l, &word) < 0))
		return -1;
	cmd->verb = verb_of(word);
	/* LOGIN and AUTHENTICATE are known, but their arguments are not looked at here: it is too
	 * late for them. */
	if (cmd->verb == VERB_NONE || (cmd->uid && !grammar[cmd->verb].uid)) {
		cmd->verb = VERB_NONE;
		return lex_fail(l, "Unknown command");
	}
	return 0;
}

int
imap_parse(struct str text, struct arena *a, struct imap_cmd *out, struct err *e)
{
	struct lex l;

	*out = (struct imap_cmd){.verb = VERB_NONE};
	lex_init(&l, text, a, e);
	if (lex_tag(&l, &out->tag) < 0)
		return -1;
	if (lex_space(&l) < 0 || verb(&l, out) < 0)
		return -1;
	if (out->verb == VERB_LOGIN || out->verb == VERB_AUTHENTICATE)
		return 0;
	/* Some clients put a blank behind a command without arguments. */
	if (grammar[out->verb].bare && !out->uid) {
		while (lex_take(&l, ' '))
			;
		return lex_end(&l);
	}
	if (lex_space(&l) < 0 || grammar[out->verb].args(&l, out) < 0)
		return -1;
	while (lex_take(&l, ' '))
		;
	return lex_end(&l);
}

bool
imap_parse_wants_message(struct str text)
{
	struct str head = text, word;

	str_cut(&head, ' ', &word);
	if (!str_istarts(head, STR("APPEND ")))
		return false;
	/* A literal right behind the command is the mailbox's name. */
	return head.n > 7 && head.p[7] != '{' ? true : str_chr(head, '\n') < head.n;
}
