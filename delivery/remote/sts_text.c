/*
 * sts_text.c - TXT records and policies of MTA-STS. See sts_text.h.
 *
 * Both come from strangers: bounded, and read as the grammar has them. Errors: E_INVAL, what is
 * wrong; a policy that is not understood is none.
 */
#include "delivery/remote/sts_text.h"

#include "base/mem.h"
#include "base/num.h"
#include "net/dns.h"

static const char *const modes[] = {"none", "testing", "enforce"};

const char *
sts_mode_name(enum sts_mode m)
{
	return modes[m];
}

int
sts_mode_parse(struct str s, enum sts_mode *out)
{
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (str_eq_z(s, modes[i])) {
			*out = (enum sts_mode)i;
			return 0;
		}
	return -1;
}

/* WSP is blank and tab (RFC 5234 B.1). */
static struct str
trim(struct str s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = str_from(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* ---- the record ---- */

bool
sts_is_record(struct str txt)
{
	struct str version;

	(void)str_cut(&txt, ';', &version);
	return str_eq_z(trim(version), "v=STSv1");
}

bool
sts_is_id(struct str s)
{
	bool good = s.n > 0 && s.n <= STS_ID_MAX;

	for (size_t i = 0; good && i < s.n; i++)
		good = is_alnum(s.p[i]);
	return good;
}

int
sts_record_id(struct str txt, struct str *id, struct err *e)
{
	struct str field;
	bool more = true;

	while (more) {
		more = str_cut(&txt, ';', &field);
		field = trim(field);
		if (!str_starts(field, STR("id=")))
			continue;
		*id = str_from(field, 3);
		return sts_is_id(*id) ? 0 : err_set(e, E_INVAL, "its id is none");
	}
	return err_set(e, E_INVAL, "it has no id");
}

/* ---- the policy ---- */

/* Fields that were there: all but mx count once, the first (RFC 8461 3.2). */
struct seen {
	bool version, mode, max_age;
};

static bool
is_mx(struct str s)
{
	return dns_is_host(str_starts(s, STR("*.")) ? str_from(s, 2) : s);
}

static int
add_mx(struct str value, struct str *v, size_t *n, struct arena *a, struct err *e)
{
	char *name;

	if (!is_mx(value))
		return err_set(e, E_INVAL, "an mx that is no host name");
	if (*n == STS_MX_MAX)
		return err_set(e, E_INVAL, "more than %u mx", STS_MX_MAX);
	name = arena_dupz(a, value);
	str_lower(value, name);
	v[(*n)++] = str_of(name, value.n);
	return 0;
}

static int
take_field(
    struct str name, struct str value, struct seen *seen, struct sts_policy *out, struct err *e)
{
	uint64_t age;

	if (str_eq_z(name, "version") && !seen->version) {
		seen->version = true;
		if (!str_eq_z(value, "STSv1"))
			return err_set(e, E_INVAL, "a version other than STSv1");
	} else if (str_eq_z(name, "mode") && !seen->mode) {
		seen->mode = true;
		if (sts_mode_parse(value, &out->mode) < 0)
			return err_set(e, E_INVAL, "an unknown mode");
	} else if (str_eq_z(name, "max_age") && !seen->max_age) {
		seen->max_age = true;
		if (value.n > 10 || num_parse(value, 0, UINT64_MAX, &age) < 0)
			return err_set(e, E_INVAL, "a max_age that is no number");
		out->max_age = (uint32_t)num_min(age, (uint64_t)STS_AGE_MAX);
	}
	return 0;
}

static int
take_line(struct str line, struct seen *seen, struct str *mx, struct sts_policy *out,
    struct arena *a, struct err *e)
{
	struct str name;

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	if (trim(line).n == 0)
		return 0;
	if (!str_cut(&line, ':', &name))
		return err_set(e, E_INVAL, "a line without a colon");
	line = trim(line);
	if (str_eq_z(name, "mx"))
		return add_mx(line, mx, &out->nmx, a, e);
	return take_field(name, line, seen, out, e);
}

int
sts_policy_parse(struct str text, struct arena *a, struct sts_policy *out, struct err *e)
{
	struct str *mx = arena_array(a, STS_MX_MAX, sizeof(*mx)), line;
	struct seen seen = {0};
	bool more = true;

	*out = (struct sts_policy){.mx = mx};
	while (more) {
		more = str_cut(&text, '\n', &line);
		if (take_line(line, &seen, mx, out, a, e) < 0)
			return -1;
	}
	if (!seen.version || !seen.mode || !seen.max_age)
		return err_set(e, E_INVAL, "no %s",
		    !seen.version ? "version"
		    : !seen.mode  ? "mode"
				  : "max_age");
	if (out->mode != STS_NONE && out->nmx == 0)
		return err_set(e, E_INVAL, "no mx");
	return 0;
}

void
sts_policy_copy(struct arena *a, const struct sts_policy *from, struct sts_policy *to)
{
	struct str *mx = arena_array(a, from->nmx + 1, sizeof(*mx));

	*to = *from;
	to->id = arena_dup(a, from->id);
	for (size_t i = 0; i < from->nmx; i++)
		mx[i] = arena_dup(a, from->mx[i]);
	to->mx = mx;
}

/* A star stands for exactly one label, the leftmost (RFC 6125 6.4.3, as RFC 8461 4.1 has it). */
bool
sts_policy_matches(const struct sts_policy *p, struct str host)
{
	struct str rest = host, first;

	if (host.n > 0 && host.p[host.n - 1] == '.')
		host.n--, rest.n--;
	if (!str_cut(&rest, '.', &first))
		rest = STR_NONE;
	for (size_t i = 0; i < p->nmx; i++) {
		if (str_ieq(p->mx[i], host))
			return true;
		if (str_starts(p->mx[i], STR("*.")) && rest.n > 0 &&
		    str_ieq(str_from(p->mx[i], 2), rest))
			return true;
	}
	return false;
}
