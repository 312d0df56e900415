/*
 * destination.c - see destination.h. Nothing here knows of time or the disk.
 */
#include "queue/destination.h"

#include "base/mem.h"
#include "base/num.h"
#include "mail/address.h"

#define WORDS_MAX 300u

struct words *
words_new(struct str text)
{
	struct words *w;

	text = str_sub(text, 0, WORDS_MAX);
	w = mem_alloc(sizeof(*w) + text.n + 1);
	w->refs = 1;
	if (text.n > 0)
		memcpy(w->text, text.p, text.n);
	return w;
}

void
words_drop(struct words **w)
{
	if (*w && --(*w)->refs == 0)
		free(*w);
	*w = NULL;
}

void
words_set(struct words **w, struct str text, struct words *hint)
{
	text = str_sub(text, 0, WORDS_MAX);
	if (*w && str_eq_z(text, (*w)->text))
		return;
	words_drop(w);
	if (hint && str_eq_z(text, hint->text)) {
		*w = hint;
		hint->refs++;
	} else {
		*w = words_new(text);
	}
}

struct str
destination_key(const struct routes *routes, struct str address)
{
	struct str local, domain;

	if (!address_split(address, &local, &domain))
		return address;
	return routes ? routes_destination(routes, domain) : domain;
}

struct destination *
destination_new(enum destination_kind kind, struct str key, double window)
{
	struct destination *d = mem_alloc(sizeof(*d) + key.n + 1);

	d->magic = DESTINATION_MAGIC;
	d->kind = kind;
	d->window = window;
	memcpy(d->key, key.p, key.n);
	fair_init(&d->ready);
	return d;
}

void
destination_free(struct destination **d)
{
	if (!*d)
		return;
	OBJ(*d, DESTINATION_MAGIC);
	assume((*d)->jobs == 0 && (*d)->timer.at == 0 && !(*d)->active);
	words_drop(&(*d)->error);
	(*d)->magic = 0;
	free(*d);
	*d = NULL;
}

void
destination_worked(struct destination *d, size_t limit)
{
	d->failures = 0;
	d->died = 0;
	words_drop(&d->error);
	/* One more for each window that went well. */
	d->window = num_min(d->window + 1 / d->window, num_max((double)limit, 1.0));
}

bool
destination_failed(struct destination *d, struct str why)
{
	words_set(&d->error, why, NULL);
	/* What was under way when it died says nothing new. */
	if (d->dead)
		return false;
	d->failures += 1 / d->window;
	d->window = num_max(d->window - 1, 1.0);
	/* A hair less than 1: thirds do not add up exactly. */
	if (d->failures < 0.999)
		return false;
	d->dead = true;
	d->died++;
	return true;
}

void
destination_probe(struct destination *d)
{
	d->dead = false;
	d->failures = 0;
	d->window = 1;
}
