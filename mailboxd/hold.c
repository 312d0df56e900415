/* hold.c - see hold.h. */
#include "mailboxd/hold.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "mailboxd/parent.h"

struct held {
	char *name;
	UT_hash_handle hh;
};

static struct held *held;
static bool told; /* the queue has spoken since we live */
static bool anew; /* what comes next is a new queue's first word */

static struct held *
find(struct str name)
{
	struct held *h;

	HASH_FIND(hh, held, name.p, name.n, h);
	return h;
}

bool
hold_has(struct str user)
{
	return !told || find(user) != NULL;
}

static void
add(struct str name)
{
	struct held *h;

	if (find(name) != NULL)
		return;
	h = mem_alloc(sizeof *h);
	h->name = mem_dup(name.p, name.n);
	HASH_ADD_KEYPTR(hh, held, h->name, name.n, h);
}

static void
drop(struct held *h)
{
	HASH_DEL(held, h);
	free(h->name);
	free(h);
}

static void
forget_all(void)
{
	struct held *h, *next;

	HASH_ITER (hh, held, h, next)
		drop(h);
}

void
hold_begin(void)
{
	anew = true;
}

/* Who waited for nothing else gets an owner. */
static void
go_on(struct user *u)
{
	if (user_waits(u))
		spawn_want(u);
	user_settle(u);
}

static void
on_hold(struct ipc_in *m)
{
	if (anew)
		forget_all();
	anew = false;
	for (uint32_t n = ipc_get_list(m); n > 0; n--)
		add(ipc_get_item(m));
	(void)ipc_end(m);
}

static void
on_ready(struct ipc_in *m)
{
	if (ipc_end(m) < 0)
		return;
	if (anew)
		forget_all();
	anew = false;
	told = true;
	if (held != NULL)
		log_info("mailbox.hold", LU("homes", HASH_COUNT(held)));
	user_each(go_on);
}

static void
on_done(struct ipc_in *m)
{
	for (uint32_t n = ipc_get_list(m); n > 0; n--) {
		struct str name = ipc_get_item(m);
		struct held *h = find(name);
		struct user *u = user_find(name);

		if (h != NULL)
			drop(h);
		if (u != NULL)
			go_on(u);
	}
	(void)ipc_end(m);
}

void
hold_message(struct ipc_in *m)
{
	if (m->type == MSG_REPLAY_HOLD)
		on_hold(m);
	else if (m->type == MSG_REPLAY_READY)
		on_ready(m);
	else
		on_done(m);
}
