/*
 * trusted.h - the networks of limits.trusted_networks: their clients are not limited, delayed,
 * greylisted or banned.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/network.h"
#include "base/str.h"

#define TRUSTED_MAX 256u

/* On failure all is as before. */
int trusted_configure(const struct str *networks, size_t n, struct err *e);
bool trusted_has(const struct network *n);
bool trusted_peer(const struct sockaddr_storage *peer);
