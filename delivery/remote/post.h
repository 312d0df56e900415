/*
 * post.h - POSTs to push services (RFC 8030) for gk-mailboxd: the only requests whose URL a user
 * chooses.
 *
 * https only, a host name only, and only addresses of the public internet: nothing of our own
 * network is to be reached this way. Bounded in number.
 */
#pragma once

#include "ipc/ipc.h"
#include "net/dns.h"
#include "net/https.h"

/* PUSH_POST. The https is borrowed. */
void post_message(struct dns *dns, struct https *https, struct ipc_chan *c, struct ipc_in *m);
/* Nobody waits for the answers any more. */
void post_channel_gone(struct ipc_chan *c);

struct post_url {
	struct str host; /* lower case */
	uint16_t port;
	struct str path; /* with its query, "/" at least */
};

/* -1: it is no URL that we would POST to. */
int post_url_parse(struct str url, struct arena *a, struct post_url *out);
/* Is it an address of the public internet? */
bool post_is_public(struct str address);
