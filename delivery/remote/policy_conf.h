/*
 * policy_conf.h - private to the policy: what the configuration says of routes, read once, with
 * their files.
 */
#pragma once

#include "delivery/remote/policy.h"
#include "svc/route.h"

struct policy_row {
	struct str host; /* without "mx:" and brackets; empty: the domain's own */
	bool mx;         /* the MX of host are looked up */
	uint16_t port;
	struct str tls; /* route.tls */
	struct str user, password, ca_file;
	struct tls_context *context; /* of ca_file; NULL: the system's */
};

struct policy_conf {
	struct arena arena;
	struct routes *routes;
	struct policy_row *rows;
	size_t nrows;
	struct tls_context *context; /* the system's authorities */
	bool dane, sts;
	uint16_t port; /* of hosts where no route names one */
};

struct policy_conf *policy_conf_new(const struct conf *c, struct err *e);
void policy_conf_free(struct policy_conf **p);
