/* reply.c - replies of SMTP servers. See reply.h. */
#include "delivery/remote/reply.h"

void
reply_init(struct reply *r)
{
	*r = (struct reply){0};
	buf_init(&r->text, REPLY_TOTAL_MAX);
}

void
reply_free(struct reply *r)
{
	buf_free(&r->text);
}

void
reply_reset(struct reply *r)
{
	buf_reset(&r->text);
	r->code = 0;
	r->lines = r->octets = 0;
}

/* The digits of a line, or 0. RFC 5321 4.2: the first is 2 to 5; 1yz replies are no SMTP. */
static int
line_code(struct str line)
{
	if (line.n < 3 || line.p[0] < '2' || line.p[0] > '5' || !is_digit(line.p[1]) ||
	    !is_digit(line.p[2]))
		return 0;
	return (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 + (line.p[2] - '0');
}

/* One line without its end. All lines of a reply have one code (4.2.1). */
static enum reply_state
take_line(struct reply *r, struct str line)
{
	int code = line_code(line);
	bool last = line.n <= 3 || line.p[3] == ' ';

	if (code == 0 || (r->lines > 0 && code != r->code) || (!last && line.p[3] != '-') ||
	    ++r->lines > REPLY_LINES_MAX)
		return REPLY_BAD;
	r->code = code;
	if (r->lines > 1)
		buf_putc(&r->text, '\n');
	buf_str(&r->text, str_from(line, 4));
	return last ? REPLY_DONE : REPLY_MORE;
}

enum reply_state
reply_read(struct reply *r, struct str in, size_t *used)
{
	enum reply_state state = REPLY_MORE;
	size_t n;

	*used = 0;
	while (state == REPLY_MORE) {
		struct str rest = str_from(in, *used), line;

		if ((n = str_chr(rest, '\n')) >= REPLY_LINE_MAX)
			return REPLY_BAD;
		if (n == rest.n)
			return REPLY_MORE;
		/* A line that ends in LF alone is taken too: some old servers write such. */
		line = str_sub(rest, 0, n > 0 && rest.p[n - 1] == '\r' ? n - 1 : n);
		*used += n + 1;
		r->octets += n + 1;
		if (r->octets > REPLY_TOTAL_MAX)
			return REPLY_BAD;
		state = take_line(r, line);
	}
	return state;
}

/* ---- what is said ---- */

/* Digits up to three of them, then end; false when there are none. */
static bool
skip_digits(struct str s, size_t *at, char end)
{
	size_t from = *at;

	while (*at < s.n && *at - from < 3 && is_digit(s.p[*at]))
		++*at;
	if (*at == from || (*at < s.n && s.p[*at] != end) || (*at == s.n && end != ' '))
		return false;
	return true;
}

struct str
reply_enhanced(const struct reply *r)
{
	struct str s = buf_view(&r->text);
	size_t at = 2;

	/* RFC 2034 4: the class is the code's. */
	if (s.n < 5 || s.p[0] != '0' + r->code / 100 || s.p[1] != '.' || s.p[0] == '3')
		return STR_NONE;
	if (!skip_digits(s, &at, '.'))
		return STR_NONE;
	at++;
	if (!skip_digits(s, &at, ' '))
		return STR_NONE;
	return str_sub(s, 0, at);
}

struct str
reply_words(const struct reply *r, const char *otherwise, struct arena *a)
{
	struct str status = reply_enhanced(r),
		   said = str_sub(buf_view(&r->text), 0, REPLY_WORDS_MAX);
	struct str out;
	char *p;

	if (status.n > 0)
		out = arena_printf(
		    a, STR_FMT " %d " STR_FMT, STR_ARG(status), r->code, STR_ARG(said));
	else
		out = arena_printf(
		    a, "%d%s %d " STR_FMT, r->code / 100, otherwise + 1, r->code, STR_ARG(said));
	p = (char *)out.p;
	for (size_t i = 0; i < out.n; i++)
		if (is_cntl(p[i]) || (unsigned char)p[i] > 126)
			p[i] = p[i] == '\n' || p[i] == '\t' ? ' ' : '?';
	return str_trim(str_sub(out, 0, REPLY_WORDS_MAX));
}
