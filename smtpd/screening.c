/*
 * screening.c - the client's side of gk-screen. See screening.h.
 */
#include "smtpd/screening.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "ipc/parcel.h"
#include "smtpd/session.h"
#include "smtpd/trace.h"
#include "svc/conf.h"

#define SCREENING_MAGIC 0x5343524eu
#define TEXT_MAX        400u

struct screening {
	uint32_t magic;
	struct session *s;
	const char *mid;
	const struct screening_events *events;
	void *arg;
	struct parcel *parcel;
	uint64_t stream; /* our number for it; 0: not longer than a packet so far */
	uint64_t size;
	uint64_t call;
	bool ended;
};

static uint64_t last_stream;

/* ---- whose mail ---- */

bool
screening_wanted(const struct session *s)
{
	/* A trusted network's source has no address. */
	return s->kind == SESSION_SMTP && s->user.n == 0 && s->source.address != NULL &&
	       conf_bool(svc_conf(), CONF_SCREEN_ENABLED);
}

/* ---- the answer ---- */

static bool
is_ours(struct str line)
{
	static const char *const names[] = {
	    "Authentication-Results:", "X-Spam-Status:", "X-Spam-Flag:"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_istarts(line, str_z(names[i])))
			return true;
	return false;
}

bool
screening_fields_ok(struct str fields)
{
	struct str line;

	if (!trace_are_fields(fields) || !str_is_utf8(fields))
		return false;
	while (fields.n > 0) {
		(void)str_cut(&fields, '\n', &line);
		if (!is_ours(line) && !is_space(line.p[0]))
			return false;
	}
	return true;
}

static bool
text_ok(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < ' ' || text.p[i] > '~')
			return false;
	return text.n <= TEXT_MAX;
}

static bool
read_answer(struct ipc_in *m, struct screening_answer *a)
{
	uint32_t verdict = ipc_get_u32(m), reason = ipc_get_u32(m);

	a->score = ipc_get_u32(m);
	a->text = ipc_get_str(m);
	a->fields = ipc_get_str(m);
	if (ipc_end(m) < 0 || verdict > SCREEN_DEFER || reason > SCREEN_BY_SCORE)
		return false;
	a->verdict = (enum screen_verdict)verdict;
	a->reason = (enum screen_reason)reason;
	return text_ok(a->text) && screening_fields_ok(a->fields);
}

static void
on_answer(void *arg, struct ipc_in *m, const struct err *e)
{
	struct screening *s = arg;
	struct screening_answer a;
	struct err bad;

	OBJ(s, SCREENING_MAGIC);
	s->call = 0;
	if (m && (!read_answer(m, &a) || !s->ended)) {
		err_set(&bad, E_PROTO, "gk-screen's answer makes no sense");
		e = &bad;
	}
	s->events->answered(s->arg, e ? NULL : &a, e);
}

/* ---- the question ---- */

static void
put_head(const struct screening *s, struct ipc_out *m)
{
	const struct session *c = s->s;

	ipc_put_z(m, s->mid);
	ipc_put_z(m, c->sid);
	ipc_put_z(m, c->peer);
	ipc_put_u32(m, c->iprev);
	ipc_put_str(m, c->client);
	ipc_put_str(m, str_of(c->helo, c->helo_n));
	ipc_put_str(m, c->tx.sender);
}

static void
send_call(void *arg, struct str octets, int fd)
{
	struct screening *s = arg;
	struct ipc_out m;

	ipc_begin(&m, fd < 0 ? MSG_SCREEN_PUT : MSG_SCREEN_STREAM);
	if (fd >= 0)
		ipc_put_u64(&m, s->stream = ++last_stream);
	put_head(s, &m);
	if (fd < 0)
		ipc_put_str(&m, octets);
	else
		ipc_put_fd(&m, fd);
	s->call = ipc_call(svc_channel(PEER_SCREEN), &m, on_answer, s);
}

static void
tell(const struct screening *s, enum ipc_type type)
{
	struct ipc_out m;

	ipc_begin(&m, type);
	ipc_put_u64(&m, s->stream);
	if (type == MSG_SCREEN_END)
		ipc_put_u64(&m, s->size);
	ipc_send(svc_channel(PEER_SCREEN), &m);
}

static void
failed(void *arg, const struct err *e)
{
	struct screening *s = arg;

	OBJ(s, SCREENING_MAGIC);
	s->events->answered(s->arg, NULL, e);
}

static void
on_ready(void *arg)
{
	struct screening *s = arg;

	OBJ(s, SCREENING_MAGIC);
	s->events->ready(s->arg);
}

struct screening *
screening_new(
    struct session *session, const char *mid, const struct screening_events *events, void *arg)
{
	static const struct parcel_events parcel = {
	    .send = send_call, .ready = on_ready, .failed = failed};
	struct screening *s = mem_alloc(sizeof(*s));

	s->magic = SCREENING_MAGIC;
	s->s = session;
	s->mid = mid;
	s->events = events;
	s->arg = arg;
	s->parcel = parcel_new(&parcel, s);
	return s;
}

void
screening_free(struct screening **sp)
{
	struct screening *s = *sp;

	if (s == NULL)
		return;
	OBJ(s, SCREENING_MAGIC);
	*sp = NULL;
	if (s->call != 0) {
		ipc_cancel(svc_channel(PEER_SCREEN), s->call);
		if (s->stream != 0)
			tell(s, MSG_SCREEN_ABORT);
	}
	parcel_free(&s->parcel);
	s->magic = 0;
	free(s);
}

void
screening_put(struct screening *s, struct str octets)
{
	OBJ(s, SCREENING_MAGIC);
	s->size += octets.n;
	parcel_put(s->parcel, octets);
}

bool
screening_blocked(const struct screening *s)
{
	return parcel_blocked(s->parcel);
}

void
screening_end(struct screening *s)
{
	OBJ(s, SCREENING_MAGIC);
	s->ended = true;
	parcel_end(s->parcel);
	if (s->stream != 0)
		tell(s, MSG_SCREEN_END);
}
