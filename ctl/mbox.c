/* mbox.c - see mbox.h. */
#include "ctl/mbox.h"

#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "mail/date.h"

#define WORDS    16u
#define LINE_MAX 1000u /* of a From_ line */

static const struct str from_ = STR_INIT("From ");

/* ---- From_ lines ---- */

/* "Nov", "3", "10:11:12": where a date is written the way of asctime(3). */
static bool
is_date_at(const struct str *w, size_t n)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	uint64_t day;

	if (n < 4 || w[0].n != 3 || num_parse(w[1], 1, 31, &day) < 0 ||
	    str_chr(w[2], ':') == w[2].n)
		return false;
	for (size_t i = 0; i < sizeof(months) - 1; i += 3)
		if (str_ieq(w[0], str_of(months + i, 3)))
			return true;
	return false;
}

/* The year and the zone come in either order. */
static int
date_of(const struct str *w, size_t n, int64_t *out)
{
	struct str year = STR_NONE, zone = STR("+0000");
	char text[128];
	struct date d;
	uint64_t v;

	for (size_t i = 3; i < n; i++)
		if (year.n == 0 && w[i].n == 4 && num_parse(w[i], 1970, 9999, &v) == 0)
			year = w[i];
		else if (w[i].n == 5 && (w[i].p[0] == '+' || w[i].p[0] == '-'))
			zone = w[i];
	if (year.n == 0 || w[2].n > 20)
		return -1;
	(void)snprintf(text, sizeof text, STR_FMT " " STR_FMT " " STR_FMT " " STR_FMT " " STR_FMT,
	    STR_ARG(w[1]), STR_ARG(w[0]), STR_ARG(year), STR_ARG(w[2]), STR_ARG(zone));
	if (date_parse(str_z(text), &d) < 0 || d.utc < 0)
		return -1;
	*out = d.utc;
	return 0;
}

int
mbox_date(struct str line, int64_t *out)
{
	struct str w[WORDS], rest = str_trim(line), word;
	size_t n = 0;
	bool more = true;

	if (!str_starts(line, from_) || rest.n > LINE_MAX)
		return -1;
	/* The last words: a sender may be any number of them. */
	while (more) {
		more = str_cut(&rest, ' ', &word);
		if (word.n == 0)
			continue;
		if (n == WORDS)
			memmove(w, w + 1, --n * sizeof(*w));
		w[n++] = word;
	}
	for (size_t i = n; i-- > 1;)
		if (is_date_at(w + i, n - i) && date_of(w + i, n - i, out) == 0)
			return 0;
	return -1;
}

/* ---- where a message ends ---- */

/* Does a From_ line begin at `at`? *whole: its end is there too. */
static bool
is_from(struct str window, bool end, size_t at, bool *whole)
{
	struct str line = str_from(window, at);
	size_t n = str_chr(str_sub(line, 0, LINE_MAX), '\n');
	int64_t date;

	*whole = true;
	if (n == num_min(line.n, LINE_MAX) && !end && line.n < LINE_MAX)
		*whole = false;
	line = str_sub(line, 0, n);
	return *whole && mbox_date(line, &date) == 0;
}

/* Is the line before `at` empty? */
static bool
is_behind_empty(struct str s, size_t at)
{
	size_t i = at;

	if (i < 2 || s.p[i - 1] != '\n')
		return false;
	i--;
	if (s.p[i - 1] == '\r' && i >= 2)
		i--;
	return s.p[i - 1] == '\n';
}

/* The next From_ line behind an empty line; *cut: there may be one whose end is not there yet. */
static size_t
find_from(struct str window, bool end, size_t from, bool *cut)
{
	static const struct str start = STR_INIT("\nFrom ");
	bool whole;

	*cut = false;
	for (size_t at = from;;) {
		struct str rest = str_from(window, at);
		size_t i = str_find(rest, start);

		if (i == rest.n)
			return window.n;
		at += i + 1;
		if (!is_behind_empty(window, at))
			continue;
		if (is_from(window, end, at, &whole))
			return at;
		if (!whole) {
			*cut = true;
			return at;
		}
	}
}

size_t
mbox_next(struct str window, bool end, size_t from)
{
	size_t at;
	bool cut;

	at = find_from(window, end, from, &cut);
	return cut ? window.n : at;
}

/* The header's length with the empty line behind it; 0: it goes on. */
static size_t
header_end(struct str text)
{
	for (size_t at = 0; at < text.n;) {
		struct str line = str_from(text, at);
		size_t n = str_chr(line, '\n');

		if (n == line.n)
			return 0;
		at += n + 1;
		if (str_trim(str_sub(line, 0, n)).n == 0)
			return at;
	}
	return 0;
}

static bool
content_length(struct str header, uint64_t *out)
{
	static const struct str name = STR_INIT("content-length:");
	struct str line;

	while (str_cut(&header, '\n', &line))
		if (str_istarts(line, name))
			return num_parse(str_trim(str_from(line, name.n)), 0, UINT32_MAX, out) == 0;
	return false;
}

/* Is `at` the end of a message by what stands there? *next: where the one behind it begins. */
static bool
ends_at(struct str window, bool end, size_t at, size_t *next, bool *more)
{
	struct str rest = str_from(window, at);
	size_t skip = str_starts(rest, STR("\r\n")) ? 2 : str_starts(rest, STR("\n")) ? 1 : 0;
	bool whole;

	*more = false;
	*next = at + skip;
	if (*next == window.n && end)
		return true;
	if (window.n < *next + LINE_MAX && !end) {
		*more = true;
		return false;
	}
	return is_from(window, end, *next, &whole);
}

/* By Content-Length, where it fits. */
static bool
split_by_length(struct str window, bool end, size_t head, struct mbox_message *out, bool *more)
{
	struct str text = str_from(window, head);
	size_t body = header_end(text), next;
	uint64_t n;

	*more = body == 0 && !end;
	if (body == 0 || !content_length(str_sub(text, 0, body), &n))
		return false;
	if (n > text.n - body) {
		*more = !end;
		return false;
	}
	if (!ends_at(window, end, head + body + n, &next, more))
		return false;
	out->text = str_sub(text, 0, body + n);
	out->used = next;
	/* Where From_ lines stand as they are, nothing was quoted (mboxcl2). */
	out->quoted =
	    str_find(str_from(out->text, body - 1), STR("\nFrom ")) == out->text.n - (body - 1);
	return true;
}

static struct str
without_last_empty_line(struct str text)
{
	if (str_ends(text, STR("\n\r\n")))
		text.n -= 2;
	else if (str_ends(text, STR("\n\n")))
		text.n--;
	return text;
}

enum mbox_got
mbox_split(struct str window, bool end, size_t *seen, struct mbox_message *out)
{
	size_t head, at;
	bool more, whole, cut;

	*out = (struct mbox_message){0};
	if (!is_from(window, end, 0, &whole))
		return whole ? MBOX_BAD : MBOX_MORE;
	head = num_min(str_chr(window, '\n') + 1, window.n);
	(void)mbox_date(str_sub(window, 0, head), &out->date);
	if (split_by_length(window, end, head, out, &more))
		return MBOX_DONE;
	if (more)
		return MBOX_MORE;
	/* One line end before, as the header may be empty. */
	at = find_from(window, end, num_max(*seen, head - 1), &cut);
	if (cut || (at == window.n && !end)) {
		*seen = cut ? at - 1 : window.n > LINE_MAX ? window.n - LINE_MAX : 0;
		return MBOX_MORE;
	}
	out->used = at;
	out->quoted = true;
	out->text = without_last_empty_line(str_sub(window, head, at - head));
	return MBOX_DONE;
}

/* ---- what it was before ---- */

static void
add_flag(struct buf *flags, struct str name)
{
	if (flags->n + name.n + 1 > MBOX_FLAGS_MAX)
		return;
	if (flags->n > 0)
		(void)buf_putc(flags, ' ');
	(void)buf_str(flags, name);
}

static void
letters(struct str value, struct buf *flags)
{
	static const struct {
		char letter;
		struct str name;
	} known[] = {{'R', STR_INIT("\\Seen")}, {'A', STR_INIT("\\Answered")},
	    {'F', STR_INIT("\\Flagged")}, {'D', STR_INIT("\\Deleted")}, {'T', STR_INIT("\\Draft")}};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_chr(value, known[i].letter) < value.n)
			add_flag(flags, known[i].name);
}

/* Thunderbird's bits; what is expunged there stands in the file until it is compacted. */
static void
mozilla(struct str value, struct buf *flags)
{
	unsigned bits = 0;

	for (size_t i = 0; i < value.n && i < 8; i++)
		bits = bits << 4 | (unsigned)num_max(num_hex(value.p[i]), 0);
	if (bits & 0x0001)
		add_flag(flags, STR("\\Seen"));
	if (bits & 0x0002)
		add_flag(flags, STR("\\Answered"));
	if (bits & 0x0004)
		add_flag(flags, STR("\\Flagged"));
	if (bits & 0x0008)
		add_flag(flags, STR("\\Deleted"));
}

static void
keywords(struct str value, struct buf *flags)
{
	struct str word;
	bool more = true;

	while (more) {
		more = str_cut(&value, ' ', &word);
		if ((word = str_trim(word)).n > 0 && word.p[0] != '\\')
			add_flag(flags, word);
	}
}

static void
nothing(struct str value, struct buf *flags)
{
	(void)value;
	(void)flags;
}

static const struct {
	struct str name;
	void (*read)(struct str value, struct buf *flags);
} keepers[] = {
    {STR_INIT("status"), letters},
    {STR_INIT("x-status"), letters},
    {STR_INIT("x-keywords"), keywords},
    {STR_INIT("x-mozilla-keys"), keywords},
    {STR_INIT("x-mozilla-status"), mozilla},
    {STR_INIT("x-mozilla-status2"), nothing},
    {STR_INIT("x-uid"), nothing},
    {STR_INIT("x-imap"), nothing},
    {STR_INIT("x-imapbase"), nothing},
    {STR_INIT("content-length"), nothing},
};

/* Is the line one of the keeper's fields? Then what it says is noted. */
static bool
is_keepers(struct str line, struct buf *flags)
{
	size_t colon = str_chr(line, ':');

	for (size_t i = 0; i < ARRAY_LEN(keepers) && colon < line.n; i++) {
		if (!str_ieq(str_sub(line, 0, colon), keepers[i].name))
			continue;
		keepers[i].read(str_trim(str_from(line, colon + 1)), flags);
		return true;
	}
	return false;
}

/* A line without its end; *ended: it has one. */
static struct str
take_line(struct str *text, bool *ended)
{
	struct str line;

	*ended = str_cut(text, '\n', &line);
	if (!*ended)
		*text = STR_NONE;
	if (*ended && line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

static void
put_line(struct buf *out, struct str line, bool ended)
{
	(void)buf_str(out, line);
	if (ended)
		(void)buf_put(out, "\r\n", 2);
}

static bool
is_quoted(struct str line)
{
	size_t n = 0;

	while (n < line.n && line.p[n] == '>')
		n++;
	return n > 0 && str_starts(str_from(line, n), from_);
}

int
mbox_write(const struct mbox_message *m, struct buf *out, struct buf *flags, bool *keeper)
{
	bool header = true, ours = false, ended;
	struct str text = m->text;

	*keeper = false;
	while (text.n > 0) {
		struct str line = take_line(&text, &ended);

		if (header && line.n == 0)
			header = false;
		/* A folded field goes on in the next line (RFC 5322 2.2.3). */
		if (header && !(ours && is_space(line.p[0])))
			ours = is_keepers(line, flags);
		if (header && str_istarts(line, STR("subject:")) &&
		    str_find(line, STR("FOLDER INTERNAL DATA")) < line.n)
			*keeper = true;
		if (header && ours)
			continue;
		if (!header && m->quoted && is_quoted(line))
			line = str_from(line, 1);
		put_line(out, line, ended);
	}
	return out->over ? -1 : 0;
}

int
mbox_crlf(struct str text, struct buf *out)
{
	bool ended;

	while (text.n > 0) {
		struct str line = take_line(&text, &ended);

		put_line(out, line, ended);
	}
	return out->over ? -1 : 0;
}
