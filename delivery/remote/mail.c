/* mail.c - what is to be sent. See mail.h. Owner: delivery.c. */
#include "delivery/remote/mail.h"

#include "base/num.h"
#include "io/file.h"
#include "mail/address.h"
#include "net/idna.h"

#define CHUNK 65536u

size_t
mail_waiting(const struct mail *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += !m->rcpts[i].decided;
	return n;
}

void
mail_decide(struct mail *m, struct mail_rcpt *r, enum deliver_result result, struct str text,
    struct str host)
{
	if (r->decided)
		return;
	r->decided = true;
	r->result = result;
	r->text = arena_dup(m->arena, text);
	r->host = arena_dup(m->arena, host);
}

void
mail_decide_all(struct mail *m, enum deliver_result result, struct str text, struct str host)
{
	for (size_t i = 0; i < m->n; i++)
		mail_decide(m, &m->rcpts[i], result, text, host);
}

void
mail_note(struct mail *m, struct str text, struct str host)
{
	struct str t = arena_dup(m->arena, text), h = arena_dup(m->arena, host);

	for (size_t i = 0; i < m->n; i++) {
		if (m->rcpts[i].decided)
			continue;
		m->rcpts[i].text = t;
		m->rcpts[i].host = h;
	}
}

/* ---- octets above 127 ---- */

/* Cuts s behind the empty line that ends the header (RFC 5322 2.1), or leaves it. crlf: how much of
 * CRLF CRLF stood before s. True when it was found. */
static bool
cut_header(struct str *s, unsigned *crlf)
{
	static const char end[] = "\r\n\r\n";

	for (size_t i = 0; i < s->n; i++) {
		if (s->p[i] == end[*crlf])
			++*crlf;
		else
			*crlf = s->p[i] == '\r';
		if (*crlf == 4) {
			s->n = i;
			return true;
		}
	}
	return false;
}

int
mail_is_ascii(const struct mail *m, enum mail_part part, bool *ascii, struct err *e)
{
	static char chunk[CHUNK];
	struct str s = m->octets;
	unsigned crlf = 2; /* a message that begins with an empty line has no header */
	bool end = false;

	*ascii = true;
	for (uint64_t at = 0; at < m->size && *ascii && !end; at += s.n) {
		if (m->octets.n == 0) {
			s = str_of(chunk, (size_t)num_min((uint64_t)CHUNK, m->size - at));
			if (file_pread(m->fd, chunk, s.n, (off_t)(m->skip + at), e) < 0)
				return -1;
		}
		end = part == MAIL_HEADER && cut_header(&s, &crlf);
		*ascii = str_is_ascii(s);
	}
	return 0;
}

int
mail_ascii_address(struct arena *a, struct str address, struct str *out)
{
	struct str local, domain;

	if (str_is_ascii(address)) {
		*out = address;
		return 0;
	}
	if (!address_split(address, &local, &domain) || !str_is_ascii(local) ||
	    idna_to_ascii(domain, a, &domain, NULL) < 0)
		return -1;
	*out = arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(local), STR_ARG(domain));
	return 0;
}
