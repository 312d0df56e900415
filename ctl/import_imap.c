/*
 * import_imap.c - gkmail import imap: the mailboxes of an account at another IMAP server.
 *
 * Mailboxes are opened by EXAMINE, which changes nothing there. Of each, UIDs and sizes are asked
 * for first, then the messages that are not here yet, some in a command. The key of a message is
 * host, login, UIDVALIDITY and UID, which stay the same (RFC 9051 2.3.1.1).
 *
 * The server may be anybody: lines and literals have limits, what it says of sizes is believed in
 * nothing but in what is left out, and nothing that was not asked for is taken.
 */
#include "ctl/import.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "ctl/imap_answer.h"
#include "ctl/import_imap.h"
#include "ctl/mbox.h"
#include "ctl/talk.h"
#include "net/imap_frame.h"

#define ANSWER_S      120
#define LINES_MAX     (256u << 10) /* of a response beside its literals */
#define MAILBOXES_MAX 100000u
#define MESSAGES_MAX  20000000u
#define ANSWERS_MAX   (2 * MESSAGES_MAX) /* to a command */
#define NAME_MAX_HERE 4096u
#define WINDOW        200u /* messages in a command */
#define WINDOW_OCTETS (8u << 20)
#define SET_MAX       4096u /* of a command that names UIDs one by one */

struct remote {
	uint32_t uid;
	uint64_t size;
	unsigned char key[IMPORT_KEY];
};

struct client {
	struct import_imap at;
	struct talk talk;
	struct imap_frame frame;
	struct imap_frame_limits limits;
	char tag[16];
	unsigned number;
	struct str capability, said; /* said: the server's words with the last tagged answer */
	char capability_text[8192], said_text[200];
	uint32_t uidvalidity;
	uint64_t exists; /* messages of the mailbox, by the server's word */
	struct arena arena;
	/* While a mailbox is brought. */
	struct import *im;
	struct import_box *box;
	struct remote *v; /* what is there; then, what of it is wanted */
	size_t n, cap;
	size_t first, last; /* of v: those that are asked for now */
	bool *got;
	size_t nlisted;
};

/* ---- responses ---- */

/* The next one; it is good until the next. */
static int
next(struct client *c, struct imap_answer *out, struct err *e)
{
	enum imap_frame_end end = FRAME_MORE;
	struct str in;
	size_t used;

	imap_frame_reset(&c->frame);
	arena_reset(&c->arena);
	/* What a client would be told to go on with, a server sends at once. */
	while (end == FRAME_MORE || end == FRAME_CONTINUE) {
		if (talk_some(&c->talk, &in, e) < 0)
			return -1;
		end = imap_frame_feed(&c->frame, in, &used);
		talk_took(&c->talk, used);
		if (end == FRAME_MORE && used < in.n && talk_more(&c->talk, e) < 0)
			return -1;
	}
	if (end != FRAME_DONE)
		return err_set(e, E_PROTO, "%.200s sends a response that is too large", c->at.host);
	if (imap_answer_read(buf_view(&c->frame.text), str_z(c->tag), &c->arena, out) < 0)
		return err_set(e, E_PROTO, "%.200s sends what is no IMAP", c->at.host);
	if (out->kind == IMAP_BYE)
		return err_set(e, E_CLOSED, "%.200s hangs up: " STR_FMT, c->at.host,
		    (int)num_min(out->text.n, 100), out->text.p);
	return 0;
}

typedef int (*answer_fn)(struct client *c, const struct imap_answer *a, struct err *e);

static int
nothing(struct client *c, const struct imap_answer *a, struct err *e)
{
	(void)e;
	if (a->kind == IMAP_CAPABILITY && a->text.n <= sizeof c->capability_text) {
		memcpy(c->capability_text, a->text.p, a->text.n);
		c->capability = str_of(c->capability_text, a->text.n);
	} else if (a->kind == IMAP_UIDVALIDITY)
		c->uidvalidity = a->uidvalidity;
	else if (a->kind == IMAP_EXISTS)
		c->exists = a->messages;
	return 0;
}

static int
remember(struct client *c, const struct imap_answer *a)
{
	size_t n = num_min(a->text.n, sizeof c->said_text);

	memcpy(c->said_text, a->text.p, n);
	c->said = str_of(c->said_text, n);
	return a->ok ? 0 : 1;
}

/* Until the tagged answer. 0: OK. 1: NO or BAD, whose words are in c->said. */
static int
until_done(struct client *c, answer_fn fn, struct err *e)
{
	struct imap_answer a;

	for (size_t n = 0; n < ANSWERS_MAX; n++) {
		if (next(c, &a, e) < 0)
			return -1;
		if (a.kind == IMAP_TAGGED)
			return remember(c, &a);
		if (fn(c, &a, e) < 0)
			return -1;
	}
	return err_set(e, E_PROTO, "%.200s does not come to an end", c->at.host);
}

static int
say(struct client *c, struct str command, struct err *e)
{
	struct buf b;
	int rc;

	(void)snprintf(c->tag, sizeof c->tag, "g%u", ++c->number);
	buf_init(&b, command.n + sizeof c->tag + 4);
	(void)buf_printf(&b, "%s ", c->tag);
	(void)buf_str(&b, command);
	(void)buf_puts(&b, "\r\n");
	rc = talk_write(&c->talk, buf_view(&b), e);
	sodium_memzero(b.p, b.n);
	buf_free(&b);
	return rc;
}

static int
ask(struct client *c, struct str command, answer_fn fn, struct err *e)
{
	return say(c, command, e) < 0 ? -1 : until_done(c, fn, e);
}

/* The same where NO is no answer to go on with. */
static int
must(struct client *c, const char *what, struct str command, answer_fn fn, struct err *e)
{
	int rc = ask(c, command, fn, e);

	return rc <= 0 ? rc
		       : err_set(e, E_DENIED, "%.200s refuses %s: " STR_FMT, c->at.host, what,
			     STR_ARG(c->said));
}

/* ---- logging in ---- */

static bool
can(const struct client *c, const char *what)
{
	return imap_answer_has(c->capability, what);
}

/* RFC 4616, in base64; in arena memory that is wiped by the caller. */
static char *
sasl_plain(struct client *c, size_t *size)
{
	size_t nuser = strlen(c->at.login), npass = strlen(c->at.password);
	size_t n = nuser + npass + 2;
	unsigned char *plain = mem_alloc(n);
	char *out;

	memcpy(plain + 1, c->at.login, nuser);
	memcpy(plain + nuser + 2, c->at.password, npass);
	*size = sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL);
	out = mem_alloc(*size);
	sodium_bin2base64(out, *size, plain, n, sodium_base64_VARIANT_ORIGINAL);
	sodium_memzero(plain, n);
	free(plain);
	return out;
}

/* RFC 9051 6.2.2: the response to the server's empty challenge. */
static int
authenticate(struct client *c, struct err *e)
{
	struct imap_answer a;
	size_t size;
	char *text;
	int rc = say(c, STR("AUTHENTICATE PLAIN"), e);

	while (rc == 0) {
		if ((rc = next(c, &a, e)) < 0)
			return -1;
		if (a.kind == IMAP_GO_ON)
			break;
		if (a.kind == IMAP_TAGGED)
			return remember(c, &a) == 0 ? err_set(e, E_PROTO, "OK to no password") : 1;
	}
	if (rc < 0)
		return -1;
	text = sasl_plain(c, &size);
	if ((rc = talk_write(&c->talk, str_z(text), e)) == 0)
		rc = talk_write(&c->talk, STR("\r\n"), e);
	sodium_memzero(text, size);
	free(text);
	return rc < 0 ? -1 : until_done(c, nothing, e);
}

static int
login(struct client *c, struct err *e)
{
	struct str user, password;
	int rc;

	if (imap_answer_quote(str_z(c->at.login), &c->im->arena, &user) < 0 ||
	    imap_answer_quote(str_z(c->at.password), &c->im->arena, &password) < 0)
		return err_set(e, E_INVAL, "a login has no line ends");
	rc = ask(c,
	    arena_printf(
		&c->im->arena, "LOGIN " STR_FMT " " STR_FMT, STR_ARG(user), STR_ARG(password)),
	    nothing, e);
	return rc;
}

static int
log_in(struct client *c, struct err *e)
{
	int rc;

	if (c->at.tls == IMPORT_TLS_STARTTLS) {
		if (must(c, "STARTTLS", STR("STARTTLS"), nothing, e) < 0 ||
		    talk_secure_as(&c->talk, c->at.host, c->at.ca, e) < 0)
			return -1;
		imap_frame_reset(&c->frame);
	}
	if (must(c, "CAPABILITY", STR("CAPABILITY"), nothing, e) < 0)
		return -1;
	if (can(c, "AUTH=PLAIN"))
		rc = authenticate(c, e);
	else if (!can(c, "LOGINDISABLED"))
		rc = login(c, e);
	else
		return err_set(e, E_DENIED,
		    "%.200s takes no password here (neither AUTH=PLAIN nor LOGIN); try --tls "
		    "starttls",
		    c->at.host);
	if (rc > 0)
		return err_set(e, E_DENIED,
		    "%.200s does not let %.200s in: " STR_FMT
		    "; servers with a second factor want an app password",
		    c->at.host, c->at.login, STR_ARG(c->said));
	/* It may offer more now. */
	return rc < 0 ? -1 : must(c, "CAPABILITY", STR("CAPABILITY"), nothing, e);
}

static int
greeting(struct client *c, struct err *e)
{
	struct imap_answer a;

	(void)snprintf(c->tag, sizeof c->tag, "g0");
	return next(c, &a, e);
}

static int
reach(struct client *c, struct err *e)
{
	if (talk_reach_host(&c->talk, c->at.host, c->at.port, ANSWER_S, e) < 0)
		return -1;
	if (c->at.tls == IMPORT_TLS_IMAPS && talk_secure_as(&c->talk, c->at.host, c->at.ca, e) < 0)
		return -1;
	return greeting(c, e) < 0 ? -1 : log_in(c, e);
}

/* ---- mailboxes ---- */

/* Views of messages that are in other mailboxes too (RFC 6154). */
static const char *const views[] = {"\\Flagged", "\\Important"};
static const char *const uses[] = {"\\Sent", "\\Drafts", "\\Junk", "\\Trash", "\\Archive"};

struct listed {
	struct str wire; /* its name there */
	bool all;        /* \All: every message of the account */
};

static bool
is_inbox(struct str name)
{
	return str_ieq_z(name, "INBOX");
}

static int
on_list(struct client *c, const struct imap_answer *a, struct err *e)
{
	struct import *im = c->im;
	struct listed *l;
	struct import_box *b;
	const char *use = "";
	struct str name;

	if (a->kind != IMAP_LIST)
		return nothing(c, a, e);
	if (++c->nlisted > MAILBOXES_MAX || a->name.n > NAME_MAX_HERE)
		return err_set(
		    e, E_PROTO, "%.200s has too many mailboxes, or too long a name", c->at.host);
	if (imap_answer_has(a->attributes, "\\Noselect") ||
	    imap_answer_has(a->attributes, "\\NonExistent"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(views); i++)
		if (imap_answer_has(a->attributes, views[i]))
			return 0;
	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		if (imap_answer_has(a->attributes, uses[i]))
			use = uses[i];
	l = arena_alloc(&im->arena, sizeof *l);
	l->wire = arena_dup(&im->arena, a->name);
	l->all = imap_answer_has(a->attributes, "\\All");
	name = import_folder_name(a->name, a->separator != '\0' ? a->separator : '/', &im->arena);
	/* Below INBOX, where some servers have all the others. */
	if (str_istarts(name, STR("INBOX/")) && a->separator == '.')
		name = str_from(name, 6);
	if (l->all)
		use = "\\Archive";
	/* Its own words for uses; without any its name tells. */
	if ((b = import_found(im, is_inbox(a->name) ? STR("INBOX") : name, name,
		 use[0] != '\0' ? use : NULL,
		 is_inbox(a->name) || imap_answer_has(a->attributes, "\\Subscribed"))) != NULL)
		b->own = l;
	return 0;
}

/* A server without LIST-EXTENDED tells subscriptions apart (RFC 3501 6.3.9). */
static int
on_lsub(struct client *c, const struct imap_answer *a, struct err *e)
{
	if (a->kind != IMAP_LIST)
		return nothing(c, a, e);
	for (size_t i = 0; i < c->im->n; i++) {
		const struct listed *l = c->im->boxes[i].own;

		if (str_eq(l->wire, a->name))
			c->im->boxes[i].subscribed = true;
	}
	return 0;
}

static int
on_status(struct client *c, const struct imap_answer *a, struct err *e)
{
	if (a->kind != IMAP_STATUS)
		return nothing(c, a, e);
	c->im->all += num_min(a->messages, MESSAGES_MAX);
	return 0;
}

/* For the progress alone: what is refused counts for nothing. */
static int
count(struct client *c, struct err *e)
{
	for (size_t i = 0; i < c->im->n; i++) {
		const struct listed *l = c->im->boxes[i].own;
		struct arena a;
		struct str name;
		int rc = 0;

		arena_init(&a);
		if (!l->all && imap_answer_quote(l->wire, &a, &name) == 0)
			rc =
			    ask(c, arena_printf(&a, "STATUS " STR_FMT " (MESSAGES)", STR_ARG(name)),
				on_status, e);
		arena_free(&a);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
list_names(struct client *c, struct err *e)
{
	if (can(c, "LIST-EXTENDED") && can(c, "SPECIAL-USE"))
		return must(
		    c, "LIST", STR("LIST \"\" \"*\" RETURN (SUBSCRIBED SPECIAL-USE)"), on_list, e);
	if (must(c, "LIST", STR("LIST \"\" \"*\""), on_list, e) < 0)
		return -1;
	return must(c, "LSUB", STR("LSUB \"\" \"*\""), on_lsub, e);
}

static int
list(struct import *im, struct err *e)
{
	struct client *c = im->own;

	c->im = im;
	c->limits = (struct imap_frame_limits){
	    .command = im->max_message + LINES_MAX, .literal = im->max_message};
	imap_frame_init(&c->frame, &c->limits);
	arena_init(&c->arena);
	return reach(c, e) < 0 || list_names(c, e) < 0 ? -1 : count(c, e);
}

/* ---- what a mailbox has ---- */

static void
add(struct client *c, uint32_t uid, uint64_t size)
{
	if (c->n == c->cap)
		c->v = mem_grow(c->v, c->cap = c->cap * 2 + 256, sizeof *c->v);
	c->v[c->n++] = (struct remote){.uid = uid, .size = size};
}

static int
on_uid(struct client *c, const struct imap_answer *a, struct err *e)
{
	if (a->kind != IMAP_FETCH || a->uid == 0)
		return nothing(c, a, e);
	if (c->n >= MESSAGES_MAX)
		return err_set(e, E_PROTO, "%.200s has too many messages", c->at.host);
	add(c, a->uid, a->size);
	return 0;
}

static int
compare(const void *x, const void *y)
{
	const struct remote *a = x, *b = y;

	return a->uid < b->uid ? -1 : a->uid > b->uid;
}

static void
name_message(const struct client *c, struct remote *m)
{
	char numbers[48];
	struct str words[3] = {str_z(c->at.host), str_z(c->at.login)};

	(void)snprintf(numbers, sizeof numbers, "%" PRIu32 " %" PRIu32, c->uidvalidity, m->uid);
	words[2] = str_z(numbers);
	import_key(c->im, c->box, words, ARRAY_LEN(words), m->key);
}

static void
skip(struct client *c, uint32_t uid, const char *why)
{
	char where[512];

	(void)snprintf(where, sizeof where, STR_FMT ", UID %" PRIu32, STR_ARG(c->box->place), uid);
	import_skip(c->im, str_z(where), why);
}

/* Of v stays what is wanted, each UID once. */
static void
choose(struct client *c)
{
	size_t n = 0;

	if (c->n > 0)
		qsort(c->v, c->n, sizeof *c->v, compare);
	for (size_t i = 0; i < c->n; i++) {
		struct remote *m = &c->v[i];

		if (i > 0 && m->uid == c->v[i - 1].uid)
			continue;
		name_message(c, m);
		if (!import_wants(c->im, c->box, m->key, 0))
			continue;
		if (m->size > c->im->max_message)
			skip(c, m->uid, "it is larger than imap.max_size");
		else
			c->v[n++] = *m;
	}
	c->n = n;
}

/* ---- messages ---- */

static int
take(struct client *c, const struct remote *m, const struct imap_answer *a, struct err *e)
{
	struct import_mail mail = {
	    .key = m->key, .flags = a->flags, .date = a->date, .read = a->body.n};
	struct buf out;
	int rc = 0;

	if (a->body.n == 0) {
		skip(c, m->uid, "it is empty");
		return 0;
	}
	buf_init(&out, c->im->max_message);
	if (mbox_crlf(a->body, &out) < 0) {
		skip(c, m->uid, "with CRLF it is larger than imap.max_size");
	} else {
		mail.octets = buf_view(&out);
		mail.flags = str_sub(mail.flags, 0, MBOX_FLAGS_MAX);
		rc = import_give(c->im, c->box, &mail, e);
	}
	buf_free(&out);
	return rc;
}

/* A message that was asked for and is not here yet; anything else is passed over. */
static int
on_message(struct client *c, const struct imap_answer *a, struct err *e)
{
	const struct remote wanted = {.uid = a->uid};
	struct remote *m;

	if (a->kind != IMAP_FETCH || a->uid == 0 || !a->has_body)
		return nothing(c, a, e);
	m = bsearch(&wanted, c->v + c->first, c->last - c->first, sizeof *c->v, compare);
	if (m == NULL || c->got[m - c->v - c->first])
		return 0;
	c->got[m - c->v - c->first] = true;
	return take(c, m, a, e);
}

/* As many from `first` on as one command asks for; ranges only where nothing lies between. */
static struct str
window(struct client *c, struct arena *a)
{
	uint64_t octets = 0;
	struct buf set;
	struct str out;
	size_t i = c->first;

	buf_init(&set, SET_MAX + 64);
	while (i < c->n && i - c->first < WINDOW && set.n < SET_MAX &&
	       (i == c->first || octets + c->v[i].size <= WINDOW_OCTETS)) {
		octets += c->v[i].size;
		(void)buf_printf(&set, "%s%" PRIu32, i > c->first ? "," : "", c->v[i].uid);
		i++;
	}
	c->last = i;
	out = arena_dup(a, buf_view(&set));
	buf_free(&set);
	return out;
}

static int
fetch_all(struct client *c, struct err *e)
{
	bool got[WINDOW];
	struct arena a;
	int rc = 0;

	arena_init(&a);
	c->got = got;
	for (c->first = 0; c->first < c->n && rc == 0; c->first = c->last) {
		struct str set = window(c, &a);

		memset(got, 0, sizeof got);
		rc = must(c, "UID FETCH",
		    arena_printf(&a, "UID FETCH " STR_FMT " (UID FLAGS INTERNALDATE BODY.PEEK[])",
			STR_ARG(set)),
		    on_message, e);
		for (size_t i = 0; rc == 0 && i < c->last - c->first; i++)
			if (!got[i])
				skip(c, c->v[c->first + i].uid,
				    "the server did not send it; if it is there still, run this "
				    "again");
		arena_reset(&a);
	}
	arena_free(&a);
	return rc;
}

/* ---- a mailbox ---- */

static int
on_search(struct client *c, const struct imap_answer *a, struct err *e)
{
	struct str rest = a->text, word;
	bool more = true;
	uint64_t uid;

	if (a->kind != IMAP_SEARCH)
		return nothing(c, a, e);
	while (more) {
		more = str_cut(&rest, ' ', &word);
		if (num_parse(word, 1, UINT32_MAX, &uid) == 0 && c->n < MESSAGES_MAX)
			add(c, (uint32_t)uid, 0);
	}
	return 0;
}

/* Of a mailbox that has every message of the account, those that are in no other. Gmail can tell
 * them (its X-GM-EXT-1); elsewhere the rest of the mailboxes has them. */
static int
find_rest(struct client *c, struct err *e)
{
	if (!can(c, "X-GM-EXT-1"))
		return 0;
	return must(c, "UID SEARCH X-GM-RAW",
	    STR("UID SEARCH X-GM-RAW \"has:nouserlabels -in:inbox -in:sent -in:drafts -in:chats\""),
	    on_search, e);
}

/* No mailbox is passed over in silence because its server stumbled. */
static int
find_all(struct client *c, struct err *e)
{
	int rc;

	if (c->exists == 0)
		return 0;
	if ((rc = ask(c, STR("UID FETCH 1:* (UID RFC822.SIZE)"), on_uid, e)) < 0)
		return -1;
	if (rc > 0 || c->n < c->exists)
		import_skip(c->im, c->box->place,
		    rc > 0
			? arena_printf(&c->im->arena, "the server does not list it: " STR_FMT,
			      STR_ARG(c->said))
			      .p
			: "the server lists fewer messages than it says there are; run this again");
	return 0;
}

static int
bring(struct import *im, struct import_box *b, struct err *e)
{
	struct client *c = im->own;
	const struct listed *l = b->own;
	struct str name;
	int rc;

	c->box = b;
	c->n = 0;
	c->uidvalidity = 0;
	c->exists = 0;
	if (imap_answer_quote(l->wire, &im->arena, &name) < 0) {
		import_skip(im, b->place, "its name cannot be written");
		return 0;
	}
	rc = ask(c, arena_printf(&im->arena, "EXAMINE " STR_FMT, STR_ARG(name)), nothing, e);
	if (rc != 0) {
		if (rc > 0)
			import_skip(im, b->place,
			    arena_printf(&im->arena, "the server does not open it: " STR_FMT,
				STR_ARG(c->said))
				.p);
		return rc > 0 ? 0 : -1;
	}
	if (c->uidvalidity == 0) {
		import_skip(im, b->place,
		    "the server gives it no UIDVALIDITY, so that nobody could "
		    "know what came already");
		return 0;
	}
	if ((l->all ? find_rest(c, e) : find_all(c, e)) < 0)
		return -1;
	choose(c);
	return im->dry ? 0 : fetch_all(c, e);
}

static void
done(struct import *im)
{
	struct client *c = im->own;

	talk_close(&c->talk);
	imap_frame_free(&c->frame);
	arena_free(&c->arena);
	free(c->v);
}

int
import_imap_open(struct import *im, const struct import_imap *at)
{
	static const struct import_source source = {"imap", list, bring, done};
	struct client *c = arena_alloc(&im->arena, sizeof *c);

	c->at = *at;
	c->talk.fd = -1;
	im->source = &source;
	im->own = c;
	return 0;
}
