/* zone.c - see zone.h. */
#include "ctl/zone.h"

#include <arpa/inet.h>

#include "base/buf.h"
#include "ctl/client.h"
#include "net/idna.h"

#define TEXT_MAX   200000u
#define STRING_MAX 255u /* RFC 1035 3.3.14 */

static void
put_address(struct buf *b, int family, const void *address)
{
	char text[INET6_ADDRSTRLEN];

	(void)buf_puts(b, inet_ntop(family, address, text, sizeof(text)));
}

static void
put_hex(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		(void)buf_printf(b, "%02x", (unsigned char)s.p[i]);
}

struct str
zone_rdata(enum dns_type type, const struct dns_record *r)
{
	struct buf b;
	struct str out;

	buf_init(&b, TEXT_MAX);
	switch (type) {
	case DNS_A:
		put_address(&b, AF_INET, &r->a);
		break;
	case DNS_AAAA:
		put_address(&b, AF_INET6, &r->aaaa);
		break;
	case DNS_TXT:
		(void)buf_str(&b, r->data);
		break;
	case DNS_TLSA:
		(void)buf_printf(&b, "%u %u %u ", r->usage, r->selector, r->matching);
		put_hex(&b, r->data);
		break;
	case DNS_SRV:
		(void)buf_printf(
		    &b, "%u %u %u " STR_FMT, r->preference, r->weight, r->port, STR_ARG(r->name));
		break;
	case DNS_MX:
		(void)buf_printf(&b, "%u " STR_FMT, r->preference, STR_ARG(r->name));
		break;
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
		(void)buf_str(&b, r->name);
		break;
	}
	out = arena_dup(&ctl.arena, buf_view(&b));
	buf_free(&b);
	return out;
}

struct str
zone_strings(struct str text)
{
	struct buf b;
	struct str out;

	buf_init(&b, TEXT_MAX);
	do {
		struct str one = str_sub(text, 0, STRING_MAX);

		(void)buf_puts(&b, b.n > 0 ? " \"" : "\"");
		for (size_t i = 0; i < one.n; i++) {
			if (one.p[i] == '"' || one.p[i] == '\\')
				(void)buf_putc(&b, '\\');
			(void)buf_putc(&b, one.p[i]);
		}
		(void)buf_putc(&b, '"');
		text = str_from(text, one.n);
	} while (text.n > 0);
	out = arena_dup(&ctl.arena, buf_view(&b));
	buf_free(&b);
	return out;
}

struct str
zone_txt(struct str name, struct str text)
{
	return arena_printf(
	    &ctl.arena, STR_FMT ". IN TXT " STR_FMT, STR_ARG(name), STR_ARG(zone_strings(text)));
}

int
zone_ask(struct str name, enum dns_type type, struct dns_answer *out, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;

	ipc_begin(&m, MSG_DNS_ASK);
	ipc_put_str(&m, name);
	ipc_put_u32(&m, type);
	ipc_put_u32(&m, 0);
	if (client_call("dnsd", &m, &in, e) < 0)
		return -1;
	if (dns_answer_get(&in, type, &ctl.arena, out) < 0)
		return err_set(e, E_PROTO, "unreadable answer");
	return 0;
}

int
zone_domain(const char *given, struct str *out, struct err *e)
{
	if (idna_to_ascii(str_z(given), &ctl.arena, out, e) < 0)
		return err_wrap(e, "%.100s", given);
	return 0;
}
