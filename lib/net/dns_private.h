/*
 * dns_private.h - who may stand behind a struct dns: gk-dnsd, or a script of tests.
 */
#pragma once

#include <sys/queue.h>

#include "net/dns.h"

struct dns_ask {
	uint32_t magic;
	struct dns *dns;
	enum dns_type type;
	dns_fn fn;
	void *arg;
	uint64_t call; /* to dnsd */
	void *own;     /* of whoever answers */
	TAILQ_ENTRY(dns_ask) link;
};

TAILQ_HEAD(dns_asks, dns_ask);

struct dns {
	/* Begins to answer: dns_answered() is called later, from the loop. */
	void (*ask)(struct dns *d, struct dns_ask *a, struct str name, uint32_t ms);
	void (*cancel)(struct dns *d, struct dns_ask *a);
	void (*free)(struct dns *d);
	struct ipc_chan *dnsd;
	struct dns_asks asks;
};

/* Calls back, and frees the question first. */
void dns_answered(struct dns_ask *a, struct dns_answer *r);
