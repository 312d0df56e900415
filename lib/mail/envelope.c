/*
 * envelope.c - the codec of envelopes.
 *
 * Version 4: u8 version, then the members of struct envelope in the order written below. Version 3
 * had no approval. Both ways check the same things, so that
 * nothing is stored that cannot be read again.
 */
#include "mail/envelope.h"

#include "base/mem.h"
#include "ipc/wire.h"

/* The least a recipient takes: two lengths, notify and the count of targets. */
#define RCPT_OCTETS   16u
#define TARGET_OCTETS 4u
#define ALL_FLAGS     (ENVELOPE_SMTPUTF8 | ENVELOPE_8BITMIME | ENVELOPE_SUBMITTED | ENVELOPE_JUNK)
#define ALL_NOTIFY    (NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY)

/* These strings end up in header fields, logs and replies: one line, without control characters. */
static bool
is_line(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (is_cntl(s.p[i]))
			return false;
	return true;
}

/* RFC 3461 4.1: NEVER stands alone. */
static bool
is_notify(uint32_t n)
{
	return (n & ~ALL_NOTIFY) == 0 && (!(n & NOTIFY_NEVER) || n == NOTIFY_NEVER);
}

static bool
rcpt_valid(const struct envelope_rcpt *r)
{
	if (r->address.n == 0 || !is_line(r->address) || !is_line(r->orcpt) ||
	    !is_notify(r->notify))
		return false;
	for (uint32_t i = 0; i < r->ntargets; i++)
		if (r->targets[i].n == 0 || !is_line(r->targets[i]))
			return false;
	return r->nlocal <= r->ntargets;
}

static int
check(const struct envelope *env, struct err *e)
{
	const struct str *lines[] = {&env->sender, &env->user, &env->actor, &env->peer, &env->helo,
	    &env->envid, &env->approval};

	if (env->release < 0)
		return err_set(e, E_INVAL, "envelope: bad time");
	if (!id_valid(env->mid))
		return err_set(e, E_INVAL, "envelope: bad message id");
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (!is_line(*lines[i]))
			return err_set(e, E_INVAL, "envelope: control character");
	if (env->ret > RET_HDRS || (env->flags & ~ALL_FLAGS) != 0)
		return err_set(e, E_INVAL, "envelope: unknown option");
	for (uint32_t i = 0; i < env->nrcpts; i++)
		if (!rcpt_valid(&env->rcpts[i]))
			return err_set(e, E_INVAL, "envelope: bad recipient %u", i);
	return 0;
}

static void
put_rcpt(struct buf *out, const struct envelope_rcpt *r)
{
	wire_put_str(out, r->address);
	wire_put_str(out, r->orcpt);
	wire_put_u32(out, r->notify);
	wire_put_u32(out, r->ntargets);
	wire_put_u32(out, r->nlocal);
	for (uint32_t i = 0; i < r->ntargets; i++)
		wire_put_str(out, r->targets[i]);
}

int
envelope_encode(const struct envelope *env, struct buf *out, struct err *e)
{
	size_t start = out->n;

	if (check(env, e) < 0)
		return -1;
	wire_put_u8(out, ENVELOPE_VERSION);
	wire_put_str(out, env->mid);
	wire_put_u64(out, (uint64_t)env->arrived);
	wire_put_str(out, env->sender);
	wire_put_str(out, env->user);
	wire_put_str(out, env->actor);
	wire_put_str(out, env->peer);
	wire_put_str(out, env->helo);
	wire_put_str(out, env->envid);
	wire_put_u8(out, (uint8_t)env->ret);
	wire_put_u32(out, env->flags);
	wire_put_u32(out, env->return_path);
	wire_put_u64(out, (uint64_t)env->release);
	wire_put_str(out, env->approval);
	wire_put_u32(out, env->nrcpts);
	for (uint32_t i = 0; i < env->nrcpts && !out->over && out->n - start <= ENVELOPE_MAX; i++)
		put_rcpt(out, &env->rcpts[i]);
	if (out->over || out->n - start > ENVELOPE_MAX)
		return err_set(e, E_LIMIT, "envelope over %u octets", ENVELOPE_MAX);
	return 0;
}

/* A count that the octets left could not hold is refused before anything is allocated for it. */
static uint32_t
get_count(struct wire_in *w, size_t least)
{
	uint32_t n = wire_u32(w);

	if (!w->bad && n > w->n / least)
		w->bad = true;
	return w->bad ? 0 : n;
}

static void
get_rcpt(struct wire_in *w, struct envelope_rcpt *r, struct arena *a)
{
	r->address = wire_str(w);
	r->orcpt = wire_str(w);
	r->notify = wire_u32(w);
	r->ntargets = get_count(w, TARGET_OCTETS);
	r->nlocal = wire_u32(w);
	r->targets = arena_array(a, r->ntargets, sizeof(*r->targets));
	for (uint32_t i = 0; i < r->ntargets; i++)
		r->targets[i] = wire_str(w);
}

static void
get_envelope(struct wire_in *w, uint8_t version, struct envelope *env, struct arena *a)
{
	env->mid = wire_str(w);
	env->arrived = (int64_t)wire_u64(w);
	env->sender = wire_str(w);
	env->user = wire_str(w);
	env->actor = wire_str(w);
	env->peer = wire_str(w);
	env->helo = wire_str(w);
	env->envid = wire_str(w);
	env->ret = (enum envelope_ret)wire_u8(w);
	env->flags = wire_u32(w);
	env->return_path = wire_u32(w);
	env->release = (int64_t)wire_u64(w);
	env->approval = version == ENVELOPE_VERSION ? wire_str(w) : STR_NONE;
	env->nrcpts = get_count(w, RCPT_OCTETS);
	env->rcpts = arena_array(a, env->nrcpts, sizeof(*env->rcpts));
	for (uint32_t i = 0; i < env->nrcpts; i++)
		get_rcpt(w, &env->rcpts[i], a);
}

int
envelope_decode(struct str s, struct envelope *env, struct arena *a, struct err *e)
{
	struct wire_in w;
	uint8_t version;

	*env = (struct envelope){0};
	if (s.n > ENVELOPE_MAX)
		return err_set(e, E_LIMIT, "envelope over %u octets", ENVELOPE_MAX);
	wire_open(&w, s);
	version = wire_u8(&w);
	if (!w.bad && version != ENVELOPE_VERSION && version != ENVELOPE_VERSION - 1)
		return err_set(e, E_INVAL, "envelope of version %u", version);
	get_envelope(&w, version, env, a);
	if (wire_end(&w) < 0)
		return err_set(e, E_INVAL, "envelope cut short or too long");
	return check(env, e);
}
