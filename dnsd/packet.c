/* packet.c - DNS messages read. See packet.h. */
#include "dnsd/packet.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"

#define HEADER     12u
#define CLASS_IN   1u
#define TYPE_SOA   6u
#define NAME_WIRE  255u /* RFC 1035 2.3.4 */
#define RCODE_NONE 0u
#define RCODE_NAME 3u

/* Reads on from `at`; bad stays. */
struct reader {
	const unsigned char *p;
	size_t n, at;
	bool bad;
};

/* Labels with their lengths, lower case, the root's label included. */
struct wire_name {
	size_t n;
	unsigned char p[NAME_WIRE];
};

struct record {
	struct wire_name owner;
	uint16_t type, class;
	uint32_t ttl;
	size_t at, n; /* of its data */
};

/* ---- octets ---- */

static bool
has(struct reader *r, size_t n)
{
	if (r->bad || n > r->n - r->at)
		r->bad = true;
	return !r->bad;
}

static uint8_t
u8(struct reader *r)
{
	return has(r, 1) ? r->p[r->at++] : 0;
}

static uint16_t
u16(struct reader *r)
{
	uint16_t v;

	if (!has(r, 2))
		return 0;
	v = num_get_u16(r->p + r->at);
	r->at += 2;
	return v;
}

static uint32_t
u32(struct reader *r)
{
	uint32_t v;

	if (!has(r, 4))
		return 0;
	v = num_get_u32(r->p + r->at);
	r->at += 4;
	return v;
}

static struct str
octets(struct reader *r, size_t n)
{
	struct str s;

	if (!has(r, n))
		return STR_NONE;
	s = str_of(r->p + r->at, n);
	r->at += n;
	return s;
}

/* ---- names ---- */

static bool
take_label(struct reader *r, struct wire_name *out, size_t at, size_t len)
{
	if (at + 1 + len > r->n || out->n + 1 + len > NAME_WIRE)
		return false;
	out->p[out->n++] = (unsigned char)len;
	for (size_t i = 0; i < len; i++)
		out->p[out->n++] = (unsigned char)to_lower((char)r->p[at + 1 + i]);
	return true;
}

/* Compressed or not (RFC 1035 4.1.4). A pointer leads to before the place where the name, or the
 * part of it that the last pointer led to, begins: so it ends. */
static void
take_name(struct reader *r, struct wire_name *out)
{
	size_t at = r->at, floor = r->at;
	bool jumped = false;

	out->n = 0;
	while (!r->bad) {
		unsigned len;

		if (at >= r->n)
			break;
		len = r->p[at];
		if (len >= 0xc0) {
			size_t to = at + 1 < r->n ? (len & 0x3fu) << 8 | r->p[at + 1] : r->n;

			if (!jumped)
				r->at = at + 2;
			jumped = true;
			if (to >= floor)
				break;
			at = floor = to;
			continue;
		}
		if (len > 63 || !take_label(r, out, at, len))
			break;
		at += 1 + len;
		if (len > 0)
			continue;
		if (!jumped)
			r->at = at;
		return;
	}
	r->bad = true;
}

static bool
same_name(const struct wire_name *a, const struct wire_name *b)
{
	return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

static void
put_octet(struct buf *b, unsigned char c, bool plain)
{
	if (plain)
		(void)buf_putc(b, (char)c);
	else
		(void)buf_printf(b, "\\%03u", c);
}

static struct str
name_text(const struct wire_name *name, struct arena *a)
{
	struct buf b;
	struct str out;

	buf_init(&b, DNS_TEXT_SIZE);
	for (size_t at = 0; at < name->n && name->p[at] > 0; at += 1u + name->p[at]) {
		if (at > 0)
			(void)buf_putc(&b, '.');
		for (size_t i = 1; i <= name->p[at]; i++) {
			unsigned char c = name->p[at + i];

			put_octet(&b, c, c > 32 && c < 127 && c != '.' && c != '\\');
		}
	}
	out = b.n > 0 ? arena_dup(a, buf_view(&b)) : STR(".");
	buf_free(&b);
	return out;
}

static int
name_of(struct str s, struct wire_name *out)
{
	struct str label;
	bool more = true;

	if (!dns_is_name(s))
		return -1;
	out->n = 0;
	while (more) {
		more = str_cut(&s, '.', &label);
		if (label.n == 0)
			break;
		out->p[out->n++] = (unsigned char)label.n;
		str_lower(label, (char *)out->p + out->n);
		out->n += label.n;
	}
	out->p[out->n++] = 0;
	return 0;
}

const char *
packet_name_out(struct str s, char out[DNS_TEXT_SIZE])
{
	struct buf b;

	buf_init(&b, DNS_TEXT_SIZE);
	for (size_t i = 0; i < s.n; i++) {
		char c = to_lower(s.p[i]);

		put_octet(&b, (unsigned char)c, is_alnum(c) || c == '-' || c == '_' || c == '.');
	}
	assume(str_cz(buf_view(&b), out, DNS_TEXT_SIZE) == 0);
	buf_free(&b);
	return out;
}

/* ---- records ---- */

static void
take_record(struct reader *r, struct record *out)
{
	take_name(r, &out->owner);
	out->type = u16(r);
	out->class = u16(r);
	out->ttl = u32(r);
	/* RFC 2181 8: the top bit set means 0. */
	if (out->ttl > INT32_MAX)
		out->ttl = 0;
	out->n = u16(r);
	out->at = r->at;
	(void)octets(r, out->n);
}

/* The strings of a TXT record, joined (RFC 7208 3.3). */
static void
take_strings(struct reader *r, size_t end, struct arena *a, struct dns_record *out)
{
	char *joined = arena_alloc(a, end - r->at + 1);
	size_t n = 0;

	while (!r->bad && r->at < end) {
		struct str s = octets(r, u8(r));

		if (s.n > 0)
			memcpy(joined + n, s.p, s.n);
		n += s.n;
	}
	out->data = str_of(joined, n);
}

static void
take_target(struct reader *r, struct arena *a, struct dns_record *out)
{
	struct wire_name name;

	take_name(r, &name);
	if (!r->bad)
		out->name = name_text(&name, a);
}

static void
take_address(struct reader *r, void *out, size_t n)
{
	struct str s = octets(r, n);

	if (s.p != NULL)
		memcpy(out, s.p, n);
}

/* The data of one record; -1 when it is not what its type says. */
static int
take_data(
    const struct reader *packet, const struct record *rec, struct arena *a, struct dns_record *out)
{
	/* Names in it may point back into the message, but nothing reads past its end. */
	struct reader r = {.p = packet->p, .n = rec->at + rec->n, .at = rec->at};

	switch ((enum dns_type)rec->type) {
	case DNS_A:
		take_address(&r, &out->a, sizeof(out->a));
		break;
	case DNS_AAAA:
		take_address(&r, &out->aaaa, sizeof(out->aaaa));
		break;
	case DNS_TXT:
		take_strings(&r, r.n, a, out);
		break;
	case DNS_TLSA:
		out->usage = u8(&r);
		out->selector = u8(&r);
		out->matching = u8(&r);
		out->data = arena_dup(a, octets(&r, r.n - r.at));
		break;
	case DNS_SRV:
		out->preference = u16(&r);
		out->weight = u16(&r);
		out->port = u16(&r);
		take_target(&r, a, out);
		break;
	case DNS_MX:
		out->preference = u16(&r);
		take_target(&r, a, out);
		break;
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
		take_target(&r, a, out);
		break;
	}
	return r.bad || r.at != r.n ? -1 : 0;
}

/* ---- answers ---- */

struct answer {
	struct reader packet;
	size_t section; /* where the answer section begins */
	unsigned count;
	enum dns_type type;
	struct arena *arena;
	struct dns_answer *out;
	struct dns_record *records;
	size_t cap;
};

static int
refuse(struct answer *w, enum dns_status status, const char *why)
{
	*w->out = (struct dns_answer){.status = status, .type = w->type, .why = str_z(why)};
	return -1;
}

static int
keep(struct answer *w, const struct record *rec)
{
	struct dns_answer *out = w->out;

	if (out->n == DNS_RECORDS_MAX)
		return refuse(w, DNS_TOO_LARGE, "too many records");
	if (out->n == w->cap) {
		struct dns_record *more = arena_array(w->arena, w->cap * 2 + 8, sizeof(*more));

		if (out->n > 0)
			memcpy(more, w->records, out->n * sizeof(*more));
		w->records = more;
		w->cap = w->cap * 2 + 8;
	}
	assume(w->records != NULL);
	if (take_data(&w->packet, rec, w->arena, &w->records[out->n]) < 0)
		return refuse(w, DNS_TEMP, "malformed record");
	out->n++;
	return 0;
}

/* What the answer section has for one name: records of the type, or else an alias. 1: an alias was
 * found, and cur is where it leads. */
static int
look_at(struct answer *w, struct wire_name *cur)
{
	struct reader r = w->packet;
	struct wire_name next = {0};

	r.at = w->section;
	for (unsigned i = 0; i < w->count; i++) {
		struct record rec;

		take_record(&r, &rec);
		if (r.bad)
			return refuse(w, DNS_TEMP, "malformed answer");
		if (rec.class != CLASS_IN || !same_name(&rec.owner, cur))
			continue;
		if (rec.type != w->type && rec.type != DNS_CNAME)
			continue;
		w->out->ttl = num_min(w->out->ttl, rec.ttl);
		if (rec.type == w->type) {
			if (keep(w, &rec) < 0)
				return -1;
		} else {
			struct reader target = {w->packet.p, rec.at + rec.n, rec.at, false};

			take_name(&target, &next);
			if (target.bad)
				return refuse(w, DNS_TEMP, "malformed alias");
		}
	}
	if (w->out->n > 0 || next.n == 0)
		return 0;
	*cur = next;
	return 1;
}

/* How long a "no" holds: RFC 2308 5, from the SOA in the authority section; 0 without one. */
static uint32_t
negative_ttl(const struct answer *w, unsigned authorities)
{
	struct reader r = w->packet;
	struct record rec;

	r.at = w->section;
	for (unsigned i = 0; i < w->count + authorities; i++) {
		take_record(&r, &rec);
		if (r.bad)
			return 0;
		if (i >= w->count && rec.type == TYPE_SOA && rec.n >= 4)
			return num_min(rec.ttl, num_get_u32(w->packet.p + rec.at + rec.n - 4));
	}
	return 0;
}

static void
conclude(struct answer *w, unsigned rcode, unsigned authorities, const struct wire_name *cur)
{
	struct dns_answer *out = w->out;
	uint32_t ttl;

	out->records = w->records;
	out->canonical = name_text(cur, w->arena);
	if (out->n > 0) {
		out->status = DNS_FOUND;
		return;
	}
	/* RFC 6604 2: the code is about the last alias. */
	out->status = rcode == RCODE_NAME ? DNS_NO_NAME : DNS_NO_DATA;
	ttl = negative_ttl(w, authorities);
	out->ttl = num_min(out->ttl, ttl);
}

static void
take_answer(struct answer *w, unsigned questions, struct wire_name *cur)
{
	unsigned hops = 0, authorities, rcode = num_get_u16(w->packet.p + 2) & 15u;
	struct wire_name asked;
	int more;

	w->count = num_get_u16(w->packet.p + 6);
	authorities = num_get_u16(w->packet.p + 8);
	if (rcode != RCODE_NONE && rcode != RCODE_NAME) {
		(void)refuse(w, DNS_TEMP, rcode == 2 ? "server failure" : "refused by the server");
		return;
	}
	for (unsigned i = 0; i < questions; i++) {
		take_name(&w->packet, &asked);
		(void)octets(&w->packet, 4);
	}
	if (w->packet.bad) {
		(void)refuse(w, DNS_TEMP, "malformed question");
		return;
	}
	w->section = w->packet.at;
	while ((more = look_at(w, cur)) > 0)
		if (++hops > DNS_ALIASES_MAX) {
			(void)refuse(w, DNS_TEMP, "too many aliases");
			return;
		}
	if (more == 0)
		conclude(w, rcode, authorities, cur);
}

void
packet_read(
    struct str packet, struct str name, enum dns_type type, struct arena *a, struct dns_answer *out)
{
	struct answer w = {
	    .packet = {.p = (const unsigned char *)packet.p, .n = packet.n, .at = HEADER},
	    .type = type,
	    .arena = a,
	    .out = out};
	struct wire_name cur;

	*out = (struct dns_answer){.type = type, .ttl = UINT32_MAX};
	if (packet.n < HEADER || name_of(name, &cur) < 0)
		(void)refuse(&w, DNS_TEMP, "malformed answer");
	else
		take_answer(&w, num_get_u16(packet.p + 4), &cur);
	if (out->ttl == UINT32_MAX)
		out->ttl = 0;
}
