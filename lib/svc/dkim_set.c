/* dkim_set.c - see dkim_set.h. */
#include "svc/dkim_set.h"

#include "ipc/wire.h"

static const char *const names[DKIM_STATES] = {"active", "next", "retired"};

const char *
dkim_state_name(enum dkim_state s)
{
	return names[s];
}

enum dkim_state
dkim_state_parse(struct str s)
{
	unsigned i = 0;

	while (i < DKIM_STATES && !str_eq_z(s, names[i]))
		i++;
	return (enum dkim_state)i;
}

static bool
are_labels(struct str s, size_t max, bool underscore)
{
	struct str label;
	bool more;

	if (s.n == 0 || s.n > max)
		return false;
	do {
		more = str_cut(&s, '.', &label);
		if (label.n == 0 || label.n > 63 || label.p[0] == '-' ||
		    label.p[label.n - 1] == '-')
			return false;
		for (size_t i = 0; i < label.n; i++) {
			char c = label.p[i];

			if (!is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-' &&
			    !(underscore && c == '_'))
				return false;
		}
	} while (more);
	return true;
}

bool
dkim_is_domain(struct str s)
{
	return are_labels(s, 253, false);
}

bool
dkim_is_selector(struct str s)
{
	return are_labels(s, 63, true);
}

void
dkim_set_put(struct buf *b, const struct dkim_entry *entry)
{
	wire_put_str(b, entry->domain);
	wire_put_str(b, entry->selector);
	wire_put_u8(b, (uint8_t)entry->state);
	wire_put_str(b, entry->pem);
}

static int
get(struct wire_in *w, struct dkim_entry *entry)
{
	uint8_t state;

	entry->domain = wire_str(w);
	entry->selector = wire_str(w);
	state = wire_u8(w);
	entry->pem = wire_str(w);
	entry->state = (enum dkim_state)state;
	return w->bad || state >= DKIM_STATES || !dkim_is_domain(entry->domain) ||
		       !dkim_is_selector(entry->selector)
		   ? -1
		   : 0;
}

int
dkim_set_get(struct str s, struct arena *a, struct dkim_entry **out, size_t *n, struct err *e)
{
	struct dkim_entry one;
	struct wire_in w;

	/* Counted first. */
	*n = 0;
	for (wire_open(&w, s); w.n > 0; (*n)++)
		if (get(&w, &one) < 0)
			return err_set(e, E_PROTO, "unreadable DKIM keys");
	*out = arena_array(a, *n + 1, sizeof(**out));
	wire_open(&w, s);
	for (size_t i = 0; i < *n; i++)
		(void)get(&w, &(*out)[i]);
	return 0;
}
