/* dns_script.c - scripted answers for unit tests. See dns_script.h. */
#include "net/dns_script.h"

#include <arpa/inet.h>

#include "base/mem.h"
#include "io/loop.h"
#include "net/dns_private.h"

#define RECORDS_MAX 64u

struct entry {
	TAILQ_ENTRY(entry) link;
	struct str name;
	enum dns_type type;
	enum dns_status status;
	struct dns_record records[RECORDS_MAX];
	size_t n;
};

struct pending {
	TAILQ_ENTRY(pending) link;
	struct dns_ask *ask;
	char *name;
};

struct script {
	struct dns dns; /* first */
	struct arena arena;
	TAILQ_HEAD(, entry) entries;
	TAILQ_HEAD(, entry) secure;
	TAILQ_HEAD(, pending) pending;
	struct loop_timer *timer;
	unsigned asked;
	bool hold;
};

static struct script *
script(const struct dns *d)
{
	return (struct script *)(uintptr_t)d;
}

/* ---- answering ---- */

static struct entry *
find(struct script *s, struct str name, enum dns_type type)
{
	struct entry *e;

	TAILQ_FOREACH (e, &s->entries, link)
		if (e->type == type && str_ieq(e->name, name))
			return e;
	return NULL;
}

static bool
is_known(struct script *s, struct str name)
{
	struct entry *e;

	TAILQ_FOREACH (e, &s->entries, link)
		if (str_ieq(e->name, name))
			return true;
	return false;
}

static bool
is_secure(struct script *s, struct str name)
{
	struct entry *e;

	TAILQ_FOREACH (e, &s->secure, link)
		if (str_ieq(e->name, name))
			return true;
	return false;
}

static void
look_up(struct script *s, struct str name, enum dns_type type, struct dns_answer *r)
{
	const struct entry *e = NULL;
	bool valid = dns_is_name(name);
	unsigned hops = 0;

	if (name.n > 1 && name.p[name.n - 1] == '.')
		name.n--;
	*r = (struct dns_answer){.canonical = name, .secure = is_secure(s, name), .ttl = 300};
	while ((e = find(s, r->canonical, type)) == NULL &&
	       (e = find(s, r->canonical, DNS_CNAME)) != NULL && e->n > 0) {
		if (++hops > DNS_ALIASES_MAX) {
			*r = (struct dns_answer){.status = DNS_TEMP, .why = STR("alias loop")};
			return;
		}
		r->canonical = e->records[0].name;
		r->secure = r->secure && is_secure(s, r->canonical);
	}
	if (e == NULL || !valid) {
		r->status = valid && is_known(s, r->canonical) ? DNS_NO_DATA : DNS_NO_NAME;
		return;
	}
	r->status = e->n > 0 ? DNS_FOUND : e->status;
	r->records = e->records;
	r->n = e->n;
	if (r->status != DNS_FOUND && r->status != DNS_NO_DATA && r->status != DNS_NO_NAME) {
		r->secure = false;
		r->why = STR("as scripted");
	}
}

static void
on_timer(void *arg)
{
	struct script *s = arg;
	struct pending *p = TAILQ_FIRST(&s->pending);
	struct dns_answer r;
	struct str name;
	char *held;

	if (s->hold || p == NULL)
		return;
	TAILQ_REMOVE(&s->pending, p, link);
	if (!TAILQ_EMPTY(&s->pending))
		loop_timer_set(s->timer, 0);
	held = p->name;
	name = str_z(held);
	look_up(s, name, p->ask->type, &r);
	dns_answered(p->ask, &r); /* may free the script */
	free(held);
	free(p);
}

static void
ask(struct dns *d, struct dns_ask *a, struct str name, uint32_t ms)
{
	struct script *s = script(d);
	struct pending *p = mem_alloc(sizeof(*p));

	(void)ms;
	p->ask = a;
	p->name = mem_dup(name.p, name.n);
	a->own = p;
	TAILQ_INSERT_TAIL(&s->pending, p, link);
	s->asked++;
	loop_timer_set(s->timer, 0);
}

static void
cancel(struct dns *d, struct dns_ask *a)
{
	struct pending *p = a->own;

	TAILQ_REMOVE(&script(d)->pending, p, link);
	free(p->name);
	free(p);
}

static void
script_free(struct dns *d)
{
	struct script *s = script(d);

	loop_timer_free(&s->timer);
	arena_free(&s->arena);
	free(s);
}

/* ---- writing the script ---- */

struct dns *
dns_script_new(void)
{
	struct script *s = mem_alloc(sizeof(*s));

	s->dns.ask = ask;
	s->dns.cancel = cancel;
	s->dns.free = script_free;
	TAILQ_INIT(&s->dns.asks);
	TAILQ_INIT(&s->entries);
	TAILQ_INIT(&s->secure);
	TAILQ_INIT(&s->pending);
	arena_init(&s->arena);
	s->timer = loop_timer_new(on_timer, s);
	return &s->dns;
}

static struct entry *
entry(struct script *s, const char *name, enum dns_type type)
{
	struct entry *e = find(s, str_z(name), type);

	if (e == NULL) {
		e = arena_new(&s->arena, struct entry);
		e->name = arena_dup(&s->arena, str_z(name));
		e->type = type;
		TAILQ_INSERT_TAIL(&s->entries, e, link);
	}
	return e;
}

void
dns_script_add(struct dns *d, const char *name, enum dns_type type, const struct dns_record *r)
{
	struct script *s = script(d);
	struct entry *e = entry(s, name, type);

	assume(e->n < RECORDS_MAX);
	e->records[e->n] = *r;
	e->records[e->n].name = arena_dup(&s->arena, r->name);
	e->records[e->n].data = arena_dup(&s->arena, r->data);
	e->n++;
}

void
dns_script_a(struct dns *d, const char *name, const char *address)
{
	struct dns_record r = {.preference = 0};

	assume(inet_pton(AF_INET, address, &r.a) == 1);
	dns_script_add(d, name, DNS_A, &r);
}

void
dns_script_aaaa(struct dns *d, const char *name, const char *address)
{
	struct dns_record r = {.preference = 0};

	assume(inet_pton(AF_INET6, address, &r.aaaa) == 1);
	dns_script_add(d, name, DNS_AAAA, &r);
}

void
dns_script_mx(struct dns *d, const char *name, uint16_t preference, const char *exchange)
{
	struct dns_record r = {.preference = preference, .name = str_z(exchange)};

	dns_script_add(d, name, DNS_MX, &r);
}

void
dns_script_txt(struct dns *d, const char *name, const char *text)
{
	struct dns_record r = {.data = str_z(text)};

	dns_script_add(d, name, DNS_TXT, &r);
}

void
dns_script_name(struct dns *d, const char *name, enum dns_type type, const char *target)
{
	struct dns_record r = {.name = str_z(target)};

	dns_script_add(d, name, type, &r);
}

void
dns_script_status(struct dns *d, const char *name, enum dns_type type, enum dns_status status)
{
	struct entry *e = entry(script(d), name, type);

	assume(status != DNS_FOUND);
	e->n = 0;
	e->status = status;
}

void
dns_script_secure(struct dns *d, const char *name)
{
	struct script *s = script(d);
	struct entry *e = arena_new(&s->arena, struct entry);

	e->name = arena_dup(&s->arena, str_z(name));
	TAILQ_INSERT_TAIL(&s->secure, e, link);
}

void
dns_script_hold(struct dns *d, bool hold)
{
	struct script *s = script(d);

	s->hold = hold;
	if (!hold)
		loop_timer_set(s->timer, 0);
}

unsigned
dns_script_asked(const struct dns *d)
{
	return script(d)->asked;
}
