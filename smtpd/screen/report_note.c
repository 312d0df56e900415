/* report_note.c - counts messages for aggregate reports. See report_note.h. */
#include "smtpd/screen/report_note.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ipc/wire.h"
#include "mail/address.h"

#define ROW_VERSION 1
#define ROW_MAX     8192u
#define NAME_MAX_   255u
#define RECORD_MAX  4096u

/* ---- the row of a message ---- */

static struct str
peer_text(const struct sockaddr_storage *peer, struct arena *a)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
	const void *address = &v6->sin6_addr;
	int family = AF_INET6;
	char text[INET6_ADDRSTRLEN];

	if (peer->ss_family == AF_INET) {
		address = &((const struct sockaddr_in *)peer)->sin_addr;
		family = AF_INET;
	} else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		address = v6->sin6_addr.s6_addr + 12;
		family = AF_INET;
	}
	return inet_ntop(family, address, text, sizeof(text)) ? arena_dup(a, str_z(text))
							      : STR("0.0.0.0");
}

/* What became of it, as far as the policy goes (RFC 9990 3.1.1.9), and why that is not what was
 * published (3.1.6). */
static void
disposition(const struct check_result *r, struct report_row *out)
{
	const struct dmarc_answer *d = &r->dmarc;
	/* What other checks led to is no business of the domain (RFC 9990 8.3). */
	enum dmarc_policy did = r->reason != SCREEN_BY_DMARC ? DMARC_ACCEPT
				: r->verdict == CHECK_REJECT ? DMARC_REJECT
				: r->verdict == CHECK_JUNK   ? DMARC_QUARANTINE
							     : DMARC_ACCEPT;

	if (d->result == DMARC_PASS) {
		out->disposition = d->published > DMARC_ACCEPT ? STR("pass") : STR("none");
		return;
	}
	out->disposition = str_z(dmarc_policy_name(did));
	if (did == d->published)
		return;
	if (d->result == DMARC_TEMPERROR) {
		out->reason = STR("other");
		out->comment = STR("temporary error");
	} else if (did == d->policy && d->record.testing) {
		out->reason = STR("policy_test_mode");
	} else {
		out->reason = STR("local_policy");
	}
}

static int
rank(const struct check_result *r, const struct dkim_signature *s)
{
	if (s->result != DKIM_PASS)
		return 3;
	if (str_ieq(s->domain, r->author))
		return 0;
	return str_ends(s->domain, r->dmarc.organization) ? 1 : 2;
}

static struct str
cut(struct str s)
{
	return str_sub(s, 0, NAME_MAX_);
}

/* Best first (RFC 9990 3.1.4). */
static void
signatures(const struct check_result *r, struct arena *a, struct report_row *out)
{
	out->signatures = arena_array(a, r->nsignatures + 1, sizeof(*out->signatures));
	for (int want = 0; want <= 3; want++) {
		for (size_t i = 0; i < r->nsignatures; i++) {
			const struct dkim_signature *s = &r->signatures[i];

			if (rank(r, s) == want)
				out->signatures[out->nsignatures++] =
				    (struct report_signature){cut(s->domain), cut(s->selector),
					str_z(dkim_result_name(s->result))};
		}
	}
}

void
report_row_of(const struct check_query *q, const struct check_result *r, struct arena *a,
    struct report_row *out)
{
	struct str local;

	*out = (struct report_row){.source = peer_text(&q->peer, a),
	    .dkim = r->dmarc.dkim_aligned ? STR("pass") : STR("fail"),
	    .spf = r->dmarc.spf_aligned ? STR("pass") : STR("fail"),
	    .header_from = cut(r->author),
	    .spf_domain = cut(r->spf.domain),
	    .spf_scope = STR("mfrom"),
	    .spf_result = str_z(spf_result_name(r->spf.result))};
	address_split(q->sender, &local, &out->envelope_from);
	out->envelope_from = cut(out->envelope_from);
	disposition(r, out);
	signatures(r, a, out);
}

/* ---- octets ---- */

static const size_t fields[] = {
    offsetof(struct report_row, source),
    offsetof(struct report_row, disposition),
    offsetof(struct report_row, dkim),
    offsetof(struct report_row, spf),
    offsetof(struct report_row, reason),
    offsetof(struct report_row, comment),
    offsetof(struct report_row, header_from),
    offsetof(struct report_row, envelope_from),
    offsetof(struct report_row, spf_domain),
    offsetof(struct report_row, spf_scope),
    offsetof(struct report_row, spf_result),
};

void
report_row_encode(const struct report_row *r, struct buf *out)
{
	wire_put_u8(out, ROW_VERSION);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		wire_put_str(out, *(const struct str *)(const void *)((const char *)r + fields[i]));
	wire_put_u32(out, (uint32_t)r->nsignatures);
	for (size_t i = 0; i < r->nsignatures; i++) {
		wire_put_str(out, r->signatures[i].domain);
		wire_put_str(out, r->signatures[i].selector);
		wire_put_str(out, r->signatures[i].result);
	}
}

int
report_row_decode(struct str s, struct arena *a, struct report_row *out)
{
	struct wire_in w;
	uint32_t n;

	*out = (struct report_row){0};
	wire_open(&w, s);
	if (wire_u8(&w) != ROW_VERSION)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		*(struct str *)(void *)((char *)out + fields[i]) = arena_dup(a, wire_str(&w));
	n = wire_u32(&w);
	if (n > REPORT_SIGNATURES_MAX)
		return -1;
	out->signatures = arena_array(a, n + 1, sizeof(*out->signatures));
	for (; out->nsignatures < n; out->nsignatures++) {
		struct report_signature *g = &out->signatures[out->nsignatures];

		g->domain = arena_dup(a, wire_str(&w));
		g->selector = arena_dup(a, wire_str(&w));
		g->result = arena_dup(a, wire_str(&w));
	}
	return wire_end(&w);
}

/* ---- counting ---- */

static void
policy_free(struct report_policy *p)
{
	struct report_tally *t, *next;

	HASH_ITER (hh, p->tallies, t, next) {
		HASH_DEL(p->tallies, t);
		free(t);
	}
	free((void *)(uintptr_t)p->domain.p);
	free((void *)(uintptr_t)p->record.p);
	free(p);
}

void
report_notes_free(struct report_notes *n)
{
	struct report_policy *p, *next;

	HASH_ITER (hh, n->policies, p, next) {
		HASH_DEL(n->policies, p);
		policy_free(p);
	}
	*n = (struct report_notes){0};
}

static struct str
owned(struct str s)
{
	return str_of(mem_dup(s.p, s.n), s.n);
}

static struct report_policy *
find_policy(struct report_notes *n, const struct dmarc_answer *d)
{
	struct report_policy *p;

	HASH_FIND(hh, n->policies, d->policy_domain.p, d->policy_domain.n, p);
	if (p == NULL) {
		p = mem_alloc(sizeof(*p));
		p->domain = owned(d->policy_domain);
		p->record = owned(d->record.text);
		HASH_ADD_KEYPTR(hh, n->policies, p->domain.p, p->domain.n, p);
	} else if (!str_eq(p->record, d->record.text)) {
		free((void *)(uintptr_t)p->record.p);
		p->record = owned(d->record.text);
	}
	return p;
}

static void
count(struct report_notes *n, struct report_policy *p, struct str key)
{
	struct report_tally *t;

	HASH_FIND(hh, p->tallies, key.p, key.n, t);
	if (t == NULL) {
		t = mem_alloc(sizeof(*t) + key.n);
		memcpy(t + 1, key.p, key.n);
		t->key = str_of(t + 1, key.n);
		HASH_ADD_KEYPTR(hh, p->tallies, t->key.p, t->key.n, t);
		n->n++;
	}
	t->count++;
}

/* Is there somebody who asked, and has the message been decided on? */
static bool
is_wanted(const struct check_result *r)
{
	return r->dmarc.record.nrua > 0 && r->dmarc.record.text.n <= RECORD_MAX &&
	       r->verdict != CHECK_WAIT && r->verdict != CHECK_DEFER &&
	       r->dmarc.policy_domain.n > 0;
}

void
report_note(struct report_notes *n, const struct check_query *q, const struct check_result *r)
{
	struct report_row row;
	struct arena a;
	struct buf key;

	if (!is_wanted(r))
		return;
	if (n->n >= REPORT_NOTES_MAX) {
		n->dropped++;
		return;
	}
	arena_init(&a);
	buf_init(&key, ROW_MAX);
	report_row_of(q, r, &a, &row);
	report_row_encode(&row, &key);
	if (key.over)
		n->dropped++;
	else
		count(n, find_policy(n, &r->dmarc), buf_view(&key));
	buf_free(&key);
	arena_free(&a);
}
