/*
 * record.c - see record.h. What is read here survived a crash at any instant: nothing is believed
 * before the checksum holds, and what a record says is checked even then.
 */
#include "queue/record.h"

#include <sodium.h>

#include "base/mem.h"
#include "base/num.h"
#include "ipc/wire.h"
#include "mail/envelope.h"

/* Header: u32 payload length, u32 type, u64 sequence, checksum. */
#define AT_TYPE  4u
#define AT_SEQ   8u
#define AT_SUM   16u
#define SUM_SIZE (RECORD_HEADER - AT_SUM)

void
record_header(unsigned char out[RECORD_HEADER], enum record_type type, size_t payload)
{
	assume(payload <= RECORD_PAYLOAD_MAX);
	memset(out, 0, RECORD_HEADER);
	num_put_u32(out, (uint32_t)payload);
	num_put_u32(out + AT_TYPE, (uint32_t)type);
}

static void
checksum(const unsigned char *p, size_t size, const unsigned char *key, unsigned char *out)
{
	crypto_generichash_state s;

	crypto_generichash_init(&s, key, RECORD_KEY, SUM_SIZE);
	crypto_generichash_update(&s, p, AT_SUM);
	crypto_generichash_update(&s, p + RECORD_HEADER, size - RECORD_HEADER);
	crypto_generichash_final(&s, out, SUM_SIZE);
}

size_t
record_seal(unsigned char *p, uint64_t seq, const unsigned char key[RECORD_KEY])
{
	size_t size = RECORD_HEADER + num_get_u32(p);

	num_put_u64(p + AT_SEQ, seq);
	checksum(p, size, key, p + AT_SUM);
	return size;
}

bool
record_read(struct str s, const unsigned char key[RECORD_KEY], struct record *out)
{
	const unsigned char *p = (const unsigned char *)s.p;
	unsigned char sum[SUM_SIZE];
	uint32_t n;

	if (s.n < RECORD_HEADER || (n = num_get_u32(p)) > RECORD_PAYLOAD_MAX ||
	    n > s.n - RECORD_HEADER)
		return false;
	checksum(p, RECORD_HEADER + n, key, sum);
	if (sodium_memcmp(sum, p + AT_SUM, SUM_SIZE) != 0)
		return false;
	out->type = (enum record_type)num_get_u32(p + AT_TYPE);
	out->seq = num_get_u64(p + AT_SEQ);
	out->size = RECORD_HEADER + n;
	out->payload = str_sub(s, RECORD_HEADER, n);
	return true;
}

void
record_put_message(struct buf *b, const struct record_message *m)
{
	wire_put_str(b, m->mid);
	wire_put_u64(b, (uint64_t)m->arrived);
	wire_put_u64(b, m->size);
	wire_put_u32(b, m->ntargets);
	wire_put_str(b, m->envelope);
	wire_put_u8(b, m->large);
	if (m->large)
		wire_put_str(b, m->digest);
}

static int
get_message(struct wire_in *w, struct record_message *m)
{
	*m = (struct record_message){.mid = wire_str(w)};
	m->arrived = (int64_t)wire_u64(w);
	m->size = wire_u64(w);
	m->ntargets = wire_u32(w);
	m->envelope = wire_str(w);
	m->large = wire_u8(w) == 1;
	if (m->large)
		m->digest = wire_str(w);
	else
		m->octets = wire_raw(w, w->bad || m->size > w->n ? w->n + 1 : (size_t)m->size);
	if (wire_end(w) < 0 || !id_valid(m->mid) || m->ntargets == 0 ||
	    m->ntargets > RECORD_TARGETS_MAX || m->envelope.n > ENVELOPE_MAX ||
	    (m->large && m->digest.n != RECORD_DIGEST))
		return -1;
	return 0;
}

int
record_get_message(struct str payload, struct record_message *m)
{
	struct wire_in w;

	wire_open(&w, payload);
	return get_message(&w, m);
}

size_t
record_envelope_at(const struct record_message *m)
{
	return 4 + m->mid.n + 8 + 8 + 4 + 4;
}

size_t
record_octets_at(const struct record_message *m)
{
	return record_envelope_at(m) + m->envelope.n + 1;
}

size_t
record_moved_message_at(const struct record_moved *m)
{
	return 4 + 4 + m->outcomes.n;
}

void
record_put_moved(struct buf *b, const struct record_moved *m)
{
	wire_put_u32(b, m->flags);
	wire_put_str(b, m->outcomes);
	record_put_message(b, &m->message);
}

int
record_get_moved(struct str payload, struct record_moved *m)
{
	struct wire_in w;

	wire_open(&w, payload);
	m->flags = wire_u32(&w);
	m->outcomes = wire_str(&w);
	if (get_message(&w, &m->message) < 0 || m->outcomes.n != m->message.ntargets)
		return -1;
	for (size_t i = 0; i < m->outcomes.n; i++)
		if ((unsigned char)m->outcomes.p[i] > OUTCOME_SETTLED)
			return -1;
	return 0;
}

void
record_put_result(
    struct buf *b, struct str mid, const struct record_result *v, size_t n, struct str message)
{
	wire_put_str(b, mid);
	wire_put_u32(b, (uint32_t)n);
	wire_put_str(b, message);
	for (size_t i = 0; i < n; i++) {
		wire_put_u32(b, v[i].target);
		wire_put_u8(b, (uint8_t)v[i].outcome);
		wire_put_str(b, v[i].text);
	}
}

int
record_get_results(struct str payload, struct record_results *out)
{
	struct record_results r;
	struct record_result one;
	struct wire_in w;

	wire_open(&w, payload);
	r.mid = wire_str(&w);
	r.n = wire_u32(&w);
	r.message = wire_str(&w);
	r.items = str_of(w.p, w.bad ? 0 : w.n);
	if (w.bad || !id_valid(r.mid))
		return -1;
	/* All of it is read once here, so that the caller may apply it item by item. */
	*out = r;
	for (uint32_t i = 0; i < out->n; i++)
		if (!record_next_result(&r, &one))
			return -1;
	return r.items.n == 0 ? 0 : -1;
}

bool
record_next_result(struct record_results *r, struct record_result *out)
{
	struct wire_in w;

	wire_open(&w, r->items);
	out->target = wire_u32(&w);
	out->outcome = (enum record_outcome)wire_u8(&w);
	out->text = wire_str(&w);
	if (w.bad || out->target >= RECORD_TARGETS_MAX || out->outcome > OUTCOME_DELAYED)
		return false;
	r->items = str_of(w.p, w.n);
	return true;
}

void
record_put_mid(struct buf *b, struct str mid)
{
	wire_put_str(b, mid);
}

int
record_get_mid(struct str payload, struct str *mid)
{
	struct wire_in w;

	wire_open(&w, payload);
	*mid = wire_str(&w);
	return wire_end(&w) < 0 || !id_valid(*mid) ? -1 : 0;
}

void
record_put_numbers(struct buf *b, uint64_t first, uint64_t second)
{
	wire_put_u64(b, first);
	wire_put_u64(b, second);
}

int
record_get_numbers(struct str payload, uint64_t *first, uint64_t *second)
{
	struct wire_in w;

	wire_open(&w, payload);
	*first = wire_u64(&w);
	*second = wire_u64(&w);
	return wire_end(&w);
}

const char *
record_type_name(enum record_type t)
{
	static const char *const names[] = {"none", "pad", "message", "result", "moved", "hold",
	    "release", "delete", "replay", "checkpoint", "cut"};

	return (size_t)t < ARRAY_LEN(names) ? names[t] : "unknown";
}
