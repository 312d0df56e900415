/*
 * limits.h - how many connections there are, in all and from one address.
 *
 * An IPv6 client counts by its /64, which is what one customer has.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct limits_key {
	unsigned char net[16]; /* IPv4 as ::ffff:a.b.c.d */
};

void limits_key(const struct sockaddr_storage *peer, struct limits_key *out);
/* Counts a connection in; false (and nothing counted) when there are total or per_ip already. */
bool limits_enter(const struct limits_key *k, uint64_t total, uint64_t per_ip);
void limits_leave(const struct limits_key *k);
uint64_t limits_total(void);
