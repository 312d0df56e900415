/* token.c - see token.h. */
#include "authd/token.h"

#include <sodium.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

struct token {
	unsigned char digest[TOKEN_SIZE];
	uint64_t until;
	bool trusted;
	char *user, *agent; /* agent: its session, or "" */
	UT_hash_handle hh;
};

/* In the order of issue, which is the order of expiry. */
static struct token *tokens;

static void
drop(struct token *t)
{
	HASH_DEL(tokens, t);
	free(t->user);
	free(t->agent);
	free(t);
}

static void
expire(void)
{
	while (tokens != NULL && (tokens->until <= clock_ms() || HASH_COUNT(tokens) > TOKEN_MAX))
		drop(tokens);
}

static void
digest_of(const void *token, unsigned char out[TOKEN_SIZE])
{
	crypto_generichash(out, TOKEN_SIZE, token, TOKEN_SIZE, NULL, 0);
}

static struct token *
find(struct str token)
{
	unsigned char digest[TOKEN_SIZE];
	struct token *t = NULL;

	expire();
	if (token.n != TOKEN_SIZE)
		return NULL;
	digest_of(token.p, digest);
	HASH_FIND(hh, tokens, digest, TOKEN_SIZE, t);
	return t;
}

static void
issue(struct str user, struct str agent, bool trusted, unsigned char out[TOKEN_SIZE])
{
	struct token *t = mem_alloc(sizeof(*t));

	randombytes_buf(out, TOKEN_SIZE);
	digest_of(out, t->digest);
	t->until = clock_ms() + TOKEN_MS;
	t->trusted = trusted;
	t->user = mem_dup(user.p, user.n);
	t->agent = mem_dup(agent.p, agent.n);
	HASH_ADD(hh, tokens, digest, TOKEN_SIZE, t);
	expire();
}

void
token_issue(struct str user, bool trusted, unsigned char out[TOKEN_SIZE])
{
	issue(user, STR(""), trusted, out);
}

void
token_issue_agent(struct str user, struct str session, unsigned char out[TOKEN_SIZE])
{
	issue(user, session, false, out);
}

bool
token_find_agent(struct str token, struct str *user, struct str *session)
{
	const struct token *t = find(token);

	if (t == NULL)
		return false;
	*user = str_z(t->user);
	*session = str_z(t->agent);
	return true;
}

bool
token_find(struct str token, struct str *user, bool *trusted)
{
	const struct token *t = find(token);

	if (t == NULL)
		return false;
	*user = str_z(t->user);
	*trusted = t->trusted;
	return true;
}

void
token_end(struct str token)
{
	struct token *t = find(token);

	if (t != NULL)
		drop(t);
}

void
token_revoke(struct str user)
{
	struct token *t, *next;

	HASH_ITER (hh, tokens, t, next)
		if (str_eq_z(user, t->user))
			drop(t);
}

void
token_done(void)
{
	while (tokens != NULL)
		drop(tokens);
}
