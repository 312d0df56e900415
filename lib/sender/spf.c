/* spf.c - check_host(): finding the record, going through its terms, the limits. See spf.h. */
#include "sender/spf.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "sender/spf_in.h"

static enum spf_result check_host(struct spf_check *c, struct str domain, bool top);

const char *
spf_result_name(enum spf_result r)
{
	static const char *const names[] = {[SPF_WAIT] = "wait",
	    [SPF_NONE] = "none",
	    [SPF_NEUTRAL] = "neutral",
	    [SPF_PASS] = "pass",
	    [SPF_FAIL] = "fail",
	    [SPF_SOFTFAIL] = "softfail",
	    [SPF_TEMPERROR] = "temperror",
	    [SPF_PERMERROR] = "permerror"};

	return names[r];
}

enum spf_result
spf_problem(struct spf_check *c, enum spf_result r, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->out->problem = arena_dup(c->a, str_z(text));
	return r;
}

/* 4.5: "v=spf1" alone, or with a space behind it. */
static bool
is_spf(struct str txt)
{
	struct str version = STR("v=spf1");

	return str_istarts(txt, version) && (txt.n == version.n || txt.p[version.n] == ' ');
}

/* 4.4, 4.5. SPF_PASS when *text is the one record. */
static enum spf_result
find_record(struct spf_check *c, struct str domain, struct str *text)
{
	const struct fact *txt;
	size_t found = 0;

	/* 4.3: malformed, or not of several labels. */
	if (!facts_name_ok(domain) || str_chr(domain, '.') == domain.n || domain.p[0] == '[')
		return SPF_NONE;
	if ((txt = facts_get(c->f, domain, FACT_TXT)) == NULL)
		return SPF_WAIT;
	if (txt->status == FACT_FAILED)
		return spf_problem(
		    c, SPF_TEMPERROR, "no answer for TXT of " STR_FMT, STR_ARG(domain));
	for (size_t i = 0; i < txt->n; i++) {
		if (is_spf(txt->records[i])) {
			*text = txt->records[i];
			found++;
		}
	}
	if (found > 1)
		return spf_problem(
		    c, SPF_PERMERROR, STR_FMT " has %zu SPF records", STR_ARG(domain), found);
	return found == 1 ? SPF_PASS : SPF_NONE;
}

/* 6.2: the one TXT record of the exp= domain, expanded; any trouble means there is none. SPF_WAIT,
 * or SPF_NONE. */
static enum spf_result
explain(struct spf_check *c, const struct spf_record *r, struct str domain)
{
	const struct fact *txt;
	struct str name, text;

	if (!r->has_exp)
		return SPF_NONE;
	if (spf_macro_target(c, r->exp, domain, &name) == SPF_WAIT)
		return SPF_WAIT;
	if (!facts_name_ok(name))
		return SPF_NONE;
	if ((txt = facts_get(c->f, name, FACT_TXT)) == NULL)
		return SPF_WAIT;
	if (txt->n != 1 || !str_is_ascii(txt->records[0]) ||
	    !spf_macro_ok(txt->records[0], SPF_MACRO_EXP | SPF_MACRO_STRING))
		return SPF_NONE;
	if (spf_macro_expand(c, txt->records[0], domain, &text) == SPF_WAIT)
		return SPF_WAIT;
	c->out->explanation = text;
	return SPF_NONE;
}

static bool
asks_dns(enum spf_kind kind)
{
	return kind != SPF_ALL && kind != SPF_IP4 && kind != SPF_IP6;
}

static enum spf_result
count_term(struct spf_check *c)
{
	if (++c->terms > SPF_TERMS_MAX)
		return spf_problem(
		    c, SPF_PERMERROR, "more than %d terms that ask DNS", SPF_TERMS_MAX);
	return SPF_PASS;
}

/* 5.2. As spf_match(). */
static enum spf_result
include(struct spf_check *c, const struct spf_term *t, struct str domain)
{
	struct str target;

	if (spf_macro_target(c, t->domain, domain, &target) == SPF_WAIT)
		return SPF_WAIT;
	switch (check_host(c, target, false)) {
	case SPF_WAIT:
		return SPF_WAIT;
	case SPF_PASS:
		return SPF_PASS;
	case SPF_FAIL:
	case SPF_SOFTFAIL:
	case SPF_NEUTRAL:
		return SPF_FAIL;
	case SPF_TEMPERROR:
		return SPF_TEMPERROR;
	case SPF_NONE:
		return spf_problem(c, SPF_PERMERROR, STR_FMT " has no SPF record", STR_ARG(target));
	case SPF_PERMERROR:
		break;
	}
	return SPF_PERMERROR;
}

/* 6.1 */
static enum spf_result
redirect(struct spf_check *c, const struct spf_record *r, struct str domain, bool top)
{
	struct str target;
	enum spf_result got;

	if (count_term(c) != SPF_PASS)
		return SPF_PERMERROR;
	if (spf_macro_target(c, r->redirect, domain, &target) == SPF_WAIT)
		return SPF_WAIT;
	got = check_host(c, target, top);
	if (got == SPF_NONE)
		return spf_problem(c, SPF_PERMERROR, STR_FMT " has no SPF record", STR_ARG(target));
	return got;
}

static enum spf_result
decided(struct spf_check *c, const struct spf_record *r, const struct spf_term *t,
    struct str domain, bool top)
{
	if (!top)
		return t->result;
	c->out->mechanism = t->text;
	if (t->result == SPF_FAIL && explain(c, r, domain) == SPF_WAIT)
		return SPF_WAIT;
	return t->result;
}

/* top: not inside an include, whose exp= and mechanisms nobody hears of. The depth of the recursion
 * is bounded by SPF_TERMS_MAX. */
static enum spf_result
check_host(struct spf_check *c, struct str domain, bool top)
{
	struct spf_record record;
	enum spf_result got;
	struct str text = STR_NONE;
	struct err e;

	if ((got = find_record(c, domain, &text)) != SPF_PASS)
		return got;
	if (spf_record_parse(text, c->a, &record, &e) < 0)
		return spf_problem(c, SPF_PERMERROR, STR_FMT ": %s", STR_ARG(domain), e.text);
	for (size_t i = 0; i < record.n; i++) {
		const struct spf_term *t = &record.terms[i];

		if (asks_dns(t->kind) && count_term(c) != SPF_PASS)
			return SPF_PERMERROR;
		got = t->kind == SPF_INCLUDE ? include(c, t, domain) : spf_match(c, t, domain);
		if (got == SPF_PASS)
			return decided(c, &record, t, domain, top);
		if (got != SPF_FAIL)
			return got;
	}
	return record.has_redirect ? redirect(c, &record, domain, top) : SPF_NEUTRAL;
}

static void
take_peer(struct spf_check *c)
{
	const struct sockaddr_storage *ss = &c->q->peer;

	if (ss->ss_family == AF_INET) {
		c->family = AF_INET;
		memcpy(c->ip, &((const struct sockaddr_in *)ss)->sin_addr, 4);
		return;
	}
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)ss)->sin6_addr;
	bool mapped = IN6_IS_ADDR_V4MAPPED(v6);

	c->family = mapped ? AF_INET : AF_INET6;
	memcpy(c->ip, v6->s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
}

/* 2.4, 4.3: the null reverse-path stands for postmaster@HELO, and so does a missing local part. */
static void
take_sender(struct spf_check *c)
{
	struct str s = c->q->sender;
	size_t at = str_rchr(s, '@');

	c->local = STR("postmaster");
	if (s.n == 0) {
		c->sender_domain = c->q->helo;
	} else if (at == s.n) {
		c->sender_domain = s;
	} else {
		if (at > 0)
			c->local = str_sub(s, 0, at);
		c->sender_domain = str_from(s, at + 1);
	}
	if (c->sender_domain.n > 0 && c->sender_domain.p[c->sender_domain.n - 1] == '.')
		c->sender_domain.n--;
	c->sender =
	    arena_printf(c->a, STR_FMT "@" STR_FMT, STR_ARG(c->local), STR_ARG(c->sender_domain));
}

/* What a run leaves behind when it is the last one. */
static void
keep(struct spf_answer *out, struct arena *a)
{
	out->domain = arena_dup(a, out->domain);
	out->mechanism = arena_dup(a, out->mechanism);
	out->explanation = arena_dup(a, out->explanation);
	out->problem = arena_dup(a, out->problem);
}

enum spf_result
spf_check(const struct spf_query *q, struct facts *f, struct spf_answer *out)
{
	struct arena run;
	struct spf_check c = {.q = q, .f = f, .a = &run, .out = out};

	arena_init(&run);
	*out = (struct spf_answer){.result = SPF_WAIT};
	take_peer(&c);
	take_sender(&c);
	out->domain = c.sender_domain;
	out->result = check_host(&c, c.sender_domain, true);
	if (out->result != SPF_WAIT)
		keep(out, f->arena);
	arena_free(&run);
	return out->result;
}
