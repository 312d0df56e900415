/*
 * ticket.c - see ticket.h.
 */
#include "authd/ticket.h"

#include <sodium.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

struct ticket {
	unsigned char digest[TICKET_SIZE];
	uint64_t until;
	enum ipc_peer front;
	uint64_t conn;
	struct str user, service; /* in text */
	char *text;
	UT_hash_handle hh;
};

/* In the order of issue, which is the order of expiry. */
static struct ticket *tickets;
static char *redeemed;

static void
drop(struct ticket *t)
{
	HASH_DEL(tickets, t);
	free(t->text);
	free(t);
}

static void
expire(void)
{
	while (
	    tickets != NULL && (tickets->until <= clock_ms() || HASH_COUNT(tickets) > TICKET_MAX))
		drop(tickets);
}

static void
digest_of(const void *ticket, unsigned char out[TICKET_SIZE])
{
	crypto_generichash(out, TICKET_SIZE, ticket, TICKET_SIZE, NULL, 0);
}

void
ticket_issue(struct str user, struct str service, enum ipc_peer front, uint64_t conn,
    unsigned char out[TICKET_SIZE])
{
	struct ticket *t = mem_alloc(sizeof(*t));

	randombytes_buf(out, TICKET_SIZE);
	digest_of(out, t->digest);
	t->until = clock_ms() + TICKET_MS;
	t->front = front;
	t->conn = conn;
	t->text = mem_alloc(user.n + service.n + 1);
	memcpy(t->text, user.p, user.n);
	memcpy(t->text + user.n, service.p, service.n);
	t->user = str_of(t->text, user.n);
	t->service = str_of(t->text + user.n, service.n);
	HASH_ADD(hh, tickets, digest, TICKET_SIZE, t);
	expire();
}

bool
ticket_redeem(
    struct str ticket, struct str service, enum ipc_peer front, uint64_t conn, struct str *user)
{
	unsigned char digest[TICKET_SIZE];
	struct ticket *t = NULL;
	bool good;

	expire();
	if (ticket.n != TICKET_SIZE)
		return false;
	digest_of(ticket.p, digest);
	HASH_FIND(hh, tickets, digest, TICKET_SIZE, t);
	if (t == NULL)
		return false;
	good = str_eq(t->service, service) && t->front == front && t->conn == conn;
	if (good) {
		free(redeemed);
		redeemed = mem_dup(t->user.p, t->user.n);
		*user = str_of(redeemed, t->user.n);
	}
	drop(t);
	return good;
}

void
ticket_revoke(struct str user)
{
	struct ticket *t, *next;

	HASH_ITER (hh, tickets, t, next)
		if (str_eq(t->user, user))
			drop(t);
}

void
ticket_done(void)
{
	while (tickets != NULL)
		drop(tickets);
	free(redeemed);
	redeemed = NULL;
}
