/* dns.c - gkmail dns. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/output.h"
#include "net/dns.h"

#define TEXT_MAX 200000u

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

/* As a zone file has it (RFC 1035 5.1), but for TXT, which is the text alone. */
static struct str
record_text(enum dns_type type, const struct dns_record *r)
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

static void
print_json(const struct dns_answer *r)
{
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '{');
	json_str(&j, "status", str_z(dns_status_name(r->status)));
	json_bool(&j, "secure", r->secure);
	json_num(&j, "ttl", r->ttl);
	json_str(&j, "canonical", r->canonical);
	json_str(&j, "why", r->why);
	json_open(&j, "records", '[');
	for (size_t i = 0; i < r->n; i++)
		json_str(&j, NULL, record_text(r->type, &r->records[i]));
	json_close(&j, ']');
	json_close(&j, '}');
	json_print(&j);
}

static void
print_text(const char *name, const struct dns_answer *r)
{
	static const char *const words[] = {[DNS_FOUND] = "",
	    [DNS_NO_DATA] = "no such record",
	    [DNS_NO_NAME] = "no such name",
	    [DNS_TEMP] = "no answer now",
	    [DNS_BOGUS] = "bogus: DNSSEC says that the answer is forged or broken",
	    [DNS_TOO_LARGE] = "the answer is too large"};

	for (size_t i = 0; i < r->n; i++) {
		out_str(stdout, record_text(r->type, &r->records[i]));
		putchar('\n');
	}
	if (r->status != DNS_FOUND)
		printf("%s%s%.*s\n", words[r->status], r->why.n > 0 ? ": " : "", (int)r->why.n,
		    r->why.n > 0 ? r->why.p : "");
	if (r->canonical.n > 0 && !str_ieq_z(r->canonical, name)) {
		fputs("alias of ", stdout);
		out_str(stdout, r->canonical);
		fputs(", ", stdout);
	}
	if (r->status != DNS_TEMP && r->status != DNS_BOGUS)
		printf("%s, good for %" PRIu32 " s\n", r->secure ? "secure" : "insecure", r->ttl);
}

int
verb_dns_lookup(struct err *e)
{
	struct dns_answer r;
	struct ipc_out m;
	struct ipc_in in;
	enum dns_type type;

	if (args_end(2, 2, e) < 0)
		return -1;
	if ((type = dns_type_parse(str_z(ctl.args[1]))) == 0)
		return err_set(e, E_INVAL,
		    "%.20s: the type is one of A, AAAA, CNAME, MX, NS, PTR, SRV, TLSA, TXT",
		    ctl.args[1]);
	ipc_begin(&m, MSG_DNS_ASK);
	ipc_put_z(&m, ctl.args[0]);
	ipc_put_u32(&m, type);
	ipc_put_u32(&m, 0);
	if (client_call("dnsd", &m, &in, e) < 0)
		return -1;
	if (dns_answer_get(&in, type, &ctl.arena, &r) < 0)
		return err_set(e, E_PROTO, "unreadable answer");
	if (ctl.json)
		print_json(&r);
	else
		print_text(ctl.args[0], &r);
	return r.status == DNS_TEMP || r.status == DNS_BOGUS ? EXIT_LATER
	       : r.status == DNS_FOUND                       ? 0
							     : EXIT_FAIL;
}
