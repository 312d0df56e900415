/*
 * dns_answer.c - answers between dnsd and those who ask it: one octet string for each record, its
 * fields in the order of the RFC, names as text.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "ipc/ipc.h"
#include "ipc/wire.h"
#include "net/dns.h"

/* ---- writing ---- */

static void
put_u16(struct buf *b, uint16_t v)
{
	unsigned char p[2];

	num_put_u16(p, v);
	(void)buf_put(b, p, sizeof(p));
}

static void
put_record(struct buf *b, enum dns_type type, const struct dns_record *r)
{
	switch (type) {
	case DNS_A:
		(void)buf_put(b, &r->a, sizeof(r->a));
		break;
	case DNS_AAAA:
		(void)buf_put(b, &r->aaaa, sizeof(r->aaaa));
		break;
	case DNS_TXT:
		(void)buf_str(b, r->data);
		break;
	case DNS_TLSA:
		wire_put_u8(b, r->usage);
		wire_put_u8(b, r->selector);
		wire_put_u8(b, r->matching);
		(void)buf_str(b, r->data);
		break;
	case DNS_SRV:
		put_u16(b, r->preference);
		put_u16(b, r->weight);
		put_u16(b, r->port);
		(void)buf_str(b, r->name);
		break;
	case DNS_MX:
		put_u16(b, r->preference);
		(void)buf_str(b, r->name);
		break;
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
		(void)buf_str(b, r->name);
		break;
	}
}

static void
put_answer(struct ipc_out *m, const struct dns_answer *r, const struct str *items, size_t n)
{
	ipc_put_u32(m, r->status);
	ipc_put_u32(m, r->secure);
	ipc_put_u32(m, r->ttl);
	ipc_put_str(m, r->canonical);
	ipc_put_str(m, str_sub(r->why, 0, 512));
	ipc_put_list(m, items, n);
}

void
dns_answer_put(struct ipc_out *m, const struct dns_answer *r)
{
	struct dns_answer large = {.status = DNS_TOO_LARGE,
	    .ttl = r->ttl,
	    .canonical = r->canonical,
	    .why = STR("the answer is too large")};
	struct str items[DNS_RECORDS_MAX];
	size_t ends[DNS_RECORDS_MAX], overhead = r->canonical.n + r->why.n + 4 * (r->n + 8);
	struct buf b;

	buf_init(&b, DNS_OCTETS_MAX);
	for (size_t i = 0; i < r->n && r->n <= DNS_RECORDS_MAX; i++) {
		put_record(&b, r->type, &r->records[i]);
		ends[i] = b.n;
	}
	for (size_t i = 0; i < r->n && r->n <= DNS_RECORDS_MAX; i++)
		items[i] = str_sub(
		    buf_view(&b), i > 0 ? ends[i - 1] : 0, ends[i] - (i > 0 ? ends[i - 1] : 0));
	ipc_begin(m, MSG_DNS_ASK_R);
	if (r->n > DNS_RECORDS_MAX || b.over || b.n + overhead > IPC_PAYLOAD_MAX)
		put_answer(m, &large, NULL, 0);
	else
		put_answer(m, r, items, r->n);
	buf_free(&b);
}

/* ---- reading ---- */

static uint16_t
get_u16(struct wire_in *w)
{
	struct str s = wire_raw(w, 2);

	return s.p ? num_get_u16(s.p) : 0;
}

static void
get_octets(struct wire_in *w, void *p, size_t n)
{
	struct str s = wire_raw(w, n);

	if (s.p != NULL)
		memcpy(p, s.p, n);
}

static int
get_record(struct str item, enum dns_type type, struct dns_record *r)
{
	struct wire_in w;

	wire_open(&w, item);
	switch (type) {
	case DNS_A:
		get_octets(&w, &r->a, sizeof(r->a));
		break;
	case DNS_AAAA:
		get_octets(&w, &r->aaaa, sizeof(r->aaaa));
		break;
	case DNS_TXT:
		r->data = wire_raw(&w, w.n);
		break;
	case DNS_TLSA:
		r->usage = wire_u8(&w);
		r->selector = wire_u8(&w);
		r->matching = wire_u8(&w);
		r->data = wire_raw(&w, w.n);
		break;
	case DNS_SRV:
		r->preference = get_u16(&w);
		r->weight = get_u16(&w);
		r->port = get_u16(&w);
		r->name = wire_raw(&w, w.n);
		break;
	case DNS_MX:
		r->preference = get_u16(&w);
		r->name = wire_raw(&w, w.n);
		break;
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
		r->name = wire_raw(&w, w.n);
		break;
	}
	return wire_end(&w);
}

int
dns_answer_get(struct ipc_in *m, enum dns_type type, struct arena *a, struct dns_answer *out)
{
	struct dns_record *records;
	uint32_t status = ipc_get_u32(m);
	int rc = 0;

	*out = (struct dns_answer){.status = (enum dns_status)status, .type = type};
	out->secure = ipc_get_u32(m);
	out->ttl = ipc_get_u32(m);
	out->canonical = ipc_get_str(m);
	out->why = ipc_get_str(m);
	out->n = ipc_get_list(m);
	if (m->bad || out->n > DNS_RECORDS_MAX || status > DNS_TOO_LARGE)
		out->n = 0, rc = -1;
	out->records = records = arena_array(a, out->n + 1, sizeof(*records));
	for (size_t i = 0; i < out->n; i++)
		rc |= get_record(ipc_get_item(m), type, &records[i]);
	if (rc < 0)
		m->bad = true;
	return ipc_end(m) < 0 ? -1 : rc;
}
