/*
 * reply.c - every reply of the server, in one table. See reply.h.
 */
#include "smtpd/reply.h"

#include "base/mem.h"

static const struct reply_row {
	int code;
	struct str enhanced, text;
	struct str name;
} rows[REPLY_COUNT] = {
#define REPLY_ROW(id, code_, enhanced_, text_) \
	[REPLY_##id] = {code_, STR_INIT(enhanced_), STR_INIT(text_), STR_INIT(#id)},
    REPLIES(REPLY_ROW)};

static size_t
put(char *out, size_t n, struct str s)
{
	size_t room = REPLY_MAX - 2 - n;

	for (size_t i = 0; i < s.n && i < room; i++)
		out[n++] = is_cntl(s.p[i]) ? '?' : s.p[i];
	return n;
}

size_t
reply_format(enum reply r, struct str arg, char out[REPLY_MAX])
{
	const struct reply_row *row;
	size_t n = 0, mark;

	assume((unsigned)r < REPLY_COUNT);
	row = &rows[r];
	out[n++] = (char)('0' + row->code / 100);
	out[n++] = (char)('0' + row->code / 10 % 10);
	out[n++] = (char)('0' + row->code % 10);
	out[n++] = ' ';
	if (row->enhanced.n > 0) {
		n = put(out, n, row->enhanced);
		out[n++] = ' ';
	}
	mark = str_find(row->text, STR("%s"));
	n = put(out, n, str_sub(row->text, 0, mark));
	if (mark < row->text.n) {
		n = put(out, n, arg);
		n = put(out, n, str_from(row->text, mark + 2));
	}
	out[n++] = '\r';
	out[n++] = '\n';
	return n;
}

int
reply_code(enum reply r)
{
	return rows[r].code;
}

const char *
reply_enhanced(enum reply r)
{
	return rows[r].enhanced.p;
}

const char *
reply_name(enum reply r)
{
	static char names[REPLY_COUNT][24];

	if (names[r][0] == '\0') {
		struct str s = str_sub(rows[r].name, 0, sizeof(names[r]) - 1);

		str_lower(s, names[r]);
	}
	return names[r];
}

bool
reply_is_refusal(enum reply r)
{
	return rows[r].code >= 400;
}
