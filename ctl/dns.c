/* dns.c - gkmail dns. */
#include <inttypes.h>
#include <stdio.h>

#include "ctl/ctl.h"
#include "ctl/output.h"
#include "ctl/zone.h"

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
		json_str(&j, NULL, zone_rdata(r->type, &r->records[i]));
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
		out_str(stdout, zone_rdata(r->type, &r->records[i]));
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
	enum dns_type type;

	if (args_end(2, 2, e) < 0)
		return -1;
	if ((type = dns_type_parse(str_z(ctl.args[1]))) == 0)
		return err_set(e, E_INVAL,
		    "%.20s: the type is one of A, AAAA, CNAME, MX, NS, PTR, SRV, TLSA, TXT",
		    ctl.args[1]);
	if (zone_ask(str_z(ctl.args[0]), type, &r, e) < 0)
		return -1;
	if (ctl.json)
		print_json(&r);
	else
		print_text(ctl.args[0], &r);
	return r.status == DNS_TEMP || r.status == DNS_BOGUS ? EXIT_LATER
	       : r.status == DNS_FOUND                       ? 0
							     : EXIT_FAIL;
}
