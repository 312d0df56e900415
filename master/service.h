/*
 * service.h - which daemons there are, as data.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ipc/msg.h"
#include "svc/conf_keys.h"

struct service {
	const char *name;
	enum ipc_peer peer;
	const char *user;     /* the system user is server.user_prefix-user */
	unsigned uid_offset;  /* from the base of gk-master -U */
	unsigned drain_stage; /* fronts first, what they hand their work to later */
	bool tls;             /* gets the certificate and its key */
	struct {
		const char *name; /* what is spoken there */
		int key;          /* CONF_ of the list of addresses; -1: none */
	} listeners[3];
	enum conf_key log_level;
};

#define SERVICES   16
#define DRAIN_LAST 4u

extern const struct service services[SERVICES];

/* The pairs that talk: both bits set. */
extern const unsigned service_channels[];
extern const size_t service_nchannels;
