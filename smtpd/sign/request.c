/*
 * request.c - see request.h.
 *
 * A submission is signed for the domain of its From field when authd, asked by the token that came
 * with it, says that its sender may use every address there; else it goes unsigned, and the log
 * says so. What gk-smtpd says of sender or domain counts for nothing.
 */
#include "smtpd/sign/request.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "ipc/parcel.h"
#include "mail/address.h"
#include "mail/addrlist.h"
#include "mail/header.h"
#include "net/idna.h"
#include "smtpd/dkim/dkim_sign.h"
#include "smtpd/sign/keys.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define TOKEN_MAX   64u
#define AUTHORS_MAX 16u /* as in gk-smtpd */
#define OUT_MAX     8192u
#define CHUNK       65536u

struct request {
	struct ipc_chan *chan;
	uint64_t id;
	enum ipc_type answer;
	struct arena a;
	struct str mid, token;
	bool own;        /* the queue's */
	bool looked;     /* the header was looked at */
	bool ended;      /* all octets are there */
	uint64_t asking; /* authd */
	struct parcel_in *in;
	struct dkim_signer *signer;
	struct str domain, user;
	uint64_t size, began;
};

static size_t under_way;
static void (*drained)(void);

/* ---- life ---- */

static struct request *
request_new(struct ipc_chan *c, uint64_t id, enum ipc_type answer, struct str mid)
{
	struct request *r = mem_alloc(sizeof(*r));

	r->chan = c;
	r->id = id;
	r->answer = answer;
	arena_init(&r->a);
	r->signer = dkim_signer_new();
	r->mid = arena_dup(&r->a, str_sub(mid, 0, ID_LEN));
	r->domain = r->user = STR("");
	r->began = clock_us();
	under_way++;
	return r;
}

static void
request_free(struct request *r)
{
	if (r->asking != 0)
		ipc_cancel(svc_channel(PEER_AUTHD), r->asking);
	parcel_in_free(&r->in);
	dkim_signer_free(&r->signer);
	arena_free(&r->a);
	free(r);
	if (--under_way == 0 && drained != NULL)
		drained();
}

size_t
request_count(void)
{
	return under_way;
}

void
request_drain(void (*fn)(void))
{
	drained = fn;
	if (under_way == 0)
		fn();
}

static void
fail(struct request *r, const struct err *e)
{
	log_warn(
	    "sign.refuse", LS("mid", r->mid), LS("user", r->user), LS("domain", r->domain), LE(e));
	ipc_reply_error(r->chan, r->id, e);
	request_free(r);
}

static void
answer(struct request *r, struct str fields)
{
	struct ipc_out m;

	ipc_begin(&m, r->answer);
	ipc_put_str(&m, fields);
	ipc_reply(r->chan, r->id, &m);
	request_free(r);
}

/* No signature is an answer too. */
static void
go_unsigned(struct request *r, const char *why)
{
	metric_add(METRIC_SIGN_UNSIGNED, 1);
	log_info("sign.unsigned", LS("mid", r->mid), LS("user", r->user), LS("domain", r->domain),
	    LZ("reason", why));
	answer(r, STR(""));
}

static void
sign(struct request *r)
{
	const struct dkim_key *found[DKIM_KEYS_MAX];
	size_t n = keys_of(r->domain, found);
	uint64_t began = clock_us();
	struct buf fields;
	struct err e;

	buf_init(&fields, OUT_MAX);
	if (n == 0) {
		go_unsigned(r, "no keys");
	} else if (dkim_signer_end(r->signer, found, n, clock_wall_us() / 1000000, &fields, &e) <
		   0) {
		fail(r, &e);
	} else {
		metric_add(METRIC_SIGN_SIGNED, 1);
		metric_observe(METRIC_SIGN_SECONDS, clock_us() - began);
		log_info("sign.done", LS("mid", r->mid), LS("user", r->user),
		    LS("domain", dkim_key_domain(found[0])), LU("keys", n), LU("size", r->size),
		    LU("ms", (clock_us() - r->began) / 1000));
		answer(r, buf_view(&fields));
	}
	buf_free(&fields);
}

/* ---- who may have it signed ---- */

static void
checked(void *arg, struct ipc_in *m, const struct err *e)
{
	struct request *r = arg;
	struct err bad;
	uint32_t owned;

	r->asking = 0;
	if (m == NULL) {
		fail(r, e);
		return;
	}
	r->user = arena_dup(&r->a, ipc_get_str(m));
	owned = ipc_get_u32(m);
	if (ipc_end(m) < 0) {
		err_set(&bad, E_TEMP, "the answer of authd makes no sense");
		fail(r, &bad);
	} else if (owned == 0) {
		go_unsigned(r, "an address in From is not the sender's");
	} else if (r->ended) {
		sign(r);
	}
}

/* The one From field's addresses, canonical, and the domain of all of them. NULL, or why there is
 * none. */
static const char *
find_authors(struct request *r, struct str header, struct str out[AUTHORS_MAX], size_t *n)
{
	struct header_field f, from = {.name = STR_NONE};
	struct addrlist list;
	struct str one;

	*n = 0;
	while (header_next(&header, &f)) {
		if (!str_ieq_z(f.name, "From"))
			continue;
		if (from.name.p != NULL)
			return "several From fields";
		from = f;
	}
	if (from.name.p == NULL)
		return "no From field";
	addrlist_parse(header_unfold(from.value, &r->a), &r->a, &list);
	for (size_t i = 0; i < list.n; i++) {
		struct str host = list.v[i].host;

		if (host.p == NULL)
			continue; /* the name of a group */
		if (*n == AUTHORS_MAX)
			return "too many authors";
		if (address_canonical(arena_printf(&r->a, STR_FMT "@" STR_FMT,
					  STR_ARG(list.v[i].mailbox), STR_ARG(host)),
			&r->a, &out[*n], NULL) < 0 ||
		    idna_to_ascii(str_trim(host), &r->a, &one, NULL) < 0)
			return "no address in From";
		if (*n > 0 && !str_eq(one, r->domain))
			return "authors of several domains";
		r->domain = one;
		(*n)++;
	}
	return *n > 0 ? NULL : "no address in From";
}

static void
ask(struct request *r, const struct str *authors, size_t n)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_SIGN_CHECK);
	ipc_put_str(&m, r->token);
	ipc_put_list(&m, authors, n);
	r->asking = ipc_call(svc_channel(PEER_AUTHD), &m, checked, r);
}

/* What the queue may have signed: mail in this server's name, and the reports about DMARC. */
static bool
is_own(struct str domain)
{
	struct str reports = conf_str(svc_conf(), CONF_DMARC_REPORT_FROM);

	return str_ieq(domain, conf_str(svc_conf(), CONF_SERVER_HOST_NAME)) ||
	       str_ieq(domain, address_host(reports));
}

static void
look(struct request *r, struct str header)
{
	const struct dkim_key *found[DKIM_KEYS_MAX];
	struct str authors[AUTHORS_MAX];
	size_t n;
	const char *why = find_authors(r, header, authors, &n);

	r->looked = true;
	if (why == NULL && keys_of(r->domain, found) == 0)
		why = "no keys";
	if (why == NULL && r->own && !is_own(r->domain))
		why = "not From this server's name";
	if (why != NULL)
		go_unsigned(r, why);
	else if (!r->own)
		ask(r, authors, n);
	else if (r->ended)
		sign(r);
}

/* ---- octets ---- */

static void
on_octets(void *arg, struct str octets)
{
	struct request *r = arg;
	struct str header;
	struct err e;
	bool whole;

	r->size += octets.n;
	if (dkim_signer_feed(r->signer, octets, &e) < 0) {
		fail(r, &e);
		return;
	}
	header = dkim_signer_header(r->signer, &whole);
	if (whole && !r->looked)
		look(r, header);
}

static void
on_end(void *arg, const struct err *e)
{
	struct request *r = arg;
	bool whole;

	parcel_in_free(&r->in);
	r->ended = true;
	if (e != NULL)
		fail(r, e);
	else if (!r->looked)
		look(r, dkim_signer_header(r->signer, &whole));
	else if (r->asking == 0)
		sign(r);
}

/* All of it at once. Whether the header ends in an empty line or with the octets, it is looked at
 * at the end. */
static void
take_all(struct request *r, struct str octets)
{
	struct err e;

	r->size = octets.n;
	if (dkim_signer_feed(r->signer, octets, &e) < 0)
		fail(r, &e);
	else
		on_end(r, NULL);
}

/* ---- from the channels ---- */

void
request_submission(struct ipc_chan *c, struct ipc_in *m)
{
	static const struct parcel_in_events events = {.octets = on_octets, .end = on_end};
	bool put = m->type == MSG_SIGN_PUT;
	struct str mid = ipc_get_str(m), token = ipc_get_str(m), octets = STR_NONE;
	struct request *r;
	int fd = -1;

	if (put)
		octets = ipc_get_str(m);
	else
		fd = ipc_take_fd(m);
	if (ipc_end(m) < 0) {
		file_close(&fd);
		return;
	}
	r = request_new(c, m->id, put ? MSG_SIGN_PUT_R : MSG_SIGN_STREAM_R, mid);
	r->token = arena_dup(&r->a, str_sub(token, 0, TOKEN_MAX));
	if (put)
		take_all(r, octets);
	else
		r->in = parcel_in_new(fd, &events, r);
}

/* Of a file that the queue shows: its own to the last octet, so it may be read at once. */
static int
read_file(struct request *r, int fd, uint64_t from, uint64_t size, struct err *e)
{
	char *chunk = mem_alloc(CHUNK);
	int rc = 0;

	for (uint64_t at = from; rc == 0 && at < size; at += CHUNK) {
		size_t n = (size_t)num_min(size - at, (uint64_t)CHUNK);

		rc = file_pread(fd, chunk, n, (off_t)at, e);
		if (rc == 0)
			rc = dkim_signer_feed(r->signer, str_of(chunk, n), e);
	}
	free(chunk);
	r->size = size - from;
	return rc;
}

void
request_own(struct ipc_chan *c, struct ipc_in *m)
{
	bool put = m->type == MSG_SIGN_OWN;
	struct str mid = ipc_get_str(m), octets = STR_NONE;
	uint64_t skip = 0, size = 0;
	struct request *r;
	struct err e;
	int fd = -1;

	if (put) {
		octets = ipc_get_str(m);
	} else {
		skip = ipc_get_u32(m);
		size = ipc_get_u64(m);
		fd = ipc_take_fd(m);
	}
	if (ipc_end(m) < 0) {
		file_close(&fd);
		return;
	}
	r = request_new(c, m->id, put ? MSG_SIGN_OWN_R : MSG_SIGN_OWN_FILE_R, mid);
	r->own = true;
	if (put)
		take_all(r, octets);
	else if (read_file(r, fd, skip, size, &e) < 0)
		fail(r, &e);
	else
		on_end(r, NULL);
	file_close(&fd);
}
