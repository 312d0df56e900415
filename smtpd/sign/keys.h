/*
 * keys.h - the keys that gk-sign holds: all of them, those that sign and those that only wait for
 * it.
 */
#pragma once

#include "base/err.h"
#include "ipc/ipc.h"
#include "smtpd/dkim/dkim_sign.h"

/* Reads what master gave ("dkim.keys"). On failure (E_INVAL: which key is no good) all stays as it
 * was. host: this server's name, whose mail is signed for the nearest domain above that has keys.
 */
int keys_load(struct str host, struct err *e);
void keys_done(void);

/* Those that sign for a domain: how many. They are good until the next keys_load(). */
size_t keys_of(struct str domain, const struct dkim_key *out[DKIM_KEYS_MAX]);

/* SIGN_DOMAINS, for gk-smtpd. */
void keys_tell(struct ipc_chan *smtpd);
/* DKIM_LIST, for the operator. */
void keys_list(struct ipc_chan *c, struct ipc_in *m);
