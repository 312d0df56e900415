/* dmarc_record.c - the text of a DMARC policy record (RFC 9989 4.7, 4.8). */
#include "base/mem.h"
#include "base/num.h"
#include "sender/dmarc.h"

static enum dmarc_policy
request(struct str value)
{
	static const enum dmarc_policy all[] = {DMARC_ACCEPT, DMARC_QUARANTINE, DMARC_REJECT};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (str_ieq_z(value, dmarc_policy_name(all[i])))
			return all[i];
	return DMARC_WRONG;
}

/* A scheme, a colon, and printable ASCII behind it (RFC 3986 3). */
static bool
is_uri(struct str s)
{
	size_t colon = str_chr(s, ':');

	if (colon == 0 || colon + 1 >= s.n || !is_alpha(s.p[0]))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c <= ' ' || c > '~' || str_chr(STR("\"<>\\^`{|}"), c) < 9)
			return false;
		if (i < colon && !is_alnum(c) && c != '+' && c != '-' && c != '.')
			return false;
	}
	return true;
}

/* "10m" (obs-dmarc-report-size): octets. A size that is none limits nothing. */
static uint64_t
size_limit(struct str s)
{
	static const char units[] = "kmgt";
	unsigned shift = 0;
	uint64_t n = 0;

	if (s.n > 0 && !is_digit(s.p[s.n - 1])) {
		size_t unit = str_chr(STR(units), to_lower(s.p[--s.n]));

		if (unit == STR(units).n)
			return 0;
		shift = 10 * (unsigned)(unit + 1);
	}
	return num_parse(s, 1, UINT64_MAX >> shift, &n) < 0 ? 0 : n << shift;
}

static void
uris(struct str value, struct arena *a, struct dmarc_uri **out, size_t *n)
{
	struct str one, uri;
	bool more;

	*n = 0;
	*out = arena_array(a, DMARC_URIS_MAX, sizeof(**out));
	do {
		more = str_cut(&value, ',', &one);
		one = str_trim(one);
		str_cut(&one, '!', &uri);
		if (is_uri(uri) && *n < DMARC_URIS_MAX)
			(*out)[(*n)++] = (struct dmarc_uri){uri, size_limit(one)};
	} while (more);
}

/* 0 and 1 exclude one another; a list that is wrong counts as absent. */
static unsigned
failure_options(struct str value)
{
	unsigned bits = 0, bit;
	struct str one;
	bool more;

	do {
		more = str_cut(&value, ':', &one);
		one = str_trim(one);
		bit = str_eq_z(one, "0")    ? DMARC_FO_0
		      : str_eq_z(one, "1")  ? DMARC_FO_1
		      : str_ieq_z(one, "d") ? DMARC_FO_D
		      : str_ieq_z(one, "s") ? DMARC_FO_S
					    : 0;
		if (bit == 0 || bits & bit)
			return DMARC_FO_0;
		bits |= bit;
	} while (more);
	if ((bits & (DMARC_FO_0 | DMARC_FO_1)) == (DMARC_FO_0 | DMARC_FO_1))
		return DMARC_FO_0;
	return bits;
}

static void
tag(struct str name, struct str value, struct arena *a, struct dmarc_record *r)
{
	if (str_ieq_z(name, "p"))
		r->p = request(value);
	else if (str_ieq_z(name, "sp"))
		r->sp = request(value);
	else if (str_ieq_z(name, "np"))
		r->np = request(value);
	else if (str_ieq_z(name, "adkim"))
		r->strict_dkim = str_ieq_z(value, "s");
	else if (str_ieq_z(name, "aspf"))
		r->strict_spf = str_ieq_z(value, "s");
	else if (str_ieq_z(name, "t"))
		r->testing = str_ieq_z(value, "y");
	else if (str_ieq_z(name, "psd"))
		r->psd = str_ieq_z(value, "y")   ? DMARC_PSD_Y
			 : str_ieq_z(value, "n") ? DMARC_PSD_N
						 : DMARC_PSD_U;
	else if (str_ieq_z(name, "fo"))
		r->fo = failure_options(value);
	else if (str_ieq_z(name, "rua"))
		uris(value, a, &r->rua, &r->nrua);
	else if (str_ieq_z(name, "ruf"))
		uris(value, a, &r->ruf, &r->nruf);
}

bool
dmarc_record_parse(struct str text, struct arena *a, struct dmarc_record *out)
{
	struct str rest = text, part, name;
	bool more;

	*out = (struct dmarc_record){.text = text, .fo = DMARC_FO_0};
	more = str_cut(&rest, ';', &part);
	if (!str_cut(&part, '=', &name) || !str_ieq_z(str_trim(name), "v") ||
	    !str_eq_z(str_trim(part), "DMARC1"))
		return false;
	while (more) {
		more = str_cut(&rest, ';', &part);
		if (str_cut(&part, '=', &name))
			tag(str_trim(name), str_trim(part), a, out);
	}
	return true;
}
