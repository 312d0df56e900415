/*
 * sending.c - see sending.h.
 */
#include "mailboxd/jmap/sending.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mail/address.h"

#define ASK_AGAIN_MS 60000u

/* A message on its way. */
struct under_way {
	struct jmap *jmap;
	const struct smtp_letter *letter;
	void (*done)(void *arg, const struct smtp_result *r, const struct err *e);
	void *arg;
	uint64_t question;
	struct smtp_out *smtp;
	LIST_ENTRY(under_way) link;
};

/* A question to the queue, or to authd; one of the functions is set. */
struct asked {
	uint64_t question;
	void (*fn)(void *to, const struct jmap_submitted *s, const struct err *e);
	void (*action)(void *to, struct str approval, const struct err *e);
	void (*settled)(void *to, bool used, struct str mid, const struct err *e);
	void *to;
	LIST_ENTRY(asked) link;
};

struct jmap_state_of_sending {
	struct str *senders; /* owned, each */
	size_t nsenders;
	uint64_t asked_ms; /* 0: never */
	LIST_HEAD(, under_way) under_way;
	LIST_HEAD(, asked) asked;
};

static struct jmap_state_of_sending *
state_of(struct jmap *j)
{
	if (j->sending == NULL) {
		j->sending = mem_alloc(sizeof *j->sending);
		LIST_INIT(&j->sending->under_way);
		LIST_INIT(&j->sending->asked);
	}
	return j->sending;
}

static void
forget_senders(struct jmap_state_of_sending *s)
{
	for (size_t i = 0; i < s->nsenders; i++)
		free((char *)s->senders[i].p);
	free(s->senders);
	s->senders = NULL;
	s->nsenders = 0;
}

void
jmap_sending_free(struct jmap *j)
{
	struct jmap_state_of_sending *s = j->sending;
	const struct jmap_outside *o = j->host.outside;
	struct under_way *w;
	struct asked *a;
	struct err e;

	if (s == NULL)
		return;
	err_set(&e, E_CLOSED, "it ends");
	while ((a = LIST_FIRST(&s->asked)) != NULL) {
		LIST_REMOVE(a, link);
		o->forget(o->arg, a->question);
		if (a->fn != NULL)
			a->fn(a->to, NULL, &e);
		else if (a->action != NULL)
			a->action(a->to, STR(""), &e);
		else
			a->settled(a->to, false, STR(""), &e);
		free(a);
	}
	while ((w = LIST_FIRST(&s->under_way)) != NULL) {
		LIST_REMOVE(w, link);
		if (w->smtp == NULL)
			o->forget(o->arg, w->question);
		smtp_out_free(&w->smtp);
		w->done(w->arg, NULL, &e);
		free(w);
	}
	forget_senders(s);
	free(s);
	j->sending = NULL;
}

/* ---- the user's addresses ---- */

bool
jmap_is_listed(const struct jmap *j, struct str address)
{
	const struct jmap_state_of_sending *s = j->sending;
	struct str canonical;
	struct arena a;
	bool is = false;

	arena_init(&a);
	if (address_canonical(address, &a, &canonical, NULL) == 0) {
		is = str_eq(canonical, j->user);
		for (size_t i = 0; s != NULL && i < s->nsenders && !is; i++)
			is = str_eq(canonical, s->senders[i]);
	}
	arena_free(&a);
	return is;
}

bool
jmap_is_sender(const struct jmap *j, struct str address)
{
	const struct jmap_state_of_sending *s = j->sending;
	struct str canonical, local, domain, user, tag;
	struct arena a;
	bool is = false;

	arena_init(&a);
	if (address_canonical(address, &a, &canonical, NULL) == 0) {
		if (address_split(canonical, &local, &domain)) {
			address_split_tag(local, '+', &user, &tag);
			is = str_eq(
			    arena_printf(&a, STR_FMT "@" STR_FMT, STR_ARG(user), STR_ARG(domain)),
			    j->user);
		}
		is = is || str_eq(canonical, j->user);
		for (size_t i = 0; s != NULL && i < s->nsenders && !is; i++)
			is = str_eq(canonical, s->senders[i]);
	}
	arena_free(&a);
	return is;
}

struct asking {
	struct jmap_call *c;
	uint64_t question;
	bool answered;
};

struct seeding {
	struct jmap *j;
	bool *has;      /* by sender */
	uint64_t *gone; /* identities of addresses that are the user's no more */
	size_t ngone, cap;
};

static bool
look(void *arg, uint32_t id, struct str text)
{
	struct seeding *s = arg;
	struct jmap_state_of_sending *st = s->j->sending;
	cJSON *v = json_parse(text, JMAP_VALUES_MAX, NULL);
	struct str email = json_str(json_get(v, "email"));
	bool own = cJSON_IsFalse(json_get(v, "mayDelete"));

	for (size_t i = 0; i < st->nsenders; i++)
		s->has[i] |= own && str_eq(st->senders[i], email);
	if (own && !jmap_is_listed(s->j, email)) {
		s->gone = mem_grow(s->gone, s->ngone + 1, sizeof *s->gone);
		s->gone[s->ngone++] = id;
	}
	cJSON_Delete(v);
	return true;
}

cJSON *
jmap_identity_new(struct str email, bool may_delete)
{
	cJSON *v = cJSON_CreateObject();

	json_put_str(v, "name", STR(""));
	json_put_str(v, "email", email);
	json_put(v, "replyTo", cJSON_CreateNull());
	json_put(v, "bcc", cJSON_CreateNull());
	json_put_str(v, "textSignature", STR(""));
	json_put_str(v, "htmlSignature", STR(""));
	json_put_bool(v, "mayDelete", may_delete);
	return v;
}

static int
seed_one(struct jmap *j, struct str email, const struct change_by *by, struct err *e)
{
	cJSON *v = jmap_identity_new(email, false);
	uint64_t id = 0;
	int rc;

	rc = jmap_store(j->home, OBJECT_IDENTITY, &id, v, by, e);
	cJSON_Delete(v);
	return rc;
}

/* Each address has an identity that stays as long as it does (RFC 8621 6, mayDelete). */
static void
seed(struct jmap *j, const struct change_by *by)
{
	struct jmap_state_of_sending *st = j->sending;
	struct seeding s = {.j = j, .has = mem_array(st->nsenders + 1, sizeof(bool))};
	struct err e = {0};
	int rc = object_each(j->home, OBJECT_IDENTITY, look, &s, &e);

	for (size_t i = 0; i < st->nsenders && rc == 0; i++)
		if (!s.has[i])
			rc = seed_one(j, st->senders[i], by, &e);
	for (size_t i = 0; i < s.ngone && rc == 0; i++)
		rc = object_remove(j->home, OBJECT_IDENTITY, (uint32_t)s.gone[i], by, &e);
	if (rc < 0)
		log_warn("jmap.identity", LS("user", j->user), LE(&e));
	free(s.gone);
	free(s.has);
}

void
jmap_senders_known(struct jmap *j, const struct str *v, size_t n, const struct err *e)
{
	const struct change_by by = {.actor = STR("jmap")};
	struct jmap_state_of_sending *s = state_of(j);

	if (v == NULL || n == 0) {
		/* What was known goes on to be; the account's own address is in any case. */
		log_warn("jmap.senders", LS("user", j->user), LE(e));
		if (s->nsenders > 0)
			return;
		v = &j->user;
		n = 1;
	} else {
		s->asked_ms = clock_ms();
	}
	forget_senders(s);
	s->senders = mem_array(n, sizeof *s->senders);
	for (size_t i = 0; i < n; i++)
		s->senders[s->nsenders++] = str_of(mem_dup(v[i].p, v[i].n), v[i].n);
	seed(j, &by);
}

static void
on_senders(void *to, const struct str *v, size_t n, const struct err *e)
{
	struct asking *ask = to;

	ask->answered = true;
	jmap_senders_known(ask->c->jmap, v, n, e);
	jmap_continue(ask->c);
}

static void
give_up(void *arg)
{
	struct asking *ask = arg;
	const struct jmap_outside *o = ask->c->jmap->host.outside;

	if (!ask->answered)
		o->forget(o->arg, ask->question);
}

enum jmap_step
jmap_with_senders(struct jmap_call *c, jmap_step_fn then)
{
	struct jmap_state_of_sending *s = state_of(c->jmap);
	const struct jmap_outside *o = c->jmap->host.outside;
	struct asking *ask;

	c->step = then;
	if (o == NULL || (s->asked_ms != 0 && clock_ms() - s->asked_ms < ASK_AGAIN_MS))
		return then(c);
	ask = arena_new(&c->arena, struct asking);
	ask->c = c;
	arena_defer(&c->arena, give_up, ask);
	ask->question = o->senders(o->arg, on_senders, ask);
	return JMAP_WAIT;
}

/* ---- a message under way ---- */

static void
ended(struct under_way *w, const struct smtp_result *r, const struct err *e)
{
	LIST_REMOVE(w, link);
	w->done(w->arg, r, e);
	free(w);
}

static void
on_sent(void *arg, const struct smtp_result *r)
{
	struct under_way *w = arg;

	w->smtp = NULL; /* it frees itself */
	ended(w, r, NULL);
}

static void
on_connected(void *to, int fd, const struct err *e)
{
	struct under_way *w = to;

	if (fd < 0)
		ended(w, NULL, e);
	else
		w->smtp = smtp_out_new(fd, w->letter, on_sent, w);
}

void
jmap_send_approved(struct jmap *j, struct str session, const struct smtp_letter *letter,
    void (*done)(void *arg, const struct smtp_result *r, const struct err *e), void *arg)
{
	const struct jmap_outside *o = j->host.outside;
	struct under_way *w = mem_alloc(sizeof *w);

	assume(o != NULL);
	*w = (struct under_way){.jmap = j, .letter = letter, .done = done, .arg = arg};
	LIST_INSERT_HEAD(&state_of(j)->under_way, w, link);
	w->question = session.n > 0 ? o->agent_smtp(o->arg, session, on_connected, w)
				    : o->smtp(o->arg, on_connected, w);
}

void
jmap_send(struct jmap *j, const struct smtp_letter *letter,
    void (*done)(void *arg, const struct smtp_result *r, const struct err *e), void *arg)
{
	jmap_send_approved(j, STR_NONE, letter, done, arg);
}

/* ---- questions to the queue and to authd ---- */

static struct asked *
asked_new(struct jmap *j, void *to)
{
	struct asked *a = mem_alloc(sizeof *a);

	a->to = to;
	LIST_INSERT_HEAD(&state_of(j)->asked, a, link);
	return a;
}

static void
on_submitted(void *to, const struct jmap_submitted *s, const struct err *e)
{
	struct asked *a = to;

	LIST_REMOVE(a, link);
	a->fn(a->to, s, e);
	free(a);
}

void
jmap_ask_submitted(struct jmap *j, struct str mid,
    void (*fn)(void *to, const struct jmap_submitted *s, const struct err *e), void *to)
{
	const struct jmap_outside *o = j->host.outside;
	struct asked *a = asked_new(j, to);

	a->fn = fn;
	a->question = o->submitted(o->arg, mid, false, on_submitted, a);
}

static void
on_action(void *to, struct str approval, const struct err *e)
{
	struct asked *a = to;

	LIST_REMOVE(a, link);
	a->action(a->to, approval, e);
	free(a);
}

void
jmap_ask_action(struct jmap *j, struct str session, struct str digest,
    void (*fn)(void *to, struct str approval, const struct err *e), void *to)
{
	const struct jmap_outside *o = j->host.outside;
	struct asked *a = asked_new(j, to);

	a->action = fn;
	a->question = o->action(o->arg, session, digest, on_action, a);
}

static void
on_settled(void *to, bool used, struct str mid, const struct err *e)
{
	struct asked *a = to;

	LIST_REMOVE(a, link);
	a->settled(a->to, used, mid, e);
	free(a);
}

void
jmap_ask_settle(struct jmap *j, struct str session, struct str digest, int64_t since,
    void (*fn)(void *to, bool used, struct str mid, const struct err *e), void *to)
{
	const struct jmap_outside *o = j->host.outside;
	struct asked *a = asked_new(j, to);

	a->settled = fn;
	a->question = o->settle(o->arg, session, digest, since, on_settled, a);
}

/* ---- addresses ---- */

struct str
jmap_path(struct str mailbox, struct str host, struct arena *a)
{
	struct str plain = arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(mailbox), STR_ARG(host));
	struct address address;
	struct buf quoted;

	if (address_parse(plain, ADDRESS_UTF8, a, &address, NULL) == 0)
		return address.text;
	buf_init(&quoted, mailbox.n * 2 + host.n + 4);
	buf_putc(&quoted, '"');
	for (size_t i = 0; i < mailbox.n; i++) {
		if (mailbox.p[i] == '"' || mailbox.p[i] == '\\')
			buf_putc(&quoted, '\\');
		buf_putc(&quoted, mailbox.p[i]);
	}
	buf_puts(&quoted, "\"@");
	buf_str(&quoted, host);
	plain = arena_dup(a, buf_view(&quoted));
	buf_free(&quoted);
	return address_parse(plain, ADDRESS_UTF8, a, &address, NULL) == 0 ? address.text : STR_NONE;
}
