/*
 * import_imap.h - another IMAP server as a source of import.h.
 */
#pragma once

#include "ctl/import.h"

enum import_tls {
	IMPORT_TLS_IMAPS, /* from the first octet on (RFC 8314 3) */
	IMPORT_TLS_STARTTLS,
	IMPORT_TLS_NONE
};

struct import_imap {
	const char *host, *port;
	const char *login, *password;
	const char *ca; /* PEM of who signs its certificate; NULL: the system's authorities */
	enum import_tls tls;
};

int import_imap_open(struct import *im, const struct import_imap *at);
