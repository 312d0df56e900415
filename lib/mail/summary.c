/*
 * summary.c - see summary.h.
 *
 * A row of entries: u8 kind, u16 length (big-endian), octets. A kind is a field of the enumeration,
 * DATE (eight octets, the day) or, alone, MORE: something was left out. An entry with LEFT_OUT set
 * is empty and stands for a field that was too long.
 */
#include "mail/summary.h"

#include "mail/date.h"
#include "mail/header.h"
#include "mail/rfc2047.h"

#define DATE       0x10u
#define MORE       0x11u
#define LEFT_OUT   0x80u
#define ENTRY_HEAD 3u
#define TEXT_MAX   1024u
#define DECODE_MAX 65536u

static const struct str names[SUMMARY_COUNT] = {STR_INIT("From"), STR_INIT("To"), STR_INIT("Cc"),
    STR_INIT("Bcc"), STR_INIT("Subject"), STR_INIT("Message-ID")};

enum summary_field
summary_field(struct str name)
{
	unsigned i = 0;

	while (i < SUMMARY_COUNT && !str_ieq(name, names[i]))
		i++;
	return (enum summary_field)i;
}

/* ---- writing ---- */

static void
put_entry(struct buf *out, unsigned kind, struct str text)
{
	const char head[ENTRY_HEAD] = {(char)kind, (char)(text.n >> 8), (char)text.n};

	(void)buf_put(out, head, sizeof head);
	(void)buf_str(out, text);
}

static void
put_text(struct buf *out, enum summary_field field, struct str value, struct buf *scratch)
{
	char text[TEXT_MAX] __attribute__((uninitialized));
	size_t n;

	if (needle_fold_header(value, scratch, text, sizeof text, &n) < 0)
		put_entry(out, field | LEFT_OUT, STR(""));
	else
		put_entry(out, field, str_of(text, n));
}

static void
put_day(struct buf *out, struct str value)
{
	char octets[8];
	struct date d;
	uint64_t day;

	if (date_parse(str_trim(value), &d) < 0)
		return;
	day = (uint64_t)date_day(d);
	for (unsigned i = 0; i < 8; i++)
		octets[i] = (char)(day >> (56 - 8 * i));
	put_entry(out, DATE, str_of(octets, sizeof octets));
}

void
summary_write(struct str header, struct buf *out)
{
	size_t start = out->n;
	struct header_field f;
	struct buf scratch;
	bool dated = false;

	buf_init(&scratch, DECODE_MAX);
	while (header_next(&header, &f)) {
		enum summary_field field = summary_field(f.name);

		if (field == SUMMARY_COUNT && (dated || !str_ieq(f.name, STR("Date"))))
			continue;
		/* An entry and the last one fit still. */
		if (out->n - start > SUMMARY_MAX - TEXT_MAX - 2 * ENTRY_HEAD) {
			put_entry(out, MORE, STR(""));
			break;
		}
		if (field == SUMMARY_COUNT) {
			put_day(out, f.value);
			dated = true;
		} else {
			put_text(out, field, f.value, &scratch);
		}
	}
	buf_free(&scratch);
}

/* ---- asking ---- */

struct entry {
	unsigned kind;
	struct str text;
};

static bool
next_entry(struct str *rest, struct entry *en)
{
	const unsigned char *p = (const unsigned char *)rest->p;
	size_t n;

	if (rest->n < ENTRY_HEAD)
		return false;
	n = ((size_t)p[1] << 8) | p[2];
	en->kind = p[0];
	en->text = str_sub(*rest, ENTRY_HEAD, n);
	*rest = str_from(*rest, ENTRY_HEAD + n);
	return true;
}

enum summary_answer
summary_find(struct str summary, enum summary_field field, const struct needle *nd)
{
	enum summary_answer answer = SUMMARY_NO;
	struct entry en;

	while (next_entry(&summary, &en)) {
		if (en.kind == field && needle_in_folded(nd, en.text))
			return SUMMARY_YES;
		if (en.kind == (field | LEFT_OUT) || en.kind == MORE)
			answer = SUMMARY_UNKNOWN;
	}
	return answer;
}

enum summary_answer
summary_day(struct str summary, int64_t *day)
{
	enum summary_answer answer = SUMMARY_NO;
	struct entry en;
	uint64_t v = 0;

	while (next_entry(&summary, &en)) {
		if (en.kind == DATE && en.text.n == 8) {
			for (unsigned i = 0; i < 8; i++)
				v = v << 8 | (unsigned char)en.text.p[i];
			*day = (int64_t)v;
			return SUMMARY_YES;
		}
		if (en.kind == MORE)
			answer = SUMMARY_UNKNOWN;
	}
	return answer;
}
