/*
 * proxy.h - requests that come through a reverse proxy: whom they are from.
 *
 * Only a peer of web.trusted_proxies is believed, and only the one header that web.proxy_header
 * names: a proxy that sets one of the two may well pass on what its client wrote into the other.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/network.h"
#include "svc/conf.h"
#include "webd/exchange.h"

struct web_conn;

int proxy_configure(const struct conf *c, struct err *e);
void proxy_done(void); /* tests */
bool proxy_is_trusted(const struct sockaddr_storage *peer);
bool proxy_is_loopback(const struct sockaddr_storage *peer);
/* Sets peer and secure of a request that came on c. */
void proxy_understand(const struct web_conn *c, struct exchange *x);

/* For tests: the client's address and scheme as the fields tell. From the last hop backwards, the
 * first that is no trusted proxy is the client; *https stays where nothing is said. False: nothing
 * of use is said. */
bool
proxy_read_forwarded(const struct http_field *f, size_t n, struct network *client, bool *https);
bool proxy_read_x(const struct http_field *f, size_t n, struct network *client, bool *https);
