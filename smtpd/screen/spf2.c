/* spf2.c - SPF by libspf2. See spf2.h. */
#include "smtpd/screen/spf2.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include <spf2/spf.h>
#include <spf2/spf_dns_rr.h>

#include "base/mem.h"

#define TEXT_MAX 4096 /* of an answer's strings */

/* One evaluation. The library's resolver has a pointer to it. */
struct run {
	struct facts *f;
	bool wait;
};

static void
silent(const char *file, int line, const char *text)
{
	(void)file;
	(void)line;
	(void)text;
}

/* The record as a string: a NUL inside would hide what follows it, so it becomes an octet that no
 * term may have. */
static bool
put_record(SPF_dns_rr_t *rr, int i, enum fact_type type, struct str record)
{
	size_t n = type == FACT_A || type == FACT_AAAA ? record.n : record.n + 1;
	char *to;

	if (SPF_dns_rr_buf_realloc(rr, i, n > sizeof(*rr->rr[0]) ? n : sizeof(*rr->rr[0])) !=
	    SPF_E_SUCCESS)
		return false;
	to = (char *)rr->rr[i];
	memcpy(to, record.p, record.n);
	if (n == record.n)
		return true;
	to[record.n] = '\0';
	for (size_t k = 0; k < record.n; k++)
		if (to[k] == '\0')
			to[k] = '\1';
	return true;
}

static SPF_dns_stat_t
status_of(const struct fact *x)
{
	switch (x->status) {
	case FACT_FOUND:
		return NETDB_SUCCESS;
	case FACT_NODATA:
		return NO_DATA;
	case FACT_NXDOMAIN:
		return HOST_NOT_FOUND;
	case FACT_FAILED:
	case FACT_WISHED:
		break;
	}
	return TRY_AGAIN;
}

static bool
is_asked(ns_type t)
{
	return t == ns_t_a || t == ns_t_aaaa || t == ns_t_mx || t == ns_t_ptr || t == ns_t_txt;
}

/* The library's question. A name that cannot be asked for does not exist. */
static SPF_dns_rr_t *
lookup(SPF_dns_server_t *dns, const char *domain, ns_type type, int cache)
{
	struct run *run = dns->hook;
	struct str name = str_z(domain);
	const struct fact *x;
	SPF_dns_rr_t *rr;

	(void)cache;
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	if (!facts_name_ok(name) || !is_asked(type))
		return SPF_dns_rr_new_init(dns, domain, type, 0, HOST_NOT_FOUND);
	if ((x = facts_get(run->f, name, (enum fact_type)type)) == NULL) {
		run->wait = true;
		return SPF_dns_rr_new_init(dns, domain, type, 0, TRY_AGAIN);
	}
	rr = SPF_dns_rr_new_init(dns, domain, type, 0, status_of(x));
	for (size_t i = 0; rr != NULL && i < x->n; i++) {
		assume(put_record(rr, (int)i, (enum fact_type)type, x->records[i]));
		rr->num_rr = (int)i + 1;
	}
	return rr;
}

static void
set_peer(SPF_request_t *r, const struct sockaddr_storage *peer)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
	struct in_addr v4;

	if (peer->ss_family == AF_INET) {
		SPF_request_set_ipv4(r, ((const struct sockaddr_in *)peer)->sin_addr);
	} else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		memcpy(&v4, v6->sin6_addr.s6_addr + 12, sizeof(v4));
		SPF_request_set_ipv4(r, v4);
	} else {
		SPF_request_set_ipv6(r, v6->sin6_addr);
	}
}

static enum spf_result
result_of(SPF_response_t *r, SPF_errcode_t code)
{
	switch (SPF_response_result(r)) {
	case SPF_RESULT_NEUTRAL:
		return SPF_NEUTRAL;
	case SPF_RESULT_PASS:
		return SPF_PASS;
	case SPF_RESULT_FAIL:
		return SPF_FAIL;
	case SPF_RESULT_SOFTFAIL:
		return SPF_SOFTFAIL;
	case SPF_RESULT_NONE:
		return SPF_NONE;
	case SPF_RESULT_PERMERROR:
		return SPF_PERMERROR;
	case SPF_RESULT_INVALID:
		/* A record that does not compile ends without a result. */
		return code == SPF_E_DNS_ERROR ? SPF_TEMPERROR : SPF_PERMERROR;
	case SPF_RESULT_TEMPERROR:
		break;
	}
	return SPF_TEMPERROR;
}

/* Printable ASCII of bounded length. */
static struct str
words(struct arena *a, const char *z)
{
	size_t n = z == NULL ? 0 : strnlen(z, TEXT_MAX);
	char *out = arena_alloc(a, n + 1);

	for (size_t i = 0; i < n; i++)
		out[i] = is_cntl(z[i]) || (unsigned char)z[i] > 126 ? '?' : z[i];
	return str_of(out, n);
}

static void
take_problem(SPF_response_t *r, struct arena *a, struct spf_answer *out)
{
	if (out->result != SPF_TEMPERROR && out->result != SPF_PERMERROR)
		return;
	for (int i = 0; i < SPF_response_messages(r) && out->problem.n == 0; i++)
		if (SPF_error_errorp(SPF_response_message(r, i)))
			out->problem = words(a, SPF_error_message(SPF_response_message(r, i)));
}

/* As SPF_request_query_mailfrom() does, which however lets any loopback address pass unasked. */
static SPF_errcode_t
evaluate(SPF_server_t *server, SPF_request_t *request, SPF_response_t *response)
{
	SPF_record_t *record = NULL;
	SPF_errcode_t code;

	request->cur_dom = request->env_from_dp;
	code = SPF_server_get_record(server, request, response, &record);
	response->spf_record_exp = record; /* whose exp= counts */
	if (code == SPF_E_SUCCESS)
		code = SPF_record_interpret(record, request, response, 0);
	response->spf_record_exp = NULL;
	if (record != NULL)
		SPF_record_free(record);
	return code;
}

/* 2.4: without a sender HELO is checked. */
static struct str
checked_domain(const struct spf_query *q)
{
	size_t at = str_rchr(q->sender, '@');

	if (q->sender.n == 0)
		return q->helo;
	return at == q->sender.n ? q->sender : str_from(q->sender, at + 1);
}

static void
ask(SPF_server_t *server, const struct spf_query *q, struct facts *f, struct spf_answer *out)
{
	SPF_request_t *request = SPF_request_new(server);
	SPF_response_t *response = NULL;
	SPF_errcode_t code;
	struct arena a;

	assume(request != NULL);
	arena_init(&a);
	set_peer(request, &q->peer);
	SPF_request_set_helo_dom(request, arena_dupz(&a, q->helo));
	SPF_request_set_env_from(request, arena_dupz(&a, q->sender));
	assume((response = SPF_response_new(request)) != NULL);
	code = evaluate(server, request, response);
	out->domain = arena_dup(f->arena, checked_domain(q));
	out->result = result_of(response, code);
	take_problem(response, f->arena, out);
	SPF_response_free(response);
	SPF_request_free(request);
	arena_free(&a);
}

enum spf_result
spf2_check(const struct spf_query *q, struct facts *f, struct spf_answer *out)
{
	struct run run = {.f = f};
	SPF_dns_server_t dns = {.lookup = lookup, .name = "facts", .hook = &run};
	struct arena a;
	SPF_server_t *server;

	SPF_warning_handler = silent;
	SPF_info_handler = silent;
	SPF_debug_handler = silent;
	server = SPF_server_new_dns(&dns, 0);
	assume(server != NULL);
	arena_init(&a);
	*out = (struct spf_answer){0};
	SPF_server_set_rec_dom(server, arena_dupz(&a, q->receiver));
	ask(server, q, f, out);
	SPF_server_free(server);
	arena_free(&a);
	if (run.wait)
		out->result = SPF_WAIT;
	return out->result;
}
