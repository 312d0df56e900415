/* lookup.c - looks up what an evaluator wished for. See lookup.h. */
#include "smtpd/screen/lookup.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/mem.h"

struct ask {
	LIST_ENTRY(ask) link;
	struct lookup *l;
	struct str name; /* in the facts' arena */
	enum fact_type type;
	struct dns_ask *dns;
};

struct lookup {
	LIST_HEAD(, ask) asks; /* under way */
	struct facts *f;
	void (*fn)(void *arg);
	void *arg;
};

/* INVARIANTS 21: what is bogus is no answer. An answer past all measure is one that has nothing to
 * say. */
static enum fact_status
status_of(enum dns_status s)
{
	switch (s) {
	case DNS_FOUND:
		return FACT_FOUND;
	case DNS_NO_DATA:
	case DNS_TOO_LARGE:
		return FACT_NODATA;
	case DNS_NO_NAME:
		return FACT_NXDOMAIN;
	case DNS_TEMP:
	case DNS_BOGUS:
		break;
	}
	return FACT_FAILED;
}

static struct str
octets_of(enum fact_type type, const struct dns_record *r)
{
	switch (type) {
	case FACT_A:
		return str_of(&r->a, sizeof(r->a));
	case FACT_AAAA:
		return str_of(&r->aaaa, sizeof(r->aaaa));
	case FACT_TXT:
		return r->data;
	case FACT_PTR:
	case FACT_MX:
		break;
	}
	return r->name;
}

static void
put(struct facts *f, const struct ask *ask, const struct dns_answer *r)
{
	struct str *records = arena_array(f->arena, r->n + 1, sizeof(*records));

	for (size_t i = 0; i < r->n; i++)
		records[i] = octets_of(ask->type, &r->records[i]);
	facts_put(f, ask->name, ask->type, status_of(r->status), records, r->n);
}

static void
answered(void *arg, const struct dns_answer *r)
{
	struct ask *ask = arg;
	struct lookup *l = ask->l;

	put(l->f, ask, r);
	LIST_REMOVE(ask, link);
	free(ask);
	if (LIST_EMPTY(&l->asks))
		l->fn(l->arg);
}

struct lookup *
lookup_new(struct dns *dns, struct facts *f, void (*fn)(void *arg), void *arg)
{
	struct lookup *l = mem_alloc(sizeof(*l));

	LIST_INIT(&l->asks);
	l->f = f;
	l->fn = fn;
	l->arg = arg;
	for (const struct fact *w = facts_wish(f, NULL); w != NULL; w = facts_wish(f, w)) {
		struct ask *ask = mem_alloc(sizeof(*ask));

		ask->l = l;
		ask->name = w->name;
		ask->type = w->type;
		LIST_INSERT_HEAD(&l->asks, ask, link);
		ask->dns = dns_ask(dns, w->name, (enum dns_type)w->type, 0, answered, ask);
	}
	assume(!LIST_EMPTY(&l->asks));
	return l;
}

void
lookup_free(struct lookup **l)
{
	struct ask *ask;

	if (*l == NULL)
		return;
	while ((ask = LIST_FIRST(&(*l)->asks)) != NULL) {
		LIST_REMOVE(ask, link);
		dns_cancel(&ask->dns);
		free(ask);
	}
	free(*l);
	*l = NULL;
}
