/* dns_check.c - gkmail dns DOMAIN, and --check: what the world serves of it. */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/dns_records.h"
#include "ctl/output.h"
#include "sender/spf.h"
#include "svc/conf.h"

enum found {
	FOUND_OK,
	FOUND_MISSING,
	FOUND_DIFFERS,
	FOUND_UNKNOWN /* no answer now */
};

static const char *const found_names[] = {"ok", "missing", "differs", "unknown"};

/* ---- lines of a zone file ---- */

static bool
ends_in_name(enum dns_type t)
{
	return t == DNS_MX || t == DNS_SRV || t == DNS_CNAME || t == DNS_PTR;
}

static struct str
zone_line(const struct want *w)
{
	if (w->type == DNS_TXT)
		return zone_txt(w->name, w->text);
	return arena_printf(&ctl.arena, STR_FMT ". IN %s " STR_FMT "%s", STR_ARG(w->name),
	    dns_type_name(w->type), STR_ARG(w->text),
	    ends_in_name(w->type) && !str_ends(w->text, STR(".")) ? "." : "");
}

static void
print_zone(const struct wants *w)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->v[i].why != NULL)
			printf("%s; %s\n", i > 0 ? "\n" : "", w->v[i].why);
		fputs(w->v[i].elsewhere ? "; " : "", stdout);
		out_str(stdout, zone_line(&w->v[i]));
		putchar('\n');
	}
	if (w->tlsa_problem != NULL)
		printf("\n; %s\n", w->tlsa_problem);
}

static void
put_want(struct json *j, const struct wants *all, const struct want *w)
{
	json_str(j, "domain", all->domain);
	json_z(j, "what", w->what);
	json_str(j, "name", w->name);
	json_z(j, "type", dns_type_name(w->type));
	json_str(j, "text", w->text);
	json_str(j, "zone", zone_line(w));
	json_bool(j, "needed", w->needed);
}

static void
print_json(const struct wants *w)
{
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '[');
	for (size_t i = 0; i < w->n; i++) {
		json_open(&j, NULL, '{');
		put_want(&j, w, &w->v[i]);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_print(&j);
}

/* ---- one record ---- */

struct finding {
	const struct want *w;
	enum found found;
	struct str served[8];
	size_t n;
	struct str why;
};

static bool
is_text(const struct want *w, const struct dns_answer *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (str_ieq(zone_rdata(w->type, &r->records[i]), w->text))
			return true;
	return false;
}

/* Of TXT records at a name those that are of this kind at all: others are nobody's business. */
static bool
is_kind(const struct want *w, struct str served)
{
	return w->type != DNS_TXT || str_istarts(served, str_sub(w->text, 0, 5));
}

static void
judge(struct finding *f, const struct dns_answer *r)
{
	const struct want *w = f->w;

	for (size_t i = 0; i < r->n && f->n < ARRAY_LEN(f->served); i++) {
		struct str served = zone_rdata(w->type, &r->records[i]);

		if (is_kind(w, served))
			f->served[f->n++] = served;
	}
	if (r->status == DNS_TEMP || r->status == DNS_BOGUS) {
		f->found = FOUND_UNKNOWN;
		f->why = arena_dup(&ctl.arena, r->why); /* it lasts to the next question only */
	} else if ((w->there != NULL ? w->there : is_text)(w, r)) {
		f->found = FOUND_OK;
	} else {
		f->found = f->n > 0 ? FOUND_DIFFERS : FOUND_MISSING;
	}
}

static int
check_one(struct finding *f, struct err *e)
{
	struct dns_answer r;

	if (zone_ask(f->w->name, f->w->type, &r, e) < 0)
		return -1;
	if (f->w->type == DNS_CNAME && r.n == 0 && zone_ask(f->w->name, DNS_A, &r, e) < 0)
		return -1;
	judge(f, &r);
	return 0;
}

/* ---- the server's addresses ---- */

struct addresses {
	struct sockaddr_storage v[8];
	size_t n;
};

static int
find_addresses(struct str host, struct addresses *out, struct finding *f, struct err *e)
{
	static const enum dns_type types[] = {DNS_A, DNS_AAAA};

	*out = (struct addresses){.n = 0};
	for (size_t t = 0; t < ARRAY_LEN(types); t++) {
		struct dns_answer r;

		if (zone_ask(host, types[t], &r, e) < 0)
			return -1;
		if (r.status == DNS_TEMP || r.status == DNS_BOGUS) {
			f->found = FOUND_UNKNOWN;
			f->why = arena_dup(&ctl.arena, r.why);
		}
		for (size_t i = 0; i < r.n && out->n < ARRAY_LEN(out->v); i++) {
			struct sockaddr_storage *a = &out->v[out->n++];

			f->served[f->n++] = zone_rdata(types[t], &r.records[i]);
			if (types[t] == DNS_A)
				*(struct sockaddr_in *)a = (struct sockaddr_in){
				    .sin_family = AF_INET, .sin_addr = r.records[i].a};
			else
				*(struct sockaddr_in6 *)a = (struct sockaddr_in6){
				    .sin6_family = AF_INET6, .sin6_addr = r.records[i].aaaa};
		}
	}
	if (out->n > 0)
		f->found = FOUND_OK;
	else if (f->found != FOUND_UNKNOWN)
		f->found = FOUND_MISSING;
	return 0;
}

/* ---- SPF, by evaluation ---- */

static int
grant(struct facts *f, const struct fact *wish, struct err *e)
{
	struct dns_answer r;
	struct str *v;

	if (zone_ask(wish->name, (enum dns_type)wish->type, &r, e) < 0)
		return -1;
	v = arena_array(&ctl.arena, r.n + 1, sizeof(*v));
	for (size_t i = 0; i < r.n; i++)
		v[i] = wish->type == FACT_A      ? str_of(&r.records[i].a, 4)
		       : wish->type == FACT_AAAA ? str_of(&r.records[i].aaaa, 16)
		       : wish->type == FACT_TXT  ? r.records[i].data
						 : r.records[i].name;
	facts_put(f, wish->name, wish->type,
	    r.status == DNS_FOUND     ? FACT_FOUND
	    : r.status == DNS_NO_NAME ? FACT_NXDOMAIN
	    : r.status == DNS_NO_DATA ? FACT_NODATA
				      : FACT_FAILED,
	    v, r.n);
	return 0;
}

static int
evaluate(const struct sockaddr_storage *from, struct str domain, struct str host,
    struct spf_answer *out, struct err *e)
{
	struct spf_query q = {.peer = *from, .helo = host, .receiver = host};
	const struct fact *wish;
	struct facts f;

	q.sender = arena_printf(&ctl.arena, "postmaster@" STR_FMT, STR_ARG(domain));
	q.now = clock_wall_us() / 1000000;
	facts_init(&f, &ctl.arena);
	while (spf_check(&q, &f, out) == SPF_WAIT)
		while ((wish = facts_wish(&f, NULL)) != NULL)
			if (grant(&f, wish, e) < 0)
				return -1;
	return 0;
}

/* A record that does not let this server send is as bad as none. */
static int
check_spf(struct finding *f, const struct addresses *from, struct str host, struct err *e)
{
	struct spf_answer a;

	for (size_t i = 0; i < from->n && f->found == FOUND_OK; i++) {
		if (evaluate(&from->v[i], f->w->name, host, &a, e) < 0)
			return -1;
		if (a.result == SPF_PASS)
			continue;
		f->found = a.result == SPF_TEMPERROR ? FOUND_UNKNOWN : FOUND_DIFFERS;
		f->why = arena_printf(&ctl.arena, "for this server it says \"%s\" " STR_FMT,
		    spf_result_name(a.result), STR_ARG(a.problem));
	}
	return 0;
}

/* ---- PTR: by whoever has the addresses ---- */

static int
check_pointer(const struct sockaddr_storage *a, struct str host, struct want *w, struct finding *f,
    struct err *e)
{
	char name[DNS_REVERSE_SIZE];

	*w = (struct want){.what = "PTR",
	    .type = DNS_PTR,
	    .name = arena_dup(&ctl.arena, str_z(dns_reverse(a, name))),
	    .text = host,
	    .needed = true,
	    .elsewhere = true};
	*f = (struct finding){.w = w};
	return check_one(f, e);
}

/* ---- a domain ---- */

struct report {
	struct wants wants;
	struct want pointers[8];
	struct finding v[WANTS_MAX + 8];
	size_t n;
};

static int
check_domain(struct str domain, struct report *r, struct err *e)
{
	struct addresses from = {.n = 0};
	struct finding *f;

	*r = (struct report){.n = 0};
	if (dns_records(domain, &r->wants, e) < 0)
		return -1;
	for (size_t i = 0; i < r->wants.n; i++) {
		f = &r->v[r->n++];
		f->w = &r->wants.v[i];
		if (strcmp(f->w->what, "address") == 0) {
			if (find_addresses(r->wants.host, &from, f, e) < 0)
				return -1;
			continue;
		}
		if (check_one(f, e) < 0 || (strncmp(f->w->what, "SPF", 3) == 0 &&
					       check_spf(f, &from, r->wants.host, e) < 0))
			return -1;
	}
	for (size_t i = 0; i < from.n; i++)
		if (check_pointer(&from.v[i], r->wants.host, &r->pointers[i], &r->v[r->n++], e) < 0)
			return -1;
	return 0;
}

static void
report_json(struct json *j, const struct report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct finding *f = &r->v[i];

		json_open(j, NULL, '{');
		put_want(j, &r->wants, f->w);
		json_z(j, "status", found_names[f->found]);
		json_str(j, "why", f->why);
		json_open(j, "served", '[');
		for (size_t k = 0; k < f->n; k++)
			json_str(j, NULL, f->served[k]);
		json_close(j, ']');
		json_close(j, '}');
	}
}

static void
report_text(const struct report *r)
{
	printf("%.*s\n", (int)r->wants.domain.n, r->wants.domain.p);
	for (size_t i = 0; i < r->n; i++) {
		const struct finding *f = &r->v[i];

		printf("  %-8s%s  %-15s ", found_names[f->found],
		    f->found != FOUND_OK && f->w->needed ? "!" : " ", f->w->what);
		out_str(stdout, f->w->name);
		if (f->why.n > 0) {
			fputs(": ", stdout);
			out_str(stdout, f->why);
		}
		putchar('\n');
		if (f->found == FOUND_OK)
			continue;
		for (size_t k = 0; k < f->n; k++) {
			fputs("             served: ", stdout);
			out_str(stdout, f->served[k]);
			putchar('\n');
		}
		fputs("             put:    ", stdout);
		out_str(stdout, zone_line(f->w));
		putchar('\n');
	}
	if (r->wants.tlsa_problem != NULL)
		printf("  %s\n", r->wants.tlsa_problem);
}

static int
exit_code(const struct report *r, int before)
{
	for (size_t i = 0; i < r->n; i++) {
		enum found found = r->v[i].found;

		if (!r->v[i].w->needed || found == FOUND_OK)
			continue;
		if (found != FOUND_UNKNOWN)
			return EXIT_FAIL;
		before = before == 0 ? EXIT_LATER : before;
	}
	return before;
}

static int
check_all(const struct str *domains, size_t n, struct err *e)
{
	struct report *r = arena_array(&ctl.arena, 1, sizeof(*r));
	struct json j;
	int rc = 0;

	json_init(&j);
	json_open(&j, NULL, '[');
	for (size_t i = 0; i < n; i++) {
		if (check_domain(domains[i], r, e) < 0)
			return -1;
		if (ctl.json)
			report_json(&j, r);
		else
			report_text(r);
		rc = rc == EXIT_FAIL ? rc : exit_code(r, rc);
	}
	json_close(&j, ']');
	if (ctl.json)
		json_print(&j);
	return rc;
}

static int
own_domains(struct str **out, size_t *n, struct err *e)
{
	struct rows r;

	if (client_rows("authd", MSG_DOMAIN_LIST, 5, &r, e) < 0)
		return -1;
	*out = arena_array(&ctl.arena, r.n + 1, sizeof(**out));
	*n = 0;
	for (size_t i = 0; i < r.n; i += 5)
		if (zone_domain(arena_dupz(&ctl.arena, r.v[i]), &(*out)[(*n)++], e) < 0)
			return -1;
	return 0;
}

int
dns_check_each(dns_check_fn fn, void *arg, struct err *e)
{
	struct report *r = arena_array(&ctl.arena, 1, sizeof(*r));
	struct str *domains;
	size_t n;

	if (own_domains(&domains, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (check_domain(domains[i], r, e) < 0)
			return -1;
		for (size_t k = 0; k < r->n; k++) {
			const struct finding *f = &r->v[k];
			struct dns_found found = {
			    .what = f->w->what,
			    .name = f->w->name,
			    .status = found_names[f->found],
			    .why = f->why,
			    .record = zone_line(f->w),
			    .ok = f->found == FOUND_OK,
			    .bad = f->w->needed && f->found != FOUND_UNKNOWN,
			};

			fn(arg, &found);
		}
	}
	return 0;
}

int
dns_print(struct str domain, struct err *e)
{
	struct wants w;

	if (dns_records(domain, &w, e) < 0)
		return -1;
	print_zone(&w);
	return 0;
}

int
verb_dns(struct err *e)
{
	bool check = args_flag("--check");
	struct str one, *domains = &one;
	struct wants w;
	size_t n = 1;

	if (args_end(check ? 0 : 1, 1, e) < 0)
		return -1;
	if (ctl.nargs == 1 ? zone_domain(ctl.args[0], &one, e) < 0
			   : own_domains(&domains, &n, e) < 0)
		return -1;
	if (check)
		return check_all(domains, n, e);
	if (dns_records(one, &w, e) < 0)
		return -1;
	if (ctl.json)
		print_json(&w);
	else
		print_zone(&w);
	return 0;
}
