/* vouch.c - see vouch.h. */
#include "queue/vouch.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/mem.h"
#include "mail/approval.h"

struct vouch_token {
	TAILQ_ENTRY(vouch_token) link;
	const struct ipc_chan *chan;
	char mid[ID_SIZE];
	char token[VOUCH_TOKEN_MAX];
	size_t n;
};

void
vouch_init(struct vouch *v)
{
	TAILQ_INIT(&v->tokens);
	v->n = 0;
}

static void
drop(struct vouch *v, struct vouch_token *t)
{
	TAILQ_REMOVE(&v->tokens, t, link);
	v->n--;
	sodium_memzero(t, sizeof(*t));
	free(t);
}

void
vouch_done(struct vouch *v)
{
	while (!TAILQ_EMPTY(&v->tokens))
		drop(v, TAILQ_FIRST(&v->tokens));
}

void
vouch_forget(struct vouch *v, const struct ipc_chan *c)
{
	struct vouch_token *t, *next;

	for (t = TAILQ_FIRST(&v->tokens); t != NULL; t = next) {
		next = TAILQ_NEXT(t, link);
		if (t->chan == c)
			drop(v, t);
	}
}

void
vouch_message(struct vouch *v, struct ipc_chan *c, struct ipc_in *m)
{
	struct str mid = ipc_get_str(m), token = ipc_get_str(m);
	struct vouch_token *t;

	if (ipc_end(m) < 0 || !id_valid(mid) || token.n > VOUCH_TOKEN_MAX)
		return;
	t = mem_alloc(sizeof(*t));
	t->chan = c;
	assume(str_cz(mid, t->mid, sizeof(t->mid)) == 0);
	if (token.n > 0)
		memcpy(t->token, token.p, token.n);
	t->n = token.n;
	TAILQ_INSERT_TAIL(&v->tokens, t, link);
	if (++v->n > VOUCH_MAX)
		drop(v, TAILQ_FIRST(&v->tokens));
}

size_t
vouch_take(struct vouch *v, struct ipc_chan *c, struct str mid, char out[VOUCH_TOKEN_MAX])
{
	struct vouch_token *t;
	size_t n;

	/* The latest are at the end; usually it is the only one. */
	TAILQ_FOREACH_REVERSE(t, &v->tokens, vouch_tokens, link)
	if (t->chan == c && str_eq_z(mid, t->mid)) {
		n = t->n;
		memcpy(out, t->token, n);
		drop(v, t);
		return n;
	}
	return 0;
}

int
vouch_digest(const struct envelope *env, struct str session, const struct vouch_octets *o,
    unsigned char out[32], struct err *e)
{
	struct approval a = {.user = env->user,
	    .session = session,
	    .sender = env->sender,
	    .envid = env->envid,
	    .ret = env->ret,
	    .rcpts = env->rcpts,
	    .nrcpts = env->nrcpts,
	    .hold = env->release / 1000000};
	struct str top = o->all.n > 0 ? o->all : o->prefix;
	size_t n;

	if (approval_prefix(top, env->sender, env->return_path, &n, e) < 0)
		return -1;
	if (o->all.n > 0) {
		struct str frozen = str_from(o->all, n);

		approval_octets(frozen, a.octets);
		a.size = frozen.n;
		return approval_digest(&a, out, e);
	}
	if (n != o->prefix.n || o->digest.n != sizeof(a.octets))
		return err_set(e, E_INVAL, "more on top than Received and DKIM-Signature");
	memcpy(a.octets, o->digest.p, sizeof(a.octets));
	a.size = o->size;
	return approval_digest(&a, out, e);
}
