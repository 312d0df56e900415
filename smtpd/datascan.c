/*
 * datascan.c - the octets behind DATA and BDAT. See datascan.h.
 */
#include "smtpd/datascan.h"

#include "base/mem.h"

void
datascan_init(struct datascan *d, bool dots, void (*out)(void *, const char *, size_t), void *arg)
{
	*d = (struct datascan){.state = DATASCAN_BOL, .dots = dots, .out = out, .arg = arg};
}

static void
give(struct datascan *d, const char *p, size_t n)
{
	if (n == 0)
		return;
	d->octets += n;
	d->out(d->arg, p, n);
}

static void
lengthen(struct datascan *d, size_t n)
{
	d->line += n;
	if (d->line > DATASCAN_LINE_MAX)
		d->long_line = true;
}

/*
 * The text of lines from p on: whole lines in bulk, as one run up to a stuffed dot or the end of
 * the input. Returns where it stopped: behind a CRLF (BOL), behind a held CR (CR), or at the end
 * (TEXT). Octets up to there are given out, the held CR is not.
 */
static const char *
text(struct datascan *d, const char *p, const char *end)
{
	const char *run = p;

	d->state = DATASCAN_TEXT;
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *line_end = nl ? nl : end;
		const char *cr = memchr(p, '\r', (size_t)(line_end - p));

		if (!nl) {
			/* No line end in sight; a CR as the last octet may become one. */
			if (cr == end - 1) {
				lengthen(d, (size_t)(cr - p));
				d->state = DATASCAN_CR;
				give(d, run, (size_t)(cr - run));
				return end;
			}
			d->bare_eol |= cr != NULL;
			if (cr && end[-1] == '\r') {
				lengthen(d, (size_t)(end - 1 - p));
				d->state = DATASCAN_CR;
				give(d, run, (size_t)(end - 1 - run));
				return end;
			}
			lengthen(d, (size_t)(end - p));
			break;
		}
		if (cr == nl - 1 && nl > p) {
			lengthen(d, (size_t)(cr - p));
			d->line = 0;
			p = nl + 1;
			if (p < end && (*p != '.' || !d->dots))
				continue;
			d->state = DATASCAN_BOL;
			give(d, run, (size_t)(p - run));
			return p;
		}
		/* A bare LF, or a bare CR somewhere before it. */
		d->bare_eol = true;
		lengthen(d, (size_t)(nl + 1 - p));
		p = nl + 1;
		if (nl > run && nl[-1] == '\r') {
			/* "x\ry\r\n": the line does end here, though the message is refused. */
			d->line = 0;
			d->state = DATASCAN_BOL;
			give(d, run, (size_t)(p - run));
			return p;
		}
	}
	give(d, run, (size_t)(end - run));
	return end;
}

/* Behind a CR that was held back: LF makes a line end of them. */
static const char *
after_cr(struct datascan *d, const char *p)
{
	static const char crlf[] = "\r\n";

	if (*p == '\n') {
		give(d, crlf, 2);
		d->line = 0;
		d->state = DATASCAN_BOL;
		return p + 1;
	}
	d->bare_eol = true;
	give(d, crlf, 1);
	lengthen(d, 1);
	if (*p == '\r')
		return p + 1; /* held back in its turn */
	d->state = DATASCAN_TEXT;
	return p;
}

static const char *
step(struct datascan *d, const char *p, const char *end)
{
	switch (d->state) {
	case DATASCAN_BOL:
		if (d->dots && *p == '.') {
			d->state = DATASCAN_DOT;
			return p + 1;
		}
		return text(d, p, end);
	case DATASCAN_DOT:
		/* The dot is dropped, whatever follows (RFC 5321 4.5.2). */
		if (*p == '\r') {
			d->state = DATASCAN_DOT_CR;
			return p + 1;
		}
		return text(d, p, end);
	case DATASCAN_DOT_CR:
		if (*p == '\n') {
			d->state = DATASCAN_END;
			return p + 1;
		}
		d->state = DATASCAN_CR;
		return p;
	case DATASCAN_CR:
		return after_cr(d, p);
	case DATASCAN_TEXT:
		return text(d, p, end);
	case DATASCAN_END:
		break;
	}
	return end;
}

size_t
datascan_feed(struct datascan *d, const char *p, size_t n)
{
	const char *at = p, *end = p + n;

	while (at < end && d->state != DATASCAN_END)
		at = step(d, at, end);
	return (size_t)(at - p);
}

void
datascan_finish(struct datascan *d)
{
	if (d->state == DATASCAN_CR) {
		d->bare_eol = true;
		give(d, "\r", 1);
	}
	d->state = DATASCAN_END;
}
