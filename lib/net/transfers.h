/*
 * transfers.h - libcurl on the daemon's event loop: transfers that run side by side.
 *
 * libcurl says which sockets it waits for and when it wants to be woken; the loop does so
 * (libcurl-multi(3), "multi_socket"). What a transfer is, its caller sets up (curl_easy_setopt).
 */
#pragma once

#include <curl/curl.h>

#include "base/err.h"

struct transfers;
struct transfer;

/* The transfer has ended; it is gone when this returns, the handle is the caller's to clean up. It
 * may begin and cancel others. */
typedef void (*transfer_fn)(void *arg, CURLcode code);

/* To be called before the sandbox closes: libcurl makes itself ready. */
struct transfers *transfers_new(struct err *e);
/* Those that are under way are the caller's to cancel first. */
void transfers_free(struct transfers **t);

/* Nothing of it happens before the loop's next turn, fn is never called from inside. NULL: libcurl
 * does not take the handle. */
struct transfer *transfer_start(struct transfers *t, CURL *curl, transfer_fn fn, void *arg);
/* fn is not called any more; the handle may be cleaned up. NULL inside is fine. */
void transfer_cancel(struct transfer **x);
