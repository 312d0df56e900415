/*
 * conf_suggest.c - what somebody meant who wrote a key or section that does not exist.
 */
#include "base/num.h"
#include "svc/conf_in.h"

#define LENGTH_MAX 40u

/* How many letters to add, drop, change or swap (optimal string alignment). */
static unsigned
distance(struct str a, struct str b)
{
	unsigned d[LENGTH_MAX + 1][LENGTH_MAX + 1];

	if (a.n > LENGTH_MAX || b.n > LENGTH_MAX)
		return LENGTH_MAX;
	for (size_t i = 0; i <= a.n; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= b.n; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a.n; i++) {
		for (size_t j = 1; j <= b.n; j++) {
			char ca = to_lower(a.p[i - 1]), cb = to_lower(b.p[j - 1]);
			unsigned best = num_min(d[i - 1][j], d[i][j - 1]) + 1;

			best = num_min(best, d[i - 1][j - 1] + (ca != cb));
			if (i > 1 && j > 1 && ca == to_lower(b.p[j - 2]) &&
			    cb == to_lower(a.p[i - 2]))
				best = num_min(best, d[i - 2][j - 2] + 1);
			d[i][j] = best;
		}
	}
	return d[a.n][b.n];
}

/* Near enough to be what was meant: a third of the letters, and two in short words. */
static unsigned
near(struct str s)
{
	return num_max((unsigned)s.n / 3, 2u);
}

const char *
conf_suggest_word(struct str s, const char *const *v, size_t n)
{
	unsigned best = num_min(near(s), (unsigned)num_max(s.n, 1u) - 1) + 1, d;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		if (v[i] != NULL && (d = distance(s, str_z(v[i]))) < best) {
			best = d;
			found = v[i];
		}
	}
	return found;
}

const char *
conf_suggest_section(struct str section, char out[CONF_SUGGESTION])
{
	unsigned best = near(section) + 1, d;

	snprintf(out, CONF_SUGGESTION, "gkmail config explain lists all");
	for (size_t k = 0; k < CONF_ALL; k++) {
		if ((d = distance(section, str_z(conf_rows[k].section))) < best) {
			best = d;
			snprintf(out, CONF_SUGGESTION,
			    k < CONF_COUNT ? "did you mean [%s]?" : "did you mean [[%s]]?",
			    conf_rows[k].section);
		}
	}
	return out;
}

const char *
conf_suggest_key(struct str section, struct str key, char out[CONF_SUGGESTION])
{
	unsigned best = near(key) + 1, d;
	const struct conf_row *r;

	snprintf(out, CONF_SUGGESTION, "gkmail config explain " STR_FMT " lists all",
	    STR_ARG(str_sub(section, 0, 20)));
	for (r = conf_rows; r < conf_rows + CONF_ALL; r++) {
		if (str_eq_z(section, r->section) && (d = distance(key, str_z(r->key))) < best) {
			best = d;
			snprintf(out, CONF_SUGGESTION, "did you mean %s?", r->key);
		}
	}
	if (best <= near(key))
		return out;
	/* Perhaps the right key in the wrong place. */
	for (r = conf_rows; r < conf_rows + CONF_COUNT; r++) {
		if (str_eq_z(key, r->key)) {
			snprintf(out, CONF_SUGGESTION, "did you mean %s.%s?", r->section, r->key);
			break;
		}
	}
	return out;
}
