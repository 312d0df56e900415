/*
 * form.c - see form.h.
 */
#include "mailboxd/jmap/form.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "base/num.h"
#include "mail/addrlist.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mail/msgid.h"
#include "mail/rfc2047.h"
#include "json/json.h"

#define DECODED_MAX(n) ((n)*4 + 64) /* octets that n of a value can become as UTF-8 */

/* ---- text ---- */

static struct str
nfc(struct str s, struct arena *a)
{
	utf8proc_uint8_t *out = NULL;
	utf8proc_ssize_t n;
	struct str copy;

	if (str_is_ascii(s))
		return s;
	n = utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &out,
	    UTF8PROC_COMPOSE | UTF8PROC_STABLE);
	if (n < 0)
		return s;
	copy = arena_dup(a, str_of(out, (size_t)n));
	free(out);
	return copy;
}

/* RFC 8621 4.1.2.2: unfolded, without leading spaces, encoded words decoded, no NUL or (encoded)
 * control left, in NFC. */
struct str
jmap_form_text(struct str value, struct arena *a)
{
	struct buf text;
	struct str out;
	size_t n = 0;

	buf_init(&text, DECODED_MAX(value.n));
	rfc2047_decode(value, &text);
	for (size_t i = 0; i < text.n; i++)
		if (!is_cntl(text.p[i]) || text.p[i] == '\t')
			text.p[n++] = text.p[i];
	out = arena_dup(a, str_trim(str_of(text.p, n)));
	buf_free(&text);
	return nfc(out, a);
}

/* RFC 8621 4.1.2.1: NULs are dropped, wrong UTF-8 is replaced (which json_print_str does). */
static void
put_raw(struct str value, struct arena *a, struct buf *out)
{
	char *to;
	size_t n = 0;

	if (value.n > 0 && memchr(value.p, '\0', value.n) != NULL) {
		to = arena_alloc(a, value.n);
		for (size_t i = 0; i < value.n; i++)
			if (value.p[i] != '\0')
				to[n++] = value.p[i];
		value = str_of(to, n);
	}
	json_print_str(value, out);
}

/* ---- addresses ---- */

static bool
is_atom(struct str s)
{
	bool dot = true;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '.' ? dot : c <= ' ' || c == 127 || strchr("()<>[]:;@\\,\"", c) != NULL)
			if ((unsigned char)c < 128)
				return false;
		dot = c == '.';
	}
	return s.n > 0 && !dot;
}

/* addr-spec: the local part in quotes where it must be (RFC 5322 3.4.1). */
static struct str
address_text(const struct addr *ad, struct arena *a)
{
	char *quoted;
	size_t n = 0;

	if (is_atom(ad->mailbox) || ad->host.n == 0)
		return ad->host.n == 0 ? ad->mailbox
				       : arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(ad->mailbox),
					     STR_ARG(ad->host));
	quoted = arena_alloc(a, ad->mailbox.n * 2 + 3 + ad->host.n);
	quoted[n++] = '"';
	for (size_t i = 0; i < ad->mailbox.n; i++) {
		if (ad->mailbox.p[i] == '"' || ad->mailbox.p[i] == '\\')
			quoted[n++] = '\\';
		quoted[n++] = ad->mailbox.p[i];
	}
	quoted[n++] = '"';
	quoted[n++] = '@';
	memcpy(quoted + n, ad->host.p, ad->host.n);
	return str_of(quoted, n + ad->host.n);
}

/* null where nothing is left. */
static void
put_name(struct str name, struct arena *a, struct buf *out)
{
	struct str text = name.n > 0 ? jmap_form_text(name, a) : STR_NONE;

	if (text.n > 0)
		json_print_str(text, out);
	else
		(void)buf_puts(out, "null");
}

static void
put_address(const struct addr *ad, struct arena *a, struct buf *out)
{
	(void)buf_puts(out, "{\"name\":");
	put_name(ad->name, a, out);
	(void)buf_puts(out, ",\"email\":");
	json_print_str(address_text(ad, a), out);
	(void)buf_puts(out, "}");
}

/* RFC 8621 4.1.2.3: groups are passed over, their members are not. */
static void
put_addresses(struct str value, struct arena *a, struct buf *out)
{
	struct addrlist list;
	const char *comma = "";

	addrlist_parse(value, a, &list);
	(void)buf_puts(out, "[");
	for (size_t i = 0; i < list.n; i++) {
		if (list.v[i].host.p == NULL)
			continue;
		(void)buf_puts(out, comma);
		put_address(&list.v[i], a, out);
		comma = ",";
	}
	(void)buf_puts(out, "]");
}

/* RFC 8621 4.1.2.4: what stands in no group is gathered under the name null. */
static void
put_grouped(struct str value, struct arena *a, struct buf *out)
{
	struct addrlist list;
	bool open = false, more = false;
	const char *comma = "";

	addrlist_parse(value, a, &list);
	(void)buf_puts(out, "[");
	for (size_t i = 0; i < list.n; i++) {
		const struct addr *ad = &list.v[i];
		bool begins = ad->host.p == NULL && ad->mailbox.p != NULL;

		if (ad->host.p == NULL && open) {
			(void)buf_puts(out, "]}");
			open = false;
		}
		if (begins || (ad->host.p != NULL && !open)) {
			(void)buf_printf(out, "%s{\"name\":", comma);
			put_name(begins ? ad->mailbox : STR_NONE, a, out);
			(void)buf_puts(out, ",\"addresses\":[");
			comma = ",";
			open = true;
			more = false;
		}
		if (ad->host.p != NULL) {
			(void)buf_puts(out, more ? "," : "");
			put_address(ad, a, out);
			more = true;
		}
	}
	(void)buf_puts(out, open ? "]}]" : "]");
}

/* ---- ids, dates, URLs ---- */

static void
put_message_ids(struct str value, struct arena *a, struct buf *out)
{
	struct msgid_list list;

	msgid_parse(value, a, &list);
	if (list.n == 0) {
		(void)buf_puts(out, "null");
		return;
	}
	for (size_t i = 0; i < list.n; i++) {
		(void)buf_puts(out, i == 0 ? "[" : ",");
		json_print_str(list.v[i], out);
	}
	(void)buf_puts(out, "]");
}

static void
put_date(struct str value, struct buf *out)
{
	char text[DATE_RFC3339_SIZE] = "";
	struct date d;

	if (date_parse(str_trim(value), &d) == 0)
		(void)date_rfc3339(d.utc, d.zone, text);
	(void)buf_printf(out, text[0] != '\0' ? "\"%s\"" : "null", text);
}

/* RFC 2369 2: "<url>, <url>" with comments around; blanks in a URL are folding. */
static void
put_urls(struct str value, struct arena *a, struct buf *out)
{
	const char *before = "[";
	struct str rest = value, url;

	while (str_cut(&rest, '<', &url) && str_cut(&rest, '>', &url)) {
		char *to = arena_alloc(a, url.n + 1);
		size_t n = 0;

		for (size_t i = 0; i < url.n; i++)
			if (!is_space(url.p[i]) && !is_cntl(url.p[i]))
				to[n++] = url.p[i];
		(void)buf_puts(out, before);
		json_print_str(str_of(to, n), out);
		before = ",";
	}
	(void)buf_puts(out, before[0] == '[' ? "null" : "]");
}

void
jmap_form_put(enum jmap_form form, struct str value, struct buf *out)
{
	struct arena a;

	arena_init(&a);
	switch (form) {
	case FORM_RAW:
		put_raw(value, &a, out);
		break;
	case FORM_TEXT:
		json_print_str(jmap_form_text(value, &a), out);
		break;
	case FORM_ADDRESSES:
		put_addresses(value, &a, out);
		break;
	case FORM_GROUPED_ADDRESSES:
		put_grouped(value, &a, out);
		break;
	case FORM_MESSAGE_IDS:
		put_message_ids(value, &a, out);
		break;
	case FORM_DATE:
		put_date(value, out);
		break;
	case FORM_URLS:
		put_urls(value, &a, out);
		break;
	}
	arena_free(&a);
}

/* ---- which field may have which form ---- */

#define BIT(form)     (1u << (form))
#define ADDRESS_FORMS (BIT(FORM_ADDRESSES) | BIT(FORM_GROUPED_ADDRESSES))

/* Fields that RFC 5322 and RFC 2369 define; any other may have any form. */
static const struct {
	struct str name;
	unsigned forms; /* beside FORM_RAW */
} known[] = {
    {STR_INIT("Date"), BIT(FORM_DATE)},
    {STR_INIT("From"), ADDRESS_FORMS},
    {STR_INIT("Sender"), ADDRESS_FORMS},
    {STR_INIT("Reply-To"), ADDRESS_FORMS},
    {STR_INIT("To"), ADDRESS_FORMS},
    {STR_INIT("Cc"), ADDRESS_FORMS},
    {STR_INIT("Bcc"), ADDRESS_FORMS},
    {STR_INIT("Message-ID"), BIT(FORM_MESSAGE_IDS)},
    {STR_INIT("In-Reply-To"), BIT(FORM_MESSAGE_IDS)},
    {STR_INIT("References"), BIT(FORM_MESSAGE_IDS)},
    {STR_INIT("Subject"), BIT(FORM_TEXT)},
    {STR_INIT("Comments"), BIT(FORM_TEXT)},
    {STR_INIT("Keywords"), BIT(FORM_TEXT)},
    {STR_INIT("List-Id"), BIT(FORM_TEXT)}, /* named by RFC 8621 4.1.2.2 */
    {STR_INIT("Resent-Date"), BIT(FORM_DATE)},
    {STR_INIT("Resent-From"), ADDRESS_FORMS},
    {STR_INIT("Resent-Sender"), ADDRESS_FORMS},
    {STR_INIT("Resent-Reply-To"), ADDRESS_FORMS},
    {STR_INIT("Resent-To"), ADDRESS_FORMS},
    {STR_INIT("Resent-Cc"), ADDRESS_FORMS},
    {STR_INIT("Resent-Bcc"), ADDRESS_FORMS},
    {STR_INIT("Resent-Message-ID"), BIT(FORM_MESSAGE_IDS)},
    {STR_INIT("Return-Path"), 0},
    {STR_INIT("Received"), 0},
    {STR_INIT("List-Help"), BIT(FORM_URLS)},
    {STR_INIT("List-Unsubscribe"), BIT(FORM_URLS)},
    {STR_INIT("List-Subscribe"), BIT(FORM_URLS)},
    {STR_INIT("List-Post"), BIT(FORM_URLS)},
    {STR_INIT("List-Owner"), BIT(FORM_URLS)},
    {STR_INIT("List-Archive"), BIT(FORM_URLS)},
};

static bool
may_have(struct str name, enum jmap_form form)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_ieq(name, known[i].name))
			return ((known[i].forms | BIT(FORM_RAW)) & BIT(form)) != 0;
	return true;
}

static const struct {
	struct str name;
	enum jmap_form form;
} forms[] = {
    {STR_INIT("asRaw"), FORM_RAW},
    {STR_INIT("asText"), FORM_TEXT},
    {STR_INIT("asAddresses"), FORM_ADDRESSES},
    {STR_INIT("asGroupedAddresses"), FORM_GROUPED_ADDRESSES},
    {STR_INIT("asMessageIds"), FORM_MESSAGE_IDS},
    {STR_INIT("asDate"), FORM_DATE},
    {STR_INIT("asURLs"), FORM_URLS},
};

static int
parse_form(struct str s, enum jmap_form *out)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (str_eq(s, forms[i].name)) {
			*out = forms[i].form;
			return 0;
		}
	return -1;
}

/* RFC 8621 4.1.3: header:{name}[:as{form}][:all] */
int
jmap_field_parse(struct str property, struct jmap_field *out)
{
	struct str part;
	bool more;

	*out = (struct jmap_field){.form = FORM_RAW};
	if (!str_cut(&property, ':', &part) || !str_eq(part, STR("header")))
		return -1;
	more = str_cut(&property, ':', &out->name);
	/* RFC 5322 2.2: printable ASCII without the colon. */
	for (size_t i = 0; i < out->name.n; i++)
		if (out->name.p[i] <= ' ' || out->name.p[i] >= 127)
			return -1;
	if (more) {
		more = str_cut(&property, ':', &part);
		out->all = !more && str_eq(part, STR("all"));
		if (!out->all && parse_form(part, &out->form) < 0)
			return -1;
	}
	if (more) {
		if (!str_eq(property, STR("all")))
			return -1;
		out->all = true;
	}
	return out->name.n > 0 && may_have(out->name, out->form) ? 0 : -1;
}

void
jmap_field_put(const struct jmap_field *f, struct str header, struct buf *out)
{
	struct header_field h;
	struct str last = STR_NONE;
	const char *before = "[";

	while (header_next(&header, &h)) {
		if (!str_ieq(h.name, f->name))
			continue;
		last = h.value.p != NULL ? h.value : STR("");
		if (!f->all)
			continue;
		(void)buf_puts(out, before);
		jmap_form_put(f->form, last, out);
		before = ",";
	}
	if (f->all)
		(void)buf_puts(out, before[0] == '[' ? "[]" : "]");
	else if (last.p == NULL)
		(void)buf_puts(out, "null");
	else
		jmap_form_put(f->form, last, out);
}
