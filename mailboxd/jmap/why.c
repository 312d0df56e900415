/*
 * why.c - Email/why (docs/adr/0035-undo-audit-trace.md): how an email came to where it stands, as
 * this server knows it: the fields that it wrote on top of it, and the change log.
 *
 * The log has no index by email, since few ask: it is read through, in slices.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mailboxd/jmap/agent_session.h"
#include "mailboxd/jmap/methods.h"
#include "mailboxd/jmap/model.h"
#include "mailboxd/jmap/trace_head.h"
#include "store/email.h"

#define ROWS_MAX  1000u /* of one email: further ones are left out, which `complete` says */
#define ASK_EVERY 256u
#define STEPS_MAX 500u

struct row {
	struct change c; /* strings in the arena */
};

struct why {
	uint64_t email;
	struct row *rows;
	size_t n;
	bool more_rows;
	uint64_t last, read;
	bool yields;
	struct jmap_call *c;
	cJSON *steps;
	uint64_t position, limit, total;
	struct str sid, agent; /* the session whose name was asked for last */
};

/* ---- steps ---- */

/* Takes data; NULL where the step is not on this page: then data is not made. */
static bool
is_on_page(struct why *w)
{
	uint64_t i = w->total++;

	return i >= w->position && i - w->position < w->limit;
}

static void
step(struct why *w, const char *kind, const char *code, int64_t when, struct str text, cJSON *data)
{
	char date[DATE_RFC3339_SIZE];
	cJSON *v;

	if (!is_on_page(w)) {
		cJSON_Delete(data);
		return;
	}
	v = cJSON_CreateObject();
	json_put_str(v, "kind", str_z(kind));
	json_put_str(v, "code", str_z(code));
	if (when != 0)
		json_put_str(v, "at", str_z(date_rfc3339(when, 0, date)));
	else
		json_put(v, "at", cJSON_CreateNull());
	json_put_str(v, "text", text);
	json_put(v, "data", data);
	json_add(w->steps, v);
}

static void
put_some(cJSON *data, const char *name, struct str v)
{
	if (v.n > 0)
		json_put_str(data, name, v);
}

static void
put_mailbox(struct why *w, cJSON *data, const char *id_name, const char *name, uint32_t id)
{
	struct mailbox *mb = home_find_id(w->c->home, id);

	if (id == 0)
		return;
	json_put_str(data, id_name, arena_printf(&w->c->arena, "m%u", (unsigned)id));
	if (mb != NULL)
		json_put_str(data, name, mb->name);
	else
		json_put(data, name, cJSON_CreateNull());
}

static struct str
mailbox_name(struct why *w, uint32_t id)
{
	struct mailbox *mb = home_find_id(w->c->home, id);

	return mb != NULL ? mb->name : STR("a mailbox that is not there any more");
}

/* ---- what stands on top ---- */

static void
tell_received(struct why *w, const struct trace_head *h)
{
	const struct trace_received *r = &h->received;
	bool submitted = r->protocol.n > 0 && r->protocol.p[r->protocol.n - 1] == 'A';
	cJSON *data = cJSON_CreateObject();
	struct str text;

	put_some(data, "by", r->by);
	put_some(data, "from", r->helo);
	put_some(data, "address", r->address);
	put_some(data, "name", r->name);
	put_some(data, "protocol", r->protocol);
	put_some(data, "account", r->account);
	put_some(data, "id", r->id);
	json_put_bool(data, "tls", r->version.n > 0 || r->suite.n > 0);
	put_some(data, "version", r->version);
	put_some(data, "cipher", r->suite);
	text = r->local ? STR("Written on this server")
			: arena_printf(&w->c->arena, "%s " STR_FMT " [" STR_FMT "] %s",
			      submitted ? "Sent by a user here, from" : "Received from",
			      STR_ARG(r->name.n > 0 ? r->name : r->helo), STR_ARG(r->address),
			      r->version.n > 0 || r->suite.n > 0 ? "over TLS" : "without TLS");
	step(w, "received",
	    r->local    ? "local"
	    : submitted ? "submission"
			: "smtp",
	    r->date, text, data);
}

static void
tell_results(struct why *w, const struct trace_head *h)
{
	for (size_t i = 0; i < h->nresults; i++) {
		const struct trace_result *r = &h->results[i];
		char *code = arena_dupz(&w->c->arena, r->method);
		cJSON *data = cJSON_CreateObject();

		str_lower(r->method, code);
		put_some(data, "result", r->result);
		put_some(data, "domain", r->value);
		put_some(data, "detail", r->reason);
		step(w, "authentication", code, 0,
		    arena_printf(&w->c->arena, "%s: " STR_FMT "%s" STR_FMT, code,
			STR_ARG(r->result), r->value.n > 0 ? " for " : "", STR_ARG(r->value)),
		    data);
	}
}

static void
put_number(cJSON *data, const char *name, struct str v)
{
	uint64_t n;

	if (num_parse(v, 0, UINT32_MAX, &n) == 0)
		json_put_num(data, name, (int64_t)n);
}

static void
tell_screening(struct why *w, const struct trace_head *h)
{
	cJSON *data;

	if (!h->screened)
		return;
	data = cJSON_CreateObject();
	put_number(data, "score", h->score);
	put_number(data, "required", h->required);
	put_some(data, "tests", h->tests);
	step(w, "screening", h->junk ? "junk" : "passed", 0,
	    arena_printf(&w->c->arena, "%s: score " STR_FMT " of " STR_FMT,
		h->junk ? "Taken for junk" : "Not taken for junk", STR_ARG(h->score),
		STR_ARG(h->required)),
	    data);
}

/* ---- how it came ---- */

static const char *
how_added(const struct change *c)
{
	if (c == NULL)
		return "unknown";
	if (str_eq_z(c->actor, "delivery"))
		return "delivery";
	return str_eq_z(c->actor, "foreign") || str_eq_z(c->actor, "store") ? "found" : "appended";
}

static void
tell_delivered(struct why *w, const struct change *added, const struct trace_head *h)
{
	const char *code = how_added(added);
	uint32_t mailbox = added != NULL ? added->mailbox : w->n > 0 ? w->rows[0].c.mailbox : 0;
	cJSON *data = cJSON_CreateObject();

	put_mailbox(w, data, "mailboxId", "mailbox", mailbox);
	if (h->sender.p != NULL)
		json_put_str(data, "sender", h->sender);
	put_some(data, "recipient", h->received.rcpt);
	if (added != NULL)
		put_some(data, "actor", added->actor);
	step(w, "delivered", code, added != NULL ? added->time : h->received.date,
	    added == NULL ? STR("How it came is not known any more")
			  : arena_printf(&w->c->arena, "%s " STR_FMT,
				strcmp(code, "delivery") == 0 ? "Delivered into"
				: strcmp(code, "found") == 0  ? "Found as a file of"
							      : "Put by a program into",
				STR_ARG(mailbox_name(w, mailbox))),
	    data);
}

/* ---- changes ---- */

static bool
read_place(struct str s, uint32_t *mailbox, uint32_t *uid)
{
	struct str id;
	uint64_t a, b;

	if (!str_cut(&s, ' ', &id) || num_parse(id, 1, UINT32_MAX, &a) < 0 ||
	    num_parse(s, 1, UINT32_MAX, &b) < 0)
		return false;
	*mailbox = (uint32_t)a;
	*uid = (uint32_t)b;
	return true;
}

/* Flags after the change i: what the next one of the same message had before it, or it has now. */
static struct str
flags_after(struct why *w, size_t i)
{
	uint32_t mailbox = w->rows[i].c.mailbox, uid = w->rows[i].c.uid;
	const struct message *m;
	struct mailbox *mb;

	for (size_t k = i + 1; k < w->n; k++) {
		const struct change *c = &w->rows[k].c;

		if (c->mailbox != mailbox || c->uid != uid)
			continue;
		if (c->kind == CHANGE_FLAGS || c->kind == CHANGE_EXPUNGED ||
		    c->kind == CHANGE_VANISHED)
			return c->before;
		if (c->kind == CHANGE_MOVED && !read_place(c->before, &mailbox, &uid))
			break;
	}
	mb = home_find_id(w->c->home, mailbox);
	m = mb != NULL && mb->loaded ? mailbox_get(mb, uid) : NULL;
	return m != NULL ? mailbox_flags_text(mb, m, &w->c->arena) : STR_NONE;
}

static bool
has_word(struct str words, struct str word)
{
	struct str rest = words, one;
	bool more = rest.n > 0;

	while (more) {
		more = str_cut(&rest, ' ', &one);
		if (str_ieq(one, word))
			return true;
	}
	return false;
}

/* Keywords, as JMAP names them, of one that are not of the other. */
static cJSON *
words_of(struct str of, struct str not_of)
{
	cJSON *list = cJSON_CreateArray();
	struct str rest = of, word;
	bool more = rest.n > 0;

	while (more) {
		more = str_cut(&rest, ' ', &word);
		if (word.n == 0 || has_word(not_of, word))
			continue;
		if (mailbox_flag_by_name(word) == 0)
			json_add(list, json_new_str(word));
		else if (word.n > 1)
			json_add(list, json_new_str(str_eq_z(word, "\\Deleted")
							? STR("\\Deleted")
							: str_z(jmap_keyword_of_flag(
							      mailbox_flag_by_name(word)))));
	}
	return list;
}

/* The row for where a moved message came to says what the next one says. */
static bool
is_half_of_move(const struct why *w, size_t i)
{
	uint32_t mailbox, uid;

	for (size_t k = i + 1; k < w->n && w->rows[k].c.modseq == w->rows[i].c.modseq; k++)
		if (w->rows[k].c.kind == CHANGE_MOVED &&
		    read_place(w->rows[k].c.before, &mailbox, &uid) &&
		    mailbox == w->rows[i].c.mailbox && uid == w->rows[i].c.uid)
			return true;
	return false;
}

static struct str
agent_of(struct why *w, const struct change *c)
{
	if (!str_eq_z(c->actor, CHANGE_BY_AGENT) && !str_eq_z(c->actor, CHANGE_UNDO))
		return STR("");
	if (!str_eq(w->sid, c->sid)) {
		w->sid = c->sid;
		if (agent_session_name(w->c->home, c->sid, &w->c->arena, &w->agent, NULL) < 0)
			w->agent = STR("");
	}
	return w->agent.p != NULL ? w->agent : STR("");
}

static void
tell_change(struct why *w, size_t i)
{
	const struct change *c = &w->rows[i].c;
	cJSON *data = cJSON_CreateObject();
	uint32_t mailbox = 0, uid;
	struct str text = STR(""), agent = agent_of(w, c), after;
	struct arena *a = &w->c->arena;

	json_put_str(data, "actor", c->actor);
	put_some(data, "sid", c->sid);
	put_some(data, "agent", agent);
	put_mailbox(w, data, "mailboxId", "mailbox", c->mailbox);
	switch ((unsigned)c->kind) {
	case CHANGE_FLAGS:
		after = flags_after(w, i);
		if (after.p != NULL) {
			json_put(data, "added", words_of(after, c->before));
			json_put(data, "removed", words_of(c->before, after));
		}
		text = STR("Flags were changed");
		break;
	case CHANGE_MOVED:
		if (read_place(c->before, &mailbox, &uid))
			put_mailbox(w, data, "toId", "to", mailbox);
		text = arena_printf(a, "Moved from " STR_FMT " to " STR_FMT,
		    STR_ARG(mailbox_name(w, c->mailbox)), STR_ARG(mailbox_name(w, mailbox)));
		break;
	case CHANGE_COPIED:
		text = arena_printf(a, "Copied to " STR_FMT, STR_ARG(mailbox_name(w, c->mailbox)));
		break;
	case CHANGE_ADDED:
		text = arena_printf(a, "Put into " STR_FMT, STR_ARG(mailbox_name(w, c->mailbox)));
		break;
	default:
		text =
		    arena_printf(a, "Removed from " STR_FMT, STR_ARG(mailbox_name(w, c->mailbox)));
		break;
	}
	text = arena_printf(a, STR_FMT " by " STR_FMT "%s" STR_FMT, STR_ARG(text),
	    STR_ARG(c->actor), agent.n > 0 ? " " : "", STR_ARG(agent));
	step(w, "change", change_kind_name(c->kind), c->time, text, data);
}

/* ---- the method ---- */

static bool
take_row(void *arg, const struct change *c)
{
	struct why *w = arg;
	struct arena *a = &w->c->arena;

	w->last = c->row;
	if (c->email == w->email && c->mailbox != 0 && c->uid != 0) {
		if (w->n == ROWS_MAX) {
			w->more_rows = true;
			return false;
		}
		w->rows[w->n] = (struct row){*c};
		w->rows[w->n].c.actor = arena_dup(a, c->actor);
		w->rows[w->n].c.sid = arena_dup(a, c->sid);
		w->rows[w->n].c.before = arena_dup(a, c->before);
		w->n++;
	}
	w->yields = ++w->read % ASK_EVERY == 0 && jmap_slice_over(w->c);
	return !w->yields;
}

static enum jmap_step
tell(struct jmap_call *c, struct why *w)
{
	struct jmap_model *model;
	const struct jmap_email *em;
	const struct change *added = NULL;
	struct content *content = NULL;
	struct trace_head head = {0};
	struct mailbox *mb;
	char id[EMAIL_TEXT_SIZE];
	uint64_t forgotten = 0;
	struct err e;

	if ((model = jmap_emails(c->jmap, &e)) == NULL ||
	    change_forgotten(c->home, &forgotten, &e) < 0)
		return jmap_fail_err(c, &e);
	em = jmap_model_find(model, w->email);
	if (em == NULL || em->nplaces == 0)
		return jmap_fail(c, "notFound", "no such email");
	for (size_t i = 0; i < w->n && added == NULL; i++)
		if (w->rows[i].c.kind == CHANGE_ADDED)
			added = &w->rows[i].c;
	mb = jmap_model_mailbox(model, jmap_email_places(em)[0].box);
	/* What a program put there says of itself what it likes. */
	if ((added == NULL || str_eq_z(added->actor, "delivery")) &&
	    (content = content_open(mb, jmap_email_places(em)[0].uid, &e)) != NULL)
		trace_head_read(str_sub(content->octets, 0, header_length(content->octets)),
		    home_host(c->home), &c->arena, &head);
	json_put_str(c->result, "emailId", str_z(email_text(w->email, EMAIL_LETTER, id)));
	json_put(c->result, "steps", w->steps = cJSON_CreateArray());
	if (head.ours)
		tell_received(w, &head);
	tell_results(w, &head);
	tell_screening(w, &head);
	tell_delivered(w, added, &head);
	for (size_t i = 0; i < w->n; i++)
		if (&w->rows[i].c != added && !is_half_of_move(w, i))
			tell_change(w, i);
	content_close(&content);
	json_put_num(c->result, "position", (int64_t)w->position);
	json_put_num(c->result, "total", (int64_t)w->total);
	json_put_bool(c->result, "complete", !w->more_rows && (added != NULL || forgotten == 0));
	return JMAP_DONE;
}

static enum jmap_step
read_log(struct jmap_call *c)
{
	struct why *w = c->op;
	struct err e;

	w->yields = false;
	if (change_rows(c->home, w->last, take_row, w, &e) < 0)
		return jmap_fail_err(c, &e);
	return w->yields ? JMAP_YIELD : tell(c, w);
}

static enum jmap_step
why(struct jmap_call *c)
{
	struct why *w = arena_new(&c->arena, struct why);
	struct jmap_model *model;
	struct str id;
	struct err e;

	if (jmap_args_only(c, "emailId position limit") < 0 ||
	    jmap_arg_str(c, "emailId", &id) < 0 ||
	    jmap_arg_uint(c, "position", 0, &w->position) < 0 ||
	    jmap_arg_uint(c, "limit", STEPS_MAX, &w->limit) < 0)
		return JMAP_DONE;
	if (id.p == NULL)
		return jmap_fail(c, "invalidArguments", "emailId is missing");
	w->email = email_parse(jmap_real_id(c, id), EMAIL_LETTER);
	w->limit = num_min(w->limit, (uint64_t)STEPS_MAX);
	if ((model = jmap_emails(c->jmap, &e)) == NULL)
		return jmap_fail_err(c, &e);
	if (w->email == 0 || jmap_model_find(model, w->email) == NULL)
		return jmap_fail(c, "notFound", "no such email");
	w->c = c;
	w->rows = arena_array(&c->arena, ROWS_MAX, sizeof *w->rows);
	c->op = w;
	c->step = read_log;
	return read_log(c);
}

const struct jmap_method jmap_why_methods[] = {
    {.name = "Email/why", .capability = JMAP_TRACE, .run = why}, {0}};
