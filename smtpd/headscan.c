/*
 * headscan.c - what the server must know of a message's header. See headscan.h.
 */
#include "smtpd/headscan.h"

#include "base/str.h"

void
headscan_init(struct headscan *h, bool collect)
{
	*h = (struct headscan){.state = HEADSCAN_BOL, .collect = collect};
	buf_init(&h->from_value, HEADSCAN_VALUE_MAX);
	buf_init(&h->sender_value, HEADSCAN_VALUE_MAX);
}

void
headscan_free(struct headscan *h)
{
	buf_free(&h->from_value);
	buf_free(&h->sender_value);
}

static void
done(struct headscan *h)
{
	h->state = HEADSCAN_DONE;
	h->absent = h->fields == 0;
	h->overflow = h->from_value.over || h->sender_value.over;
}

/* The name is whole: a field of it begins. */
static void
field(struct headscan *h)
{
	struct str name = str_of(h->name, h->name_n);

	h->fields++;
	h->into = NULL;
	h->state = HEADSCAN_VALUE;
	if (str_ieq_z(name, "Received")) {
		h->received++;
	} else if (str_ieq_z(name, "Date")) {
		h->date = true;
	} else if (str_ieq_z(name, "Message-ID")) {
		h->message_id = true;
	} else if (str_ieq_z(name, "From")) {
		h->from++;
		h->into = h->collect ? &h->from_value : NULL;
	} else if (str_ieq_z(name, "Sender")) {
		h->sender++;
		h->into = h->collect ? &h->sender_value : NULL;
	}
}

static void
at_bol(struct headscan *h, char c)
{
	if (c == '\r') {
		h->state = HEADSCAN_CR;
	} else if (c == '\n') {
		done(h);
	} else if (is_space(c)) {
		/* A folded value goes on; before the first field it is text that has no header
		 * above it. */
		if (h->fields == 0 && h->octets == 1)
			done(h);
		else
			h->state = HEADSCAN_VALUE;
		if (h->into)
			(void)buf_putc(h->into, ' ');
	} else if (c == ':' || is_cntl(c) || (unsigned char)c > 127) {
		h->into = NULL;
		h->state = HEADSCAN_JUNK;
	} else {
		h->into = NULL;
		h->name[0] = c;
		h->name_n = 1;
		h->state = HEADSCAN_NAME;
	}
}

static void
in_name(struct headscan *h, char c)
{
	if (c == ':') {
		field(h);
	} else if (c == '\n') {
		h->state = HEADSCAN_BOL;
	} else if (is_space(c)) {
		h->state = HEADSCAN_BLANK;
	} else if (h->state == HEADSCAN_BLANK || (unsigned char)c <= 32 ||
		   (unsigned char)c >= 127) {
		h->state = HEADSCAN_JUNK;
	} else if (h->name_n < HEADSCAN_NAME_MAX) {
		/* A longer name is cut, and then is none of those looked for. */
		h->name[h->name_n++] = c;
	}
}

/* One octet; only lines as they begin come this way, the rest is skipped in bulk. */
static void
octet(struct headscan *h, char c)
{
	switch (h->state) {
	case HEADSCAN_BOL:
		at_bol(h, c);
		break;
	case HEADSCAN_CR:
		if (c == '\n')
			done(h);
		else
			h->state = HEADSCAN_JUNK;
		break;
	case HEADSCAN_NAME:
	case HEADSCAN_BLANK:
		in_name(h, c);
		break;
	case HEADSCAN_VALUE:
	case HEADSCAN_JUNK:
	case HEADSCAN_DONE:
		break;
	}
}

void
headscan_feed(struct headscan *h, const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end && h->state != HEADSCAN_DONE) {
		if (h->state == HEADSCAN_VALUE || h->state == HEADSCAN_JUNK) {
			const char *nl = memchr(p, '\n', (size_t)(end - p));
			const char *stop = nl ? nl + 1 : end;

			if (h->into && h->state == HEADSCAN_VALUE)
				(void)buf_put(h->into, p, (size_t)(stop - p));
			h->octets += (size_t)(stop - p);
			p = stop;
			if (nl)
				h->state = HEADSCAN_BOL;
		} else {
			h->octets++;
			octet(h, *p++);
		}
		if (h->fields == 0 && h->octets > HEADSCAN_JUNK_MAX)
			done(h);
	}
}

void
headscan_finish(struct headscan *h)
{
	if (h->state != HEADSCAN_DONE)
		done(h);
}
