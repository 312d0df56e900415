/*
 * submit.h - sends a message as a mail program does: SMTP over TLS with a password, blocking.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

struct submit {
	unsigned port;             /* of 127.0.0.1, TLS from the start */
	const char *ca;            /* PEM file that vouches for "localhost" */
	struct str user, password; /* the user's address is the sender's, too */
	const struct str *to;
	size_t nto;
	struct str message; /* lines end in LF */
};

int submit_message(const struct submit *s, struct err *e);
