/*
 * dmarc.c - tree walk, policy discovery, alignment (RFC 9989 4.4, 4.10, 5.3). See dmarc.h.
 */
#include "sender/dmarc.h"

#include "base/mem.h"

#define WALK_MAX   8 /* questions of one walk (4.10) */
#define LABELS_MAX 7 /* kept of a long name after the first question */

/* What a tree walk has found at one name. */
struct step {
	struct str domain;
	bool found;
	struct dmarc_record record;
};

struct walk {
	struct step step[WALK_MAX];
	size_t n;
};

enum answer {
	NO,
	YES,
	WAIT,
	FAILED
};

const char *
dmarc_result_name(enum dmarc_result r)
{
	static const char *const names[] = {[DMARC_WAIT] = "wait",
	    [DMARC_NONE] = "none",
	    [DMARC_PASS] = "pass",
	    [DMARC_FAIL] = "fail",
	    [DMARC_TEMPERROR] = "temperror",
	    [DMARC_PERMERROR] = "permerror"};

	return names[r];
}

const char *
dmarc_policy_name(enum dmarc_policy p)
{
	static const char *const names[] = {[DMARC_UNSET] = "",
	    [DMARC_WRONG] = "",
	    [DMARC_ACCEPT] = "none",
	    [DMARC_QUARANTINE] = "quarantine",
	    [DMARC_REJECT] = "reject"};

	return names[p];
}

static size_t
labels(struct str domain)
{
	size_t n = 1;

	for (size_t i = 0; i < domain.n; i++)
		n += domain.p[i] == '.';
	return n;
}

static struct str
parent(struct str domain)
{
	struct str label;

	return str_cut(&domain, '.', &label) ? domain : STR_NONE;
}

/* 4.10 steps 4 and 7 */
static struct str
next_target(struct str domain)
{
	domain = parent(domain);
	while (labels(domain) > LABELS_MAX)
		domain = parent(domain);
	return domain;
}

/* The one valid record at _dmarc.<domain>; several are as good as none (4.10 steps 2 and 6). */
static enum answer
look(struct facts *f, struct str domain, struct dmarc_record *out)
{
	struct str name = arena_printf(f->arena, "_dmarc." STR_FMT, STR_ARG(domain));
	struct dmarc_record record;
	const struct fact *txt;
	size_t found = 0;

	if (!facts_name_ok(name))
		return NO;
	if ((txt = facts_get(f, name, FACT_TXT)) == NULL)
		return WAIT;
	if (txt->status == FACT_FAILED)
		return FAILED;
	for (size_t i = 0; i < txt->n; i++) {
		if (dmarc_record_parse(txt->records[i], f->arena, &record)) {
			*out = record;
			found++;
		}
	}
	return found == 1 ? YES : NO;
}

/* From the domain upwards, until a record says psd=y or psd=n, or no label is left. */
static enum answer
walk(struct facts *f, struct str domain, struct walk *w)
{
	w->n = 0;
	for (struct str at = domain; at.n > 0 && w->n < WALK_MAX; at = next_target(at)) {
		struct step *s = &w->step[w->n++];
		enum answer got = look(f, at, &s->record);

		s->domain = at;
		s->found = got == YES;
		if (got == WAIT || got == FAILED)
			return got;
		if (s->found && s->record.psd != DMARC_PSD_U)
			break;
	}
	return YES;
}

/* The domain one label below `above`, on the way to `domain`. */
static struct str
one_below(struct str domain, struct str above)
{
	while (labels(domain) > labels(above) + 1)
		domain = parent(domain);
	return domain;
}

/* 4.10.2: psd=n is it; below psd=y it is, but for a walk that began there; else the shortest. */
static struct str
organization(const struct walk *w)
{
	struct str start = w->step[0].domain, org = start;

	for (size_t i = 0; i < w->n; i++) {
		const struct step *s = &w->step[i];

		if (!s->found)
			continue;
		if (s->record.psd == DMARC_PSD_N)
			return s->domain;
		if (s->record.psd == DMARC_PSD_Y && i > 0)
			return one_below(start, s->domain);
		org = s->domain;
	}
	return org;
}

static const struct step *
step_at(const struct walk *w, struct str domain)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->step[i].found && str_ieq(w->step[i].domain, domain))
			return &w->step[i];
	return NULL;
}

/* 4.10.1: at the author's domain, its organizational domain, its public suffix. */
static const struct step *
find_policy(const struct walk *w, struct str org)
{
	const struct step *last;

	assume(w->n > 0); /* a walk begins at the author's domain */
	last = &w->step[w->n - 1];
	if (w->step[0].found)
		return &w->step[0];
	if (step_at(w, org) != NULL)
		return step_at(w, org);
	return last->found && last->record.psd == DMARC_PSD_Y ? last : NULL;
}

/* 3.2.13: no A, AAAA or MX. FAILED answers count as there: the milder reading. */
static enum answer
exists(struct facts *f, struct str domain)
{
	static const enum fact_type types[] = {FACT_A, FACT_AAAA, FACT_MX};
	enum answer got = NO;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		const struct fact *x = facts_get(f, domain, types[i]);

		if (x == NULL)
			got = got == YES ? YES : WAIT;
		else if (x->status == FACT_FOUND || x->status == FACT_FAILED)
			return YES;
	}
	return got;
}

/* Which of p, sp and np applies, and what it says (4.10.1). */
static enum answer
choose(struct facts *f, const struct dmarc_query *q, struct dmarc_answer *out)
{
	const struct dmarc_record *r = &out->record;
	enum answer there;

	out->policy_tag = "p";
	out->published = r->p;
	if (r->p == DMARC_WRONG || r->sp == DMARC_WRONG || r->np == DMARC_WRONG) {
		/* Worth a report, not a refusal; and without anybody to report to, nothing. */
		out->published = DMARC_ACCEPT;
		return r->nrua > 0 ? YES : NO;
	}
	if (out->published == DMARC_UNSET)
		out->published = DMARC_ACCEPT;
	if (str_ieq(out->policy_domain, q->author) ||
	    (r->sp == DMARC_UNSET && r->np == DMARC_UNSET))
		return YES;
	if (r->np != DMARC_UNSET) {
		if ((there = exists(f, q->author)) == WAIT)
			return WAIT;
		if (there == NO) {
			out->policy_tag = "np";
			out->published = r->np;
			return YES;
		}
	}
	if (r->sp != DMARC_UNSET) {
		out->policy_tag = "sp";
		out->published = r->sp;
	}
	return YES;
}

/* 4.4: the same domain; or, relaxed, the same organizational domain. */
static enum answer
aligned(
    struct facts *f, struct str domain, const struct dmarc_query *q, struct str org, bool strict)
{
	struct walk w;
	enum answer got;

	if (str_ieq(domain, q->author))
		return YES;
	if (strict || domain.n == 0)
		return NO;
	if ((got = walk(f, domain, &w)) != YES)
		return got;
	return str_ieq(organization(&w), org) ? YES : NO;
}

/* Looks at all authenticated identifiers. */
static enum dmarc_result
align(struct facts *f, const struct dmarc_query *q, struct dmarc_answer *out)
{
	bool wait = false, temporary = q->spf == SPF_TEMPERROR;
	enum answer got;

	if (q->spf == SPF_PASS) {
		got = aligned(f, q->spf_domain, q, out->organization, out->record.strict_spf);
		out->spf_aligned = got == YES;
		wait = got == WAIT;
		temporary = temporary || got == FAILED;
	}
	for (size_t i = 0; i < q->nsignatures; i++) {
		const struct dmarc_signature *s = &q->signatures[i];

		temporary = temporary || s->temporary;
		if (!s->pass || out->dkim_aligned)
			continue;
		got = aligned(f, s->domain, q, out->organization, out->record.strict_dkim);
		out->dkim_aligned = got == YES;
		wait = wait || got == WAIT;
		temporary = temporary || got == FAILED;
	}
	if (wait)
		return DMARC_WAIT;
	if (out->spf_aligned || out->dkim_aligned)
		return DMARC_PASS;
	/* 5.3.6: what may pass at the next attempt has not failed for good. */
	return temporary ? DMARC_TEMPERROR : DMARC_FAIL;
}

/* t=y: one level below what is published (4.7). */
static enum dmarc_policy
asked(const struct dmarc_answer *out)
{
	if (!out->record.testing || out->published == DMARC_ACCEPT)
		return out->published;
	return out->published == DMARC_REJECT ? DMARC_QUARANTINE : DMARC_ACCEPT;
}

static enum dmarc_result
check(const struct dmarc_query *q, struct facts *f, struct dmarc_answer *out)
{
	const struct step *policy;
	struct walk w;

	if (!facts_name_ok(q->author) || q->author.p[0] == '[')
		return DMARC_NONE;
	switch (walk(f, q->author, &w)) {
	case WAIT:
		return DMARC_WAIT;
	case FAILED:
		out->problem = STR("no answer for the policy record");
		return DMARC_TEMPERROR;
	case NO:
	case YES:
		break;
	}
	out->organization = organization(&w);
	if ((policy = find_policy(&w, out->organization)) == NULL)
		return DMARC_NONE;
	out->record = policy->record;
	out->policy_domain = policy->domain;
	switch (choose(f, q, out)) {
	case WAIT:
		return DMARC_WAIT;
	case NO:
	case FAILED:
		out->problem = STR("the policy record has a wrong p, sp or np");
		return DMARC_PERMERROR;
	case YES:
		break;
	}
	out->policy = asked(out);
	return align(f, q, out);
}

enum dmarc_result
dmarc_check(const struct dmarc_query *q, struct facts *f, struct dmarc_answer *out)
{
	*out = (struct dmarc_answer){.policy_tag = "p"};
	out->result = check(q, f, out);
	return out->result;
}

enum dmarc_result
dmarc_organization(struct str domain, struct facts *f, struct str *out)
{
	struct walk w;

	switch (walk(f, domain, &w)) {
	case WAIT:
		return DMARC_WAIT;
	case FAILED:
		return DMARC_TEMPERROR;
	case NO:
	case YES:
		break;
	}
	*out = organization(&w);
	return DMARC_PASS;
}
