/*
 * spf_record.c - the text of an SPF record into its terms (RFC 7208 4.6.1, 5, 6, 12).
 *
 * Every error anywhere in the record is one of the whole (4.6).
 */
#include <arpa/inet.h>

#include "base/mem.h"
#include "base/num.h"
#include "sender/spf_in.h"

static const struct {
	const char *name;
	enum spf_kind kind;
} mechanisms[] = {
    {"all", SPF_ALL},
    {"include", SPF_INCLUDE},
    {"a", SPF_A},
    {"mx", SPF_MX},
    {"ptr", SPF_PTR},
    {"ip4", SPF_IP4},
    {"ip6", SPF_IP6},
    {"exists", SPF_EXISTS},
};

static int
bad(const struct spf_term *t, const char *why, struct err *e)
{
	return err_set(
	    e, E_INVAL, "%s in \"" STR_FMT "\"", why, (int)num_min(t->text.n, 80u), t->text.p);
}

/* Digits without a leading zero, to max. */
static int
cidr(struct str s, unsigned max, unsigned *out)
{
	uint64_t n;

	if ((s.n > 1 && s.p[0] == '0') || num_parse(s, 0, max, &n) < 0)
		return -1;
	*out = (unsigned)n;
	return 0;
}

/* Takes "/digits" off the end when it is there; slashes: how many. */
static bool
cidr_tail(struct str *s, size_t slashes, struct str *digits)
{
	size_t at = s->n;

	while (at > 0 && is_digit(s->p[at - 1]))
		at--;
	if (at < slashes || (at == s->n))
		return false;
	for (size_t i = 1; i <= slashes; i++)
		if (s->p[at - i] != '/')
			return false;
	*digits = str_from(*s, at);
	s->n = at - slashes;
	return true;
}

/* dual-cidr-length at the end of an "a" or "mx" (5.3). */
static int
dual_cidr(struct spf_term *t, struct str *arg, struct err *e)
{
	struct str digits;

	if (cidr_tail(arg, 2, &digits) && cidr(digits, 128, &t->cidr6) < 0)
		return bad(t, "wrong IPv6 prefix length", e);
	if (cidr_tail(arg, 1, &digits) && cidr(digits, 32, &t->cidr4) < 0)
		return bad(t, "wrong IPv4 prefix length", e);
	return 0;
}

/* [ ":" domain-spec ] */
static int
domain_spec(struct spf_term *t, struct str arg, bool required, struct err *e)
{
	if (arg.n == 0 && !required)
		return 0;
	if (arg.n == 0 || arg.p[0] != ':')
		return bad(t, "a domain is missing", e);
	t->domain = str_from(arg, 1);
	return spf_macro_ok(t->domain, 0) ? 0 : bad(t, "no valid domain", e);
}

/* ":" ip4-network [ "/" length ], and the same for ip6 (5.6). */
static int
network(struct spf_term *t, struct str arg, struct err *e)
{
	bool v4 = t->kind == SPF_IP4;
	char text[INET6_ADDRSTRLEN];
	struct str net;

	if (arg.n == 0 || arg.p[0] != ':')
		return bad(t, "an address is missing", e);
	arg = str_from(arg, 1);
	if (str_cut(&arg, '/', &net) && cidr(arg, v4 ? 32 : 128, v4 ? &t->cidr4 : &t->cidr6) < 0)
		return bad(t, "wrong prefix length", e);
	if (str_cz(net, text, sizeof(text)) < 0 ||
	    inet_pton(v4 ? AF_INET : AF_INET6, text, t->ip) != 1)
		return bad(t, "no valid address", e);
	return 0;
}

static int
mechanism(struct spf_term *t, struct str name, struct str arg, struct err *e)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(mechanisms); i++)
		if (str_ieq_z(name, mechanisms[i].name))
			break;
	if (i == ARRAY_LEN(mechanisms))
		return bad(t, "unknown mechanism", e);
	t->kind = mechanisms[i].kind;
	t->cidr4 = 32;
	t->cidr6 = 128;
	switch (t->kind) {
	case SPF_ALL:
		return arg.n == 0 ? 0 : bad(t, "\"all\" takes nothing", e);
	case SPF_INCLUDE:
	case SPF_EXISTS:
		return domain_spec(t, arg, true, e);
	case SPF_A:
	case SPF_MX:
		return dual_cidr(t, &arg, e) < 0 ? -1 : domain_spec(t, arg, false, e);
	case SPF_PTR:
		return domain_spec(t, arg, false, e);
	case SPF_IP4:
	case SPF_IP6:
		break;
	}
	return network(t, arg, e);
}

/* 6: redirect and exp at most once each; others need only be well-formed. */
static int
modifier(struct spf_record *r, const struct spf_term *t, struct str name, struct str value,
    struct err *e)
{
	bool is_redirect = str_ieq_z(name, "redirect"), is_exp = str_ieq_z(name, "exp");
	bool *seen = is_redirect ? &r->has_redirect : &r->has_exp;

	if (name.n == 0 || !is_alpha(name.p[0]))
		return bad(t, "a modifier's name begins with a letter", e);
	if (!is_redirect && !is_exp)
		return spf_macro_ok(value, SPF_MACRO_STRING) ? 0 : bad(t, "wrong macro", e);
	if (*seen)
		return bad(t, "a second one", e);
	*seen = true;
	*(is_redirect ? &r->redirect : &r->exp) = value;
	return spf_macro_ok(value, 0) ? 0 : bad(t, "no valid domain", e);
}

static bool
is_name(char c)
{
	return is_alnum(c) || c == '-' || c == '_' || c == '.';
}

static int
term(struct spf_record *r, struct str text, struct err *e)
{
	struct spf_term t = {.text = text, .result = SPF_PASS};
	struct str rest = text;
	size_t n = 0, sign;

	while (n < rest.n && is_name(rest.p[n]))
		n++;
	if (n < rest.n && rest.p[n] == '=')
		return modifier(r, &t, str_sub(rest, 0, n), str_from(rest, n + 1), e);
	if ((sign = str_chr(STR("+-?~"), rest.p[0])) < 4) {
		static const enum spf_result by[] = {SPF_PASS, SPF_FAIL, SPF_NEUTRAL, SPF_SOFTFAIL};

		t.result = by[sign];
		rest = str_from(rest, 1);
	}
	for (n = 0; n < rest.n && is_alnum(rest.p[n]);)
		n++;
	if (mechanism(&t, str_sub(rest, 0, n), str_from(rest, n), e) < 0)
		return -1;
	if (r->n == SPF_RECORD_MAX)
		return err_set(e, E_LIMIT, "more than %d mechanisms", SPF_RECORD_MAX);
	r->terms[r->n++] = t;
	return 0;
}

int
spf_record_parse(struct str text, struct arena *a, struct spf_record *out, struct err *e)
{
	size_t words = 1;
	struct str word;
	bool more;

	text = str_from(text, 6);
	for (size_t i = 0; i < text.n; i++)
		words += text.p[i] == ' ';
	*out = (struct spf_record){0};
	out->terms = arena_array(a, num_min(words, (size_t)SPF_RECORD_MAX), sizeof(*out->terms));
	do {
		more = str_cut(&text, ' ', &word);
		if (word.n > 0 && term(out, word, e) < 0)
			return -1;
	} while (more);
	return 0;
}
