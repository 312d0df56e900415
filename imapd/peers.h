/*
 * peers.h - how many connections each client address holds. IPv6 counts by /64.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Counts one more; false (and nothing counted) when the address has max already. */
bool peers_enter(const struct sockaddr_storage *peer, size_t max);
void peers_leave(const struct sockaddr_storage *peer);
