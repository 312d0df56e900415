/* score.c - how much a message looks like spam. See score.h. */
#include "smtpd/screen/score.h"

#include "base/buf.h"
#include "mail/addrlist.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mail/rfc2047.h"
#include "net/dns.h"

#define REASONS_MAX   512u
#define NAME_MAX_5322 998u
#define DAY           86400

static const struct {
	const char *name;
	unsigned points;
} rows[SCORE_COUNT] = {
#define SCORE_ROW(id, points, help) [SCORE_##id] = {#id, points},
    SCORES(SCORE_ROW)};

struct scoring {
	struct check_result *r;
	struct buf reasons;
};

static void
add(struct scoring *s, enum score_name n)
{
	s->r->score += rows[n].points;
	buf_printf(&s->reasons, "%s%s", s->reasons.n > 0 ? "," : "", rows[n].name);
}

/* ---- who sent it ---- */

static bool
all_broken(const struct check_result *r)
{
	for (size_t i = 0; i < r->nsignatures; i++)
		if (r->signatures[i].result == DKIM_PASS ||
		    r->signatures[i].result == DKIM_TEMPERROR)
			return false;
	return r->nsignatures > 0;
}

/* What was forwarded, or went through a list, breaks one of the two; where the other passes for
 * the author nothing is held against it. */
static void
by_sender(struct scoring *s)
{
	const struct check_result *r = s->r;

	if (r->dmarc.result == DMARC_PASS)
		return;
	if (r->spf.result == SPF_FAIL)
		add(s, SCORE_SPF_FAIL);
	else if (r->spf.result == SPF_SOFTFAIL)
		add(s, SCORE_SPF_SOFTFAIL);
	else if (r->spf.result == SPF_PERMERROR)
		add(s, SCORE_SPF_PERMERROR);
	if (all_broken(r))
		add(s, SCORE_DKIM_FAIL);
	else if (r->nsignatures == 0 && (r->spf.result == SPF_NONE || r->spf.result == SPF_NEUTRAL))
		add(s, SCORE_NO_AUTH);
	if (r->dmarc.result == DMARC_FAIL)
		add(s, SCORE_DMARC_FAIL);
}

/* ---- what its header says ---- */

/* The domain of an address within a text; empty: none there. */
static struct str
shown_domain(struct str name)
{
	size_t at = str_chr(name, '@'), n = 0;
	struct str rest;

	if (at == 0 || at == name.n || is_space(name.p[at - 1]))
		return STR_NONE;
	rest = str_from(name, at + 1);
	while (n < rest.n && (is_alnum(rest.p[n]) || rest.p[n] == '-' || rest.p[n] == '.'))
		n++;
	rest = str_sub(rest, 0, n);
	return str_chr(rest, '.') < rest.n && dns_is_host(rest) ? rest : STR_NONE;
}

/* mail.example.org and example.org are of one house. */
static bool
is_related(struct str a, struct str b)
{
	struct str longer = a.n > b.n ? a : b, shorter = a.n > b.n ? b : a;

	return str_ieq(str_from(longer, longer.n - shorter.n), shorter) &&
	       (longer.n == shorter.n || longer.p[longer.n - shorter.n - 1] == '.');
}

static void
by_from(struct scoring *s, struct str header, struct arena *a)
{
	struct addrlist list;
	struct buf name;
	struct str shown;

	if (s->r->author.n == 0) {
		add(s, SCORE_FROM_MISSING);
		return;
	}
	buf_init(&name, NAME_MAX_5322);
	addrlist_parse(header_value(header, STR("From")), a, &list);
	for (size_t i = 0; i < list.n; i++) {
		if (list.v[i].host.p == NULL || list.v[i].name.n == 0)
			continue;
		buf_reset(&name);
		rfc2047_decode(header_unfold(list.v[i].name, a), &name);
		shown = shown_domain(buf_view(&name));
		if (shown.n > 0 && !is_related(shown, s->r->author)) {
			add(s, SCORE_FROM_NAME);
			break;
		}
	}
	buf_free(&name);
}

static void
by_header(struct scoring *s, struct str header, int64_t now, struct arena *a)
{
	struct header_field f;
	struct date d;

	if (!header_find(header, STR("Date"), &f))
		add(s, SCORE_NO_DATE);
	else if (date_parse(header_unfold(f.value, a), &d) < 0 || d.utc > now + DAY ||
		 d.utc < now - 31 * DAY)
		add(s, SCORE_ODD_DATE);
	if (!header_find(header, STR("Message-ID"), &f))
		add(s, SCORE_NO_MESSAGE_ID);
}

/* ---- the client ---- */

static void
by_client(struct scoring *s, const struct check_query *q)
{
	struct str helo = q->helo;

	if (q->iprev == IPREV_FAIL)
		add(s, SCORE_NO_CLIENT_NAME);
	if (helo.n > 0 && helo.p[helo.n - 1] == '.')
		helo.n--;
	if (str_ieq(helo, q->host))
		add(s, SCORE_HELO_OURS);
	else if (str_starts(helo, STR("[")))
		add(s, SCORE_HELO_LITERAL);
	else if (!dns_is_host(helo) || str_chr(helo, '.') == helo.n)
		add(s, SCORE_HELO_ODD);
}

void
score_make(const struct check_query *q, struct str header, struct check_result *r, struct arena *a)
{
	struct scoring s = {.r = r};

	r->score = 0;
	buf_init(&s.reasons, REASONS_MAX);
	by_sender(&s);
	by_from(&s, header, a);
	by_header(&s, header, q->now, a);
	by_client(&s, q);
	r->reasons = arena_dup(a, buf_view(&s.reasons));
	buf_free(&s.reasons);
}
