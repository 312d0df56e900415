/*
 * acme.h - what the daemons that get certificates by ACME read alike out of [acme]
 * (docs/adr/0046-acme.md).
 */
#pragma once

#include "base/arena.h"
#include "svc/conf.h"
#include "svc/provider.h"

bool acme_is_on(const struct conf *c);
/* acme.names, or server.host_name: lower case, each once, in order. */
size_t acme_names(const struct conf *c, struct arena *a, struct str **out);
/* Is it a URL on the host and port of acme.directory? Its path then (a part of url), else STR_NONE.
 */
#define ACME_URL_MAX 1000u
struct str acme_path(const struct provider *directory, struct str url);
/* The key with its chain, and the account's key; names below data_dir. */
#define ACME_PEM         "tls/acme.pem"
#define ACME_ACCOUNT_PEM "tls/acme-account.pem"
/* Where the chain begins in ACME_PEM, in front of which the key stands; n where there is none. */
size_t acme_chain_at(struct str pem);
/* Octets of ACME_PEM. */
#define ACME_PEM_MAX 65000u
