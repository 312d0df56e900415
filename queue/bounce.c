/*
 * bounce.c - see bounce.h. Pure text: nothing here asks or sends.
 */
#include "queue/bounce.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/compose.h"
#include "mail/xtext.h"

#define ORCPT_MAX 600u

bool
bounce_wanted(const struct envelope *env, const struct envelope_rcpt *r, enum bounce_kind kind)
{
	/* RFC 5321 6.1: nothing is ever sent about what came with a null reverse-path. */
	if (env->sender.n == 0 || (r->notify & NOTIFY_NEVER))
		return false;
	if (kind == BOUNCE_DELIVERED)
		return (r->notify & NOTIFY_SUCCESS) != 0;
	if (r->notify == NOTIFY_DEFAULT)
		return true;
	return (r->notify & (kind == BOUNCE_FAILED ? NOTIFY_FAILURE : NOTIFY_DELAY)) != 0;
}

/* ---- values ---- */

/* "5.1.1" of "5.1.1 no such user" (RFC 3463 2); the kind's own where there is none. */
static struct str
status_of(struct str text, enum bounce_kind kind)
{
	static const struct str defaults[] = {
	    STR_INIT("5.0.0"), STR_INIT("4.0.0"), STR_INIT("2.0.0")};
	struct str rest = text, head;
	size_t dots = 0;

	str_cut(&rest, ' ', &head);
	for (size_t i = 0; i < head.n; i++) {
		if (head.p[i] == '.')
			dots++;
		else if (!is_digit(head.p[i]))
			return defaults[kind];
	}
	return dots == 2 && head.n <= 9 && head.p[1] == '.' ? head : defaults[kind];
}

static struct str
final_address(const struct bounce_item *i)
{
	return i->target.n ? i->target : i->rcpt->address;
}

/* "mx1.example" of "mx1.example [192.0.2.1]:25". */
static struct str
host_name(const struct bounce_item *i)
{
	return str_sub(i->host, 0, str_chr(i->host, ' '));
}

static bool
is_utf8(const struct bounce *b)
{
	if ((b->env->flags & ENVELOPE_SMTPUTF8) || !str_is_ascii(b->env->sender))
		return true;
	for (size_t i = 0; i < b->n; i++)
		if (!str_is_ascii(b->items[i].rcpt->address) ||
		    !str_is_ascii(final_address(&b->items[i])))
			return true;
	return false;
}

static void
put_field(struct buf *out, const char *name, const char *type, struct str value)
{
	struct buf v;

	buf_init(&v, 4096);
	buf_puts(&v, type);
	buf_str(&v, str_sub(value, 0, 2000));
	compose_raw(out, name, buf_view(&v));
	buf_free(&v);
}

static void
put_date(struct buf *out, const char *name, int64_t s)
{
	char date[CLOCK_RFC5322_SIZE];

	compose_raw(out, name, str_z(clock_rfc5322(s, date)));
}

/* ---- the parts ---- */

static void
put_header(const struct bounce *b, struct str mid, const char *boundary, struct buf *out)
{
	static const char *const subjects[] = {"Undelivered mail: returned to sender",
	    "Delayed mail: still being tried", "Mail was delivered"};
	char line[400];

	put_date(out, "Date", b->now);
	snprintf(line, sizeof(line), "MAILER-DAEMON@%s", b->host);
	compose_address(out, "From", STR("Mail Delivery System"), str_z(line));
	compose_address(out, "To", STR_NONE, b->env->sender);
	compose_text(out, "Subject", str_z(subjects[b->kind]));
	snprintf(line, sizeof(line), "<" STR_FMT "@%s>", STR_ARG(mid), b->host);
	compose_raw(out, "Message-ID", str_z(line));
	/* RFC 3834 5: answered by no one. */
	compose_raw(out, "Auto-Submitted", STR("auto-replied"));
	compose_raw(out, "MIME-Version", STR("1.0"));
	snprintf(line, sizeof(line),
	    "multipart/report; report-type=delivery-status; boundary=\"%s\"", boundary);
	compose_raw(out, "Content-Type", str_z(line));
	if (!str_is_ascii(str_sub(b->original, 0, BOUNCE_ORIGINAL)) || is_utf8(b))
		compose_raw(out, "Content-Transfer-Encoding", STR("8bit"));
	buf_puts(out, "\r\n");
}

static void
put_words(const struct bounce *b, struct buf *out)
{
	static const char *const words[] = {"Your message could not be delivered to the addresses "
					    "below. It will not be tried again.\n",
	    "Your message has not yet been delivered to the addresses below. It is still being "
	    "tried;\n"
	    "you need not send it again.\n",
	    "Your message was delivered to the addresses below, as you asked to be told.\n"};
	struct buf text;

	buf_init(&text, 128 << 10);
	buf_printf(&text, "This is the mail server at %s.\n\n", b->host);
	buf_puts(&text, words[b->kind]);
	for (size_t i = 0; i < b->n; i++) {
		buf_printf(&text, "\n<" STR_FMT ">\n", STR_ARG(b->items[i].rcpt->address));
		if (b->items[i].action == BOUNCE_RELAYED)
			buf_printf(&text,
			    "    relayed to " STR_FMT ", which will tell nothing more about it\n",
			    STR_ARG(host_name(&b->items[i])));
		else if (b->items[i].text.n)
			buf_printf(
			    &text, "    " STR_FMT "\n", STR_ARG(str_sub(b->items[i].text, 0, 300)));
	}
	buf_puts(out,
	    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
	compose_lines(out, buf_view(&text));
	buf_free(&text);
}

/* RFC 3464 2.3.6: what the other host said is of type smtp, its reply with the code in front. */
static void
put_diagnostic(const struct bounce_item *i, struct buf *out)
{
	struct str words = str_from(i->text, num_min(str_chr(i->text, ' ') + 1, i->text.n));
	bool reply = i->host.n > 0 && words.n > 3 && is_digit(words.p[0]) && is_digit(words.p[1]) &&
		     is_digit(words.p[2]) && words.p[3] == ' ';

	if (i->text.n == 0)
		return;
	put_field(out, "Diagnostic-Code", reply ? "smtp; " : "x-gkmail; ",
	    str_sub(reply ? words : i->text, 0, 400));
}

/* RFC 3464 2.2 and 2.3; RFC 6533 4 where addresses are UTF-8. */
static void
put_item(const struct bounce *b, const struct bounce_item *i, struct buf *out)
{
	static const char *const kinds[] = {"failed", "delayed", "delivered"};
	static const char *const actions[] = {
	    [BOUNCE_EXPANDED] = "expanded", [BOUNCE_RELAYED] = "relayed"};
	const char *type = str_is_ascii(final_address(i)) ? "rfc822; " : "utf-8; ";
	struct buf v;

	buf_puts(out, "\r\n");
	if (i->rcpt->orcpt.n) {
		buf_init(&v, 2048);
		xtext_decode(str_sub(i->rcpt->orcpt, 0, ORCPT_MAX), &v);
		compose_raw(out, "Original-Recipient", buf_view(&v));
		buf_free(&v);
	} else if (!str_ieq(i->rcpt->address, final_address(i))) {
		put_field(out, "Original-Recipient", type, i->rcpt->address);
	}
	put_field(out, "Final-Recipient", type, final_address(i));
	compose_raw(out, "Action",
	    str_z(i->action == BOUNCE_AS_KIND ? kinds[b->kind] : actions[i->action]));
	compose_raw(out, "Status", status_of(i->text, b->kind));
	if (i->host.n)
		put_field(out, "Remote-MTA", "dns; ", host_name(i));
	if (b->kind != BOUNCE_DELIVERED || i->action == BOUNCE_RELAYED)
		put_diagnostic(i, out);
	put_date(out, "Last-Attempt-Date", b->now);
	if (b->kind == BOUNCE_DELAYED && b->until > b->now)
		put_date(out, "Will-Retry-Until", b->until);
}

static void
put_status(const struct bounce *b, struct buf *out)
{
	struct buf v;

	buf_puts(out, is_utf8(b) ? "Content-Type: message/global-delivery-status\r\n"
				   "Content-Transfer-Encoding: 8bit\r\n\r\n"
				 : "Content-Type: message/delivery-status\r\n\r\n");
	put_field(out, "Reporting-MTA", "dns; ", str_z(b->host));
	if (b->env->envid.n) {
		buf_init(&v, 2048);
		xtext_decode(b->env->envid, &v);
		compose_raw(out, "Original-Envelope-Id", buf_view(&v));
		buf_free(&v);
	}
	put_date(out, "Arrival-Date", b->env->arrived / 1000000);
	for (size_t i = 0; i < b->n; i++)
		put_item(b, &b->items[i], out);
}

/* Up to the empty line, in whole lines, at most n octets. */
static struct str
header_of(struct str s, size_t n)
{
	size_t end = str_find(s, STR("\r\n\r\n"));

	if (end < s.n && end + 2 <= n)
		return str_sub(s, 0, end + 2);
	s = str_sub(s, 0, n);
	while (s.n > 0 && s.p[s.n - 1] != '\n')
		s.n--;
	return s;
}

/* RFC 3461 6.2: all of it for RET=FULL, its header for RET=HDRS; ours to choose where neither was
 * asked, and a large one goes back as its header. */
static void
put_original(const struct bounce *b, struct buf *out)
{
	/* Our own Return-Path is not what was sent. */
	struct str s = str_from(b->original, b->env->return_path);
	bool whole = b->kind == BOUNCE_FAILED && b->env->ret != RET_HDRS &&
		     b->size <= BOUNCE_ORIGINAL && b->original.n == b->size;
	bool global = is_utf8(b);

	if (!whole)
		s = header_of(s, BOUNCE_HEADER);
	if (whole)
		buf_puts(out, global ? "Content-Type: message/global\r\n"
				     : "Content-Type: message/rfc822\r\n");
	else
		buf_puts(out, global ? "Content-Type: message/global-headers\r\n"
				     : "Content-Type: text/rfc822-headers\r\n");
	buf_puts(out, str_is_ascii(s) ? "\r\n" : "Content-Transfer-Encoding: 8bit\r\n\r\n");
	buf_str(out, s);
}

static void
put_delimiter(struct buf *out, const char *boundary, const char *end)
{
	buf_printf(out, "\r\n--%s%s\r\n", boundary, end);
}

int
bounce_write(
    const struct bounce *b, struct str mid, struct buf *out, uint32_t *flags, uint32_t *return_path)
{
	static const struct str top = STR_INIT("Return-Path: <>\r\n");
	char boundary[40];

	assume(b->n > 0 && b->n <= BOUNCE_ITEMS);
	compose_boundary(mid, 0, boundary);
	buf_str(out, top);
	*return_path = (uint32_t)top.n;
	put_header(b, mid, boundary, out);
	put_delimiter(out, boundary, "");
	put_words(b, out);
	put_delimiter(out, boundary, "");
	put_status(b, out);
	put_delimiter(out, boundary, "");
	put_original(b, out);
	put_delimiter(out, boundary, "--");
	*flags = (str_is_ascii(buf_view(out)) ? 0 : ENVELOPE_8BITMIME) |
		 (is_utf8(b) ? ENVELOPE_SMTPUTF8 : 0);
	return out->over ? -1 : 0;
}
