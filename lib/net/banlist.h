/*
 * banlist.h - the networks that are banned, as a front knows them: gk-authd tells (BAN_SET,
 * BAN_CLEAR), and each ban ends by itself.
 *
 * authd keeps their number within BANLIST_MAX; a front that is told of more forgets nothing and
 * takes no more.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/network.h"
#include "ipc/ipc.h"

#define BANLIST_MAX 20000u

/* ms from now; 0: until it is cleared. */
void banlist_set(const struct network *n, uint64_t ms);
void banlist_clear(const struct network *n);
void banlist_reset(void);
/* Is the address, or a network that it lies in, banned? */
bool banlist_has(const struct network *n);
bool banlist_peer(const struct sockaddr_storage *peer);
size_t banlist_count(void);
/* BAN_SET or BAN_CLEAR from authd; true when somebody may be banned who was not: the front looks
 * through its sessions. */
bool banlist_message(struct ipc_in *m);
