/* signing.c - see signing.h. */
#include "smtpd/signing.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "ipc/parcel.h"
#include "mail/addrlist.h"
#include "mail/header.h"
#include "net/idna.h"
#include "smtpd/session.h"
#include "smtpd/trace.h"
#include "svc/svc.h"

/* ---- which domains ---- */

static struct {
	bool known; /* gk-sign has spoken since we live */
	bool all;
	struct arena arena;
	struct str *v;
	uint32_t n;
} domains;

void
signing_domains(struct ipc_in *m)
{
	bool all = ipc_get_u32(m) != 0;
	uint32_t n = ipc_get_list(m);
	struct str *v;

	arena_free(&domains.arena);
	arena_init(&domains.arena);
	v = arena_array(&domains.arena, (size_t)n + 1, sizeof(*v));
	for (uint32_t i = 0; i < n; i++)
		v[i] = arena_dup(&domains.arena, ipc_get_item(m));
	domains.all = all;
	domains.v = v;
	domains.n = ipc_end(m) == 0 ? n : 0;
	domains.known = true;
}

static bool
has_keys(struct str domain)
{
	for (uint32_t i = 0; i < domains.n; i++)
		if (str_ieq(domains.v[i], domain))
			return true;
	return false;
}

bool
signing_wanted(struct str from, struct arena *a)
{
	struct addrlist list;
	struct str domain;

	if (!domains.known || domains.all)
		return true;
	if (domains.n == 0)
		return false;
	addrlist_parse(header_unfold(from, a), a, &list);
	for (size_t i = 0; i < list.n; i++)
		if (list.v[i].host.p != NULL &&
		    idna_to_ascii(str_trim(list.v[i].host), a, &domain, NULL) == 0 &&
		    has_keys(domain))
			return true;
	return false;
}

/* ---- one message ---- */

struct signing {
	char mid[ID_SIZE];
	char token[64];
	size_t ntoken;
	const struct signing_events *events;
	void *arg;
	struct parcel *parcel;
	uint64_t call;
};

static void
done(struct signing *s, enum reply r, struct str fields)
{
	s->events->done(s->arg, r, fields);
}

static enum reply
reply_of(const struct err *e)
{
	return e->code == E_PERM     ? REPLY_REFUSED
	       : e->code == E_DENIED ? REPLY_REVOKED
				     : REPLY_NOT_SIGNED;
}

static void
answered(void *arg, struct ipc_in *m, const struct err *e)
{
	struct signing *s = arg;
	struct str fields;

	s->call = 0;
	if (m == NULL) {
		log_warn("smtp.sign", LZ("mid", s->mid), LE(e));
		done(s, reply_of(e), STR_NONE);
		return;
	}
	fields = ipc_get_str(m);
	if (ipc_end(m) < 0 || !trace_are_fields(fields)) {
		log_error("smtp.sign", LZ("mid", s->mid), LZ("error", "not header fields"));
		done(s, REPLY_LOCAL_ERROR, STR_NONE);
		return;
	}
	done(s, REPLY_OK, fields);
}

static void
send_call(void *arg, struct str octets, int fd)
{
	struct signing *s = arg;
	struct ipc_out m;

	ipc_begin(&m, fd < 0 ? MSG_SIGN_PUT : MSG_SIGN_STREAM);
	ipc_put_z(&m, s->mid);
	ipc_put_str(&m, str_of(s->token, s->ntoken));
	if (fd < 0)
		ipc_put_str(&m, octets);
	else
		ipc_put_fd(&m, fd);
	s->call = ipc_call(svc_channel(PEER_SIGN), &m, answered, s);
}

static void
ready(void *arg)
{
	struct signing *s = arg;

	s->events->ready(s->arg);
}

static void
failed(void *arg, const struct err *e)
{
	answered(arg, NULL, e);
}

struct signing *
signing_new(
    const char mid[ID_SIZE], struct str token, const struct signing_events *events, void *arg)
{
	static const struct parcel_events parcel = {
	    .send = send_call, .ready = ready, .failed = failed};
	struct signing *s = mem_alloc(sizeof(*s));

	memcpy(s->mid, mid, ID_SIZE);
	s->ntoken = token.n <= sizeof(s->token) ? token.n : 0;
	memcpy(s->token, token.p, s->ntoken);
	s->events = events;
	s->arg = arg;
	s->parcel = parcel_new(&parcel, s);
	return s;
}

void
signing_free(struct signing **sp)
{
	struct signing *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	if (s->call != 0)
		ipc_cancel(svc_channel(PEER_SIGN), s->call);
	parcel_free(&s->parcel);
	free(s);
}

void
signing_put(struct signing *s, struct str octets)
{
	parcel_put(s->parcel, octets);
}

bool
signing_blocked(const struct signing *s)
{
	return parcel_blocked(s->parcel);
}

void
signing_end(struct signing *s)
{
	parcel_end(s->parcel);
}
