/* mime_fuzz.c - parts lie within their parents and follow one another; IMAP's forms and searching
 * take any tree. */
#include "mail/mime.h"

#include "base/mem.h"
#include "mail/decode.h"
#include "mail/imap_structure.h"
#include "mail/needle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
count_lines(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n + (s.n > 0 && s.p[s.n - 1] != '\n');
}

static void
check_part(const struct mime_part *p, struct str message, size_t depth, size_t *parts)
{
	size_t at = p->body.off, end = p->body.off + p->body.n;
	uint32_t number = 0;

	(*parts)++;
	assume(depth <= MIME_DEPTH_MAX && end <= message.n);
	assume(p->header.off + p->header.n <= p->body.off);
	assume(p->type.n > 0 && p->subtype.n > 0);
	assume(p->body_lines == count_lines(mime_octets(message, p->body)));
	assume((p->kind == MIME_LEAF) == (p->child == NULL));
	assume(p->kind != MIME_MESSAGE || (p->child->next == NULL && p->child->is_message));
	for (const struct mime_part *c = p->child; c != NULL; c = c->next) {
		assume(c->parent == p && c->number == ++number);
		assume(c->header.off >= at && c->body.off + c->body.n <= end);
		at = c->body.off + c->body.n;
		check_part(c, message, depth + 1, parts);
	}
}

static void
check_sections(const struct mime_part *root, struct str message)
{
	struct mime_range r;
	uint32_t path[3];

	assume(mime_section(root, NULL, 0, MIME_WHAT_ALL, &r) && r.off == 0 && r.n == message.n);
	for (uint32_t i = 0; i < 27; i++) {
		path[0] = i % 3 + 1;
		path[1] = i / 3 % 3 + 1;
		path[2] = i / 9 + 1;
		for (unsigned what = MIME_WHAT_ALL; what <= MIME_WHAT_MIME; what++)
			if (mime_section(root, path, 3, (enum mime_what)what, &r))
				assume(r.off + r.n <= message.n);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str message = str_of(data, size);
	struct mime_part *root;
	struct needle nd;
	struct buf out;
	struct arena a;
	size_t parts = 0;

	arena_init(&a);
	buf_init(&out, IMAP_STRUCTURE_MAX);
	root = mime_parse(message, &a);
	check_part(root, message, 1, &parts);
	assume(parts <= MIME_PARTS_MAX + MIME_DEPTH_MAX);
	check_sections(root, message);
	imap_body(root, message, true, &out);
	assume(!out.over && out.n > 2 && out.p[0] == '(' && out.p[out.n - 1] == ')');
	assume(needle_init(&nd, STR("nowhere \xc3\xa9"), &a) == 0);
	buf_free(&out);
	buf_init(&out, 256 << 20);
	(void)needle_in_message(&nd, root, message, true, &out);
	buf_free(&out);
	arena_free(&a);
	return 0;
}
