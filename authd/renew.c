/*
 * renew.c - see renew.h.
 */
#include "authd/renew.h"

#include "authd/authd.h"
#include "authd/writer.h"
#include "base/log.h"
#include "base/mem.h"

struct renewal {
	struct arena a;
	struct str address, old;
	struct password_secret secret;
	struct err e;
	int rc; /* rows changed, or -1 */
};

static void
end(struct renewal *r)
{
	arena_free(&r->a);
	sodium_memzero(r, sizeof(*r));
	free(r);
}

static void
work(void *arg, struct db *db)
{
	struct renewal *r = arg;

	r->rc = accounts_renew(db, r->address, r->old, &r->secret, &r->e);
}

static void
done(void *arg)
{
	struct renewal *r = arg;

	if (r->rc < 0)
		log_warn("auth.renew", LS("user", r->address), LE(&r->e));
	else if (r->rc > 0)
		log_info("auth.renew", LS("user", r->address));
	end(r);
}

static void
made(void *arg, const struct password_secret *s)
{
	struct renewal *r = arg;

	if (s == NULL) {
		end(r);
		return;
	}
	r->secret = *s;
	if (writer_submit(work, done, r, NULL) < 0)
		end(r);
}

void
renew_if_stale(const struct account *account, struct str password)
{
	struct apppass *list = NULL;
	bool grown = account->iterations < authd.iterations;
	struct renewal *r;

	if (!grown && !password_is_stale(account->hash))
		return;
	r = mem_alloc(sizeof(*r));
	arena_init(&r->a);
	r->address = arena_dup(&r->a, account->address);
	r->old = arena_dup(&r->a, account->hash);
	/* App passwords hold salt and count as they are. */
	if (grown && accounts_apppasses(authd.db, account->id, &r->a, &list, NULL) != 0)
		grown = false;
	/* With a full backlog there are logins to check: another time. */
	if (password_make(
		password, grown ? STR("") : account->salt, account->iterations, made, r, NULL) < 0)
		end(r);
}
