/*
 * mime_write_fuzz.c - whatever names, addresses and texts hold, the message has the fields and
 * parts that were asked for, and every part reads as it was given.
 */
#include "mail/mime_write.h"

#include "base/mem.h"
#include "mail/addrlist.h"
#include "mail/compose.h"
#include "mail/decode.h"
#include "mail/header.h"
#include "mail/mime.h"

#define PIECES 9u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
collect(void *arg, struct str octets, struct err *e)
{
	(void)e;
	return buf_str(arg, octets);
}

/* Text as it comes back: other line ends, which the decoder leaves alone, are all that may differ.
 */
static void
normalize(struct str s, struct buf *out)
{
	struct str line;
	bool more = true;

	while (more) {
		more = str_cut(&s, '\n', &line);
		if (more && line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		buf_str(out, line);
		if (more)
			buf_puts(out, "\r\n");
	}
}

static void
check_lines(struct str header)
{
	struct str line;

	while (str_cut(&header, '\n', &line))
		assume(line.n > 0 && line.n <= 999 && line.p[line.n - 1] == '\r');
}

static void
check_part(const struct mime_part *part, struct str message, struct str want)
{
	struct buf got;

	buf_init(&got, message.n + 1);
	decode_part(part, message, &got);
	assume(str_eq(buf_view(&got), want));
	buf_free(&got);
}

static unsigned
put_fields(const struct str *piece, struct buf *out)
{
	const struct compose_item items[] = {
	    {.name = piece[0], .email = piece[1]},
	    {.kind = COMPOSE_GROUP, .name = piece[0]},
	    {.email = STR("b@x.test")},
	    {.kind = COMPOSE_END},
	};
	unsigned n = 2;

	compose_text(out, "Subject", piece[2]);
	compose_address(out, "Sender", piece[0], STR("a@x.test"));
	if (compose_email_ok(piece[1])) {
		compose_list(out, "From", items, ARRAY_LEN(items));
		n++;
	}
	if (compose_word_ok(piece[3])) {
		compose_ids(out, "Message-ID", &piece[3], 1);
		n++;
	}
	if (compose_foldable(piece[4])) {
		compose_raw(out, "X-Raw", piece[4]);
		n++;
	}
	return n;
}

static void
check_header(struct str message, unsigned want, struct arena *a)
{
	struct str rest = str_sub(message, 0, header_length(message)), value;
	struct header_field f;
	struct addrlist list;
	unsigned n = 0;

	check_lines(rest);
	value = header_value(rest, STR("Sender"));
	addrlist_parse(value, a, &list);
	assume(list.n == 1 && str_eq_z(list.v[0].mailbox, "a"));
	value = header_value(rest, STR("From"));
	addrlist_parse(value, a, &list);
	assume(value.p == NULL || list.n == 4);
	while (header_next(&rest, &f)) {
		assume(f.name.n > 0);
		n++;
	}
	assume(n == want + 2); /* MIME-Version, Content-Type */
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size), piece[PIECES] = {{0}};
	struct buf fields, out, text;
	struct mime_part *root, *c;
	struct arena a;
	uint64_t n;
	unsigned want;

	for (size_t i = 0; i < PIECES; i++)
		str_cut(&in, '\x1e', &piece[i]);
	arena_init(&a);
	buf_init(&fields, size * 100 + 10000);
	buf_init(&out, size * 100 + 20000);
	buf_init(&text, size * 2 + 10);
	want = put_fields(piece, &fields);
	struct mime_out blob = {.type = STR("text/csv"),
	    .name = piece[5],
	    .disposition = STR("attachment"),
	    .octets = piece[7]};
	struct mime_out html = {
	    .type = STR("text/html"), .charset = piece[6], .is_text = true, .octets = piece[8]};
	struct mime_out plain = {.type = STR("text/plain"),
	    .name = piece[5],
	    .is_text = true,
	    .octets = piece[8],
	    .next = &html};
	struct mime_out alternative = {
	    .type = STR("multipart/alternative"), .child = &plain, .next = &blob};
	struct mime_out mixed = {.type = STR("multipart/mixed"), .child = &alternative};

	assume(mime_write(&mixed, STR("0123456789abcdefghjk"), buf_view(&fields), collect, &out,
		   NULL) == 0);
	assume(!out.over && !fields.over);
	assume(
	    mime_write_size(&mixed, STR("0123456789abcdefghjk"), buf_view(&fields), &n, NULL) == 0);
	assume(n == out.n);
	check_header(buf_view(&out), want, &a);
	root = mime_parse(buf_view(&out), &a);
	assume(root->kind == MIME_MULTIPART && root->child->kind == MIME_MULTIPART);
	normalize(piece[8], &text);
	c = root->child->child;
	check_part(c, buf_view(&out), buf_view(&text));
	assume(c->next != NULL && c->next->next == NULL && str_eq_z(c->next->subtype, "html"));
	check_part(c->next, buf_view(&out), buf_view(&text));
	c = root->child->next;
	assume(c != NULL && c->next == NULL && str_eq_z(c->disposition, "attachment"));
	check_part(c, buf_view(&out), piece[7]);
	buf_free(&text);
	buf_free(&out);
	buf_free(&fields);
	arena_free(&a);
	return 0;
}
