/*
 * frame.c - where a command ends.
 *
 * Purpose: gathers one command, so that the parser sees all of it at once. A command that is too
 * large is skipped to its end, so that what follows is still understood: the octets of a
 * non-synchronising literal come whether we want them or not (RFC 7888 5).
 */
#include "net/imap_frame.h"

#include "base/num.h"

/* So long a line is waited for in the input before its beginning is taken. */
#define LINE_WAITS ((size_t)32768)

void
imap_frame_init(struct imap_frame *f, const struct imap_frame_limits *limits)
{
	*f = (struct imap_frame){.limits = limits};
	buf_init(&f->text, limits->command);
}

void
imap_frame_free(struct imap_frame *f)
{
	buf_free(&f->text);
}

void
imap_frame_reset(struct imap_frame *f)
{
	buf_reset(&f->text);
	buf_shrink(&f->text);
	f->literal = 0;
	f->line_at = 0;
	f->skipping = false;
}

/* Of what is too long the beginning is kept: its tag goes into the answer. */
static void
keep(struct imap_frame *f, struct str s)
{
	size_t room = f->limits->command - f->text.n;

	if (f->skipping)
		return;
	buf_str(&f->text, str_sub(s, 0, room));
	f->skipping = s.n > room;
}

static struct str
without_line_end(struct str s)
{
	if (s.n > 0 && s.p[s.n - 1] == '\n')
		s.n--;
	if (s.n > 0 && s.p[s.n - 1] == '\r')
		s.n--;
	return s;
}

/* "{n}" or "{n+}" at the end of a line. */
static bool
announces_literal(struct str line, uint64_t *size, bool *sync)
{
	size_t open = str_rchr(line, '{');
	struct str digits;

	if (line.n == 0 || line.p[line.n - 1] != '}' || open == line.n)
		return false;
	digits = str_sub(line, open + 1, line.n - open - 2);
	*sync = !str_ends(digits, STR("+"));
	if (!*sync)
		digits.n--;
	return num_parse(digits, 0, UINT32_MAX, size) == 0;
}

/* The line that text ends with is complete. */
static enum imap_frame_end
line_end(struct imap_frame *f, struct str line)
{
	struct str text = without_line_end(buf_view(&f->text));
	uint64_t size;
	bool sync;

	/* A long line came in pieces; only its whole says how it ends. */
	if (!f->skipping)
		line = str_from(buf_view(&f->text), f->line_at);
	if (!announces_literal(without_line_end(line), &size, &sync)) {
		f->text.n = text.n;
		return f->skipping ? FRAME_REFUSED : FRAME_DONE;
	}
	if (!f->skipping && f->limits->wants != NULL && f->limits->wants(text)) {
		f->text.n = text.n;
		return FRAME_MESSAGE;
	}
	if (f->skipping || size > f->limits->literal || size > f->limits->command - f->text.n) {
		f->skipping = true;
		f->text.n = text.n;
		/* A client that asks first is told no, and sends nothing of it. */
		if (sync)
			return FRAME_REFUSED;
		f->literal = size;
		return FRAME_MORE;
	}
	f->literal = size;
	f->line_at = f->text.n;
	return sync ? FRAME_CONTINUE : FRAME_MORE;
}

enum imap_frame_end
imap_frame_feed(struct imap_frame *f, struct str in, size_t *used)
{
	enum imap_frame_end end = FRAME_MORE;

	*used = 0;
	while (end == FRAME_MORE && *used < in.n) {
		struct str rest = str_from(in, *used), line;
		size_t nl;

		if (f->literal > 0) {
			size_t n = (size_t)num_min((uint64_t)rest.n, f->literal);

			keep(f, str_sub(rest, 0, n));
			f->literal -= n;
			f->line_at = f->text.n;
			*used += n;
			continue;
		}
		nl = str_chr(rest, '\n');
		line = str_sub(rest, 0, nl < rest.n ? nl + 1 : rest.n);
		/* Without its end the line waits where it is, unless it fills the whole input
		 * already. */
		if (nl == rest.n && *used > 0)
			break;
		if (nl == rest.n && rest.n < num_min(LINE_WAITS, f->limits->command))
			break;
		keep(f, line);
		*used += line.n;
		if (nl < rest.n)
			end = line_end(f, line);
	}
	return end;
}
