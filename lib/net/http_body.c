/* http_body.c - content by length or in chunks (RFC 9112 6, 7.1). See http.h. */
#include "base/num.h"
#include "net/http.h"

#define EXTRA_MAX 4096u /* of extensions and trailers together */

enum state {
	SIZE,      /* hexadecimal digits of a chunk's size */
	EXTENSION, /* behind ';', ignored (RFC 9112 7.1.1) */
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER, /* at the start of a line behind the last chunk */
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	END_LF,
	WHOLE
};

static int
refuse(struct http_error *e, enum http_refusal status, const char *why)
{
	*e = (struct http_error){status, why};
	return -1;
}

int
http_body_init(struct http_body *b, const struct http_head *h, uint64_t max, struct http_error *e)
{
	*b = (struct http_body){.framing = h->framing, .left = h->length, .max = max};
	if (h->framing == HTTP_LENGTH && h->length > max)
		return refuse(e, HTTP_CONTENT_TOO_LARGE, "content that long");
	if (h->framing == HTTP_CHUNKED)
		b->left = 0;
	return 0;
}

/* Extensions and trailers are of no use to anybody here: a little of them is passed over. */
static int
pass_over(struct http_body *b, char c, enum state at_cr, struct http_error *e)
{
	if (c == '\r')
		b->state = at_cr;
	else if (is_cntl(c) && c != '\t')
		return refuse(e, HTTP_BAD_REQUEST, "a control character between chunks");
	else if (++b->extra > EXTRA_MAX)
		return refuse(e, HTTP_FIELDS_TOO_LARGE, "extensions or trailers that long");
	return 0;
}

#define EXT_WORD   1u /* of http_body.line: there is something behind the last ';' */
#define EXT_QUOTED 2u

/* ";name=value;name=\"value\"": ignored, but read so that its end is where all see it. */
static int
extension(struct http_body *b, char c, struct http_error *e)
{
	bool quoted = (b->line & EXT_QUOTED) != 0, word = (b->line & EXT_WORD) != 0;

	if (c == '"')
		b->line ^= EXT_QUOTED;
	else if (c == ';' && !quoted)
		b->line &= ~EXT_WORD;
	else if (http_is_tchar(c))
		b->line |= EXT_WORD;
	else if (!quoted && c != '=' && c != '\r')
		return refuse(e, HTTP_BAD_REQUEST, "a chunk's extension that is none");
	if ((c == '\r' && (quoted || !word)) || (!word && (c == '"' || c == '=' || c == ';')))
		return refuse(e, HTTP_BAD_REQUEST, "a chunk's extension that is none");
	return pass_over(b, c, SIZE_LF, e);
}

static int
size_digit(struct http_body *b, char c, struct http_error *e)
{
	int digit = num_hex(c);

	if (digit >= 0 && b->line < 16) {
		b->line++;
		b->left = b->left << 4 | (uint64_t)digit;
		if (b->left > b->max)
			return refuse(e, HTTP_CONTENT_TOO_LARGE, "content that long");
	} else if (b->line > 0 && c == ';') {
		b->state = EXTENSION;
		b->line = 0;
	} else if (b->line > 0 && c == '\r') {
		b->state = SIZE_LF;
	} else {
		return refuse(e, HTTP_BAD_REQUEST, "a chunk's size that is none");
	}
	return 0;
}

/* A line behind the last chunk: a field, or the empty one that ends the body. */
static int
trailer(struct http_body *b, char c, struct http_error *e)
{
	if (b->state == TRAILER && c == '\r') {
		b->state = END_LF;
	} else if (b->state == TRAILER_NAME && c == ':') {
		b->state = TRAILER_VALUE;
	} else if (http_is_tchar(c)) {
		b->state = TRAILER_NAME;
		return pass_over(b, c, b->state, e);
	} else {
		return refuse(e, HTTP_BAD_REQUEST, "a trailer that is none");
	}
	return 0;
}

static int
line_feed(struct http_body *b, char c, enum state next, struct http_error *e)
{
	if (c != '\n')
		return refuse(e, HTTP_BAD_REQUEST, "a CR without LF between chunks");
	b->state = next;
	b->line = 0;
	return 0;
}

/* One octet that is no content. */
static int
step(struct http_body *b, char c, struct http_error *e)
{
	switch ((enum state)b->state) {
	case SIZE:
		return size_digit(b, c, e);
	case EXTENSION:
		return extension(b, c, e);
	case SIZE_LF:
		b->max -= num_min(b->left, b->max);
		return line_feed(b, c, b->left > 0 ? DATA : TRAILER, e);
	case DATA_CR:
		b->state = DATA_LF;
		return c == '\r' ? 0 : refuse(e, HTTP_BAD_REQUEST, "a chunk of another size");
	case DATA_LF:
		return line_feed(b, c, SIZE, e);
	case TRAILER:
	case TRAILER_NAME:
		return trailer(b, c, e);
	case TRAILER_VALUE:
		return pass_over(b, c, TRAILER_LF, e);
	case TRAILER_LF:
		return line_feed(b, c, TRAILER, e);
	case END_LF:
		return line_feed(b, c, WHOLE, e);
	case DATA:
	case WHOLE:
		break;
	}
	return 0;
}

static struct str
take(struct http_body *b, struct str in)
{
	struct str content = str_sub(in, 0, (size_t)num_min(b->left, (uint64_t)in.n));

	b->left -= content.n;
	return content;
}

int
http_body_read(
    struct http_body *b, struct str in, size_t *used, struct str *content, struct http_error *e)
{
	*used = 0;
	*content = STR_NONE;
	if (b->framing != HTTP_CHUNKED) {
		*content = take(b, in);
		*used = content->n;
		return b->left == 0;
	}
	while (*used < in.n && b->state != DATA && b->state != WHOLE)
		if (step(b, in.p[(*used)++], e) < 0)
			return -1;
	if (b->state == DATA && *used < in.n) {
		*content = take(b, str_from(in, *used));
		*used += content->n;
		if (b->left == 0)
			b->state = DATA_CR;
	}
	return b->state == WHOLE;
}
