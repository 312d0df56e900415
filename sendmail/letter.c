/*
 * letter.c - a message out of what a program writes: whole addresses, a From, no Bcc.
 *
 * Programs write what Sendmail took: lines of any end, addresses without a domain ("To: root"),
 * often no From. Date and Message-ID gk-smtpd adds. Everything else stays as it came.
 */
#include <errno.h>
#include <pwd.h>
#include <unistd.h>

#include "base/mem.h"
#include "mail/address.h"
#include "mail/addrlist.h"
#include "mail/compose.h"
#include "mail/header.h"
#include "sendmail/sendmail.h"

#define READ_SIZE 65536u

/* ---- reading ---- */

/* A state between chunks: what the line under way is. */
struct reader {
	struct buf *out;
	size_t line; /* where it begins */
	bool cr;     /* the last octet was one, and ended it */
	bool dots, ended;
};

static void
end_line(struct reader *r)
{
	struct buf *b = r->out;

	if (r->dots && b->n == r->line + 1 && b->p[r->line] == '.') {
		b->p[--b->n] = '\0';
		r->ended = true;
		return;
	}
	(void)buf_puts(b, "\r\n");
	r->line = b->n;
}

/* A bare CR is a line end, too: progress bars write it, and SMTP refuses it. NUL goes. */
static void
take(struct reader *r, struct str s)
{
	for (size_t i = 0, n; i < s.n && !r->ended; i += n + 1) {
		for (n = 0;
		     i + n < s.n && s.p[i + n] != '\n' && s.p[i + n] != '\r' && s.p[i + n] != '\0';)
			n++;
		(void)buf_put(r->out, s.p + i, n);
		if (n > 0)
			r->cr = false;
		if (i + n == s.n)
			return;
		if (s.p[i + n] == '\r' || (s.p[i + n] == '\n' && !r->cr))
			end_line(r);
		r->cr = s.p[i + n] == '\r';
	}
}

int
letter_read(int fd, bool dots, struct buf *out)
{
	struct reader r = {.out = out, .dots = dots};
	char *chunk = mem_alloc(READ_SIZE);
	ssize_t n = 0;

	while (!r.ended && !out->over && ((n = read(fd, chunk, READ_SIZE)) > 0 || errno == EINTR))
		if (n > 0)
			take(&r, str_of(chunk, (size_t)n));
	free(chunk);
	if (n < 0)
		return complain(EX_IOERR, "standard input: %s", strerror(errno));
	if (out->n > r.line && !r.ended)
		end_line(&r);
	return out->over ? complain(EX_DATAERR, "the message is too long") : EX_OK;
}

/* ---- addresses ---- */

struct making {
	const struct options *o;
	const struct account *who;
	struct arena *a;
	struct letter *l;
	bool resent; /* RFC 5322 3.6.6: the Resent fields say who gets it */
	bool has_from, own_from, has_sender;
};

static bool
is_dot_atom(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && (unsigned char)s.p[i] < 128 &&
		    !strchr("!#$%&'*+-/=?^_`{|}~.", s.p[i]))
			return false;
	return s.n > 0 && s.p[0] != '.' && s.p[s.n - 1] != '.' && str_find(s, STR("..")) == s.n;
}

/* A word, or a string in quotes where it must be one (RFC 5322 3.2.4). */
static void
put_word(struct buf *out, struct str s)
{
	if (is_dot_atom(s)) {
		(void)buf_str(out, s);
		return;
	}
	(void)buf_putc(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			(void)buf_putc(out, '\\');
		if (!is_cntl(s.p[i]))
			(void)buf_putc(out, s.p[i]);
	}
	(void)buf_putc(out, '"');
}

/* "root" is root@<this host>. */
static struct str
whole(const struct making *m, const struct addr *v)
{
	struct str host = v->host.n > 0 ? v->host : m->who->host, out;
	struct buf b;

	buf_init(&b, 2 * (v->mailbox.n + host.n) + 8);
	put_word(&b, v->mailbox);
	(void)buf_putc(&b, '@');
	(void)buf_str(&b, host);
	out = arena_dup(m->a, buf_view(&b));
	buf_free(&b);
	return out;
}

static int
add_recipient(struct making *m, const struct addr *v)
{
	struct letter *l = m->l;
	struct address address;
	struct recipient *to;
	struct err e;

	if (address_parse(whole(m, v), ADDRESS_UTF8, m->a, &address, &e) < 0)
		return complain(EX_DATAERR, STR_FMT ": %s", STR_ARG(v->mailbox), e.text);
	if (l->nto == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 8;
		to = arena_array(m->a, l->cap, sizeof(*to));
		if (l->nto > 0)
			memcpy(to, l->to, l->nto * sizeof(*to));
		l->to = to;
	}
	to = &l->to[l->nto++];
	to->address = address.text;
	to->login = v->host.n > 0 ? NULL : arena_dupz(m->a, v->mailbox);
	l->utf8 |= address.utf8;
	return EX_OK;
}

static int
add_list(struct making *m, struct str value)
{
	struct addrlist list;
	int rc = EX_OK;

	addrlist_parse(value, m->a, &list);
	for (size_t i = 0; i < list.n && rc == EX_OK; i++)
		if (list.v[i].host.p != NULL)
			rc = add_recipient(m, &list.v[i]);
	return rc;
}

static int
take_sender(struct making *m)
{
	const char *given = m->o->sender;
	struct address address;
	struct addrlist list;
	struct err e;

	m->l->sender = m->who->address;
	if (given == NULL)
		return EX_OK;
	if (given[0] == '\0' || strcmp(given, "<>") == 0) {
		m->l->sender = STR("");
		return EX_OK;
	}
	addrlist_parse(str_z(given), m->a, &list);
	if (list.n != 1 || list.v[0].host.p == NULL)
		return complain(EX_USAGE, "-f %s is not one address", given);
	if (address_parse(whole(m, &list.v[0]), ADDRESS_UTF8, m->a, &address, &e) < 0)
		return complain(EX_USAGE, "-f %s: %s", given, e.text);
	m->l->sender = address.text;
	m->l->utf8 |= address.utf8;
	return EX_OK;
}

/* ---- fields ---- */

static bool
is_one_of(struct str name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (str_ieq_z(name, *names))
			return true;
	return false;
}

static void
put_address(const struct making *m, const struct addr *v)
{
	struct buf *out = &m->l->text;

	if (v->name.n == 0) {
		(void)buf_str(out, whole(m, v));
		return;
	}
	/* An encoded word must stand outside of quotes (RFC 2047 5). */
	if (str_starts(v->name, STR("=?")))
		(void)buf_str(out, v->name);
	else
		put_word(out, v->name);
	(void)buf_printf(out, " <" STR_FMT ">", STR_ARG(whole(m, v)));
}

/* A list in which an address lacks its domain, written anew. */
static void
put_list(const struct making *m, struct str name, const struct addrlist *list)
{
	struct buf *out = &m->l->text;
	bool first = true;

	(void)buf_printf(out, STR_FMT ":", STR_ARG(name));
	for (size_t i = 0; i < list->n; i++) {
		const struct addr *v = &list->v[i];

		if (v->host.p == NULL && v->mailbox.p == NULL) {
			(void)buf_putc(out, ';');
			first = false;
			continue;
		}
		(void)buf_puts(out, first ? " " : ",\r\n\t");
		first = v->host.p == NULL;
		if (first) {
			put_word(out, v->mailbox);
			(void)buf_putc(out, ':');
			continue;
		}
		put_address(m, v);
	}
	(void)buf_puts(out, "\r\n");
}

static void
put_addresses(struct making *m, const struct header_field *f)
{
	struct addrlist list;
	bool bare = false, own;

	addrlist_parse(f->value, m->a, &list);
	own = list.n == 1 && str_ieq(whole(m, &list.v[0]), m->who->address);
	for (size_t i = 0; i < list.n; i++)
		bare |= list.v[i].host.p != NULL && list.v[i].host.n == 0;
	if (str_ieq_z(f->name, "From")) {
		m->has_from = true;
		m->own_from = own;
	}
	m->has_sender |= str_ieq_z(f->name, "Sender");
	if (bare)
		put_list(m, f->name, &list);
	else
		(void)buf_str(&m->l->text, f->raw);
}

static int
put_field(struct making *m, const struct header_field *f)
{
	static const char *const addressed[] = {"To", "Cc", "Bcc", NULL};
	static const char *const readdressed[] = {"Resent-To", "Resent-Cc", "Resent-Bcc", NULL};
	/* What is nobody else's business, and what the server writes. */
	static const char *const dropped[] = {
	    "Bcc", "Resent-Bcc", "Return-Path", "Content-Length", NULL};
	static const char *const addresses[] = {"From", "Sender", "Reply-To", "To", "Cc",
	    "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", NULL};
	int rc = EX_OK;

	if (m->o->from_header && is_one_of(f->name, m->resent ? readdressed : addressed))
		rc = add_list(m, f->value);
	if (is_one_of(f->name, dropped))
		return rc;
	/* Who may write as itself alone is told to be the sender below. */
	if (str_ieq_z(f->name, "Sender") && !m->who->any)
		return rc;
	if (is_one_of(f->name, addresses))
		put_addresses(m, f);
	else
		(void)buf_str(&m->l->text, f->raw);
	return rc;
}

/* The name that stands before the address: -F, or what the system knows. */
static struct str
full_name(const struct making *m)
{
	const struct passwd *pw = getpwuid(getuid());
	struct str name, gecos;

	if (m->o->name != NULL)
		return str_z(m->o->name);
	if (m->o->sender != NULL || pw == NULL)
		return STR_NONE;
	gecos = str_z(pw->pw_gecos);
	str_cut(&gecos, ',', &name);
	return str_is_utf8(name) ? arena_dup(m->a, name) : STR_NONE;
}

static void
put_missing(const struct making *m)
{
	const struct account *who = m->who;
	struct str from = m->l->sender.n > 0 && who->any ? m->l->sender : who->address;

	if (!m->has_from)
		compose_address(&m->l->text, "From", full_name(m), from);
	/* RFC 5322 3.6.2: it was not the author who sent it. */
	else if (!m->own_from && !who->any)
		compose_address(&m->l->text, "Sender", STR_NONE, who->address);
}

static bool
is_resent(struct str header)
{
	struct header_field f;

	return header_find(header, STR("Resent-To"), &f) ||
	       header_find(header, STR("Resent-Cc"), &f) ||
	       header_find(header, STR("Resent-Bcc"), &f);
}

int
letter_make(struct str raw, const struct options *o, const struct account *who, struct arena *a,
    struct letter *out)
{
	struct making m = {.o = o, .who = who, .a = a, .l = out};
	struct str before, rest = raw;
	struct header_field f;
	int rc = take_sender(&m);

	for (int i = 0; i < o->nto && rc == EX_OK; i++)
		rc = add_list(&m, str_z(o->to[i]));
	m.resent = is_resent(str_sub(raw, 0, header_length(raw)));
	/* The first line of a mailbox file (RFC 4155) is no field. */
	if (str_starts(rest, STR("From ")))
		rest = str_from(rest, str_chr(rest, '\n') + 1);
	for (before = rest; rc == EX_OK && header_next(&rest, &f) && f.name.n > 0; before = rest)
		rc = put_field(&m, &f);
	if (rc != EX_OK)
		return rc;
	put_missing(&m);
	if (!str_starts(before, STR("\r\n")))
		(void)buf_puts(&out->text, "\r\n");
	(void)buf_str(&out->text, before);
	if (out->text.over)
		return complain(EX_DATAERR, "the message is too long");
	return out->nto > 0 ? EX_OK : complain(EX_USAGE, "the message has no recipient");
}
