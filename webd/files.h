/*
 * files.h - the page's files, which are part of this program (embed.py).
 */
#pragma once

#include "webd/exchange.h"

struct file {
	const char *path; /* "/assets/main-1A2B3C4D.js" */
	const char *type;
	const char *hash;       /* of its octets */
	const char *policy;     /* Content-Security-Policy of a document, or NULL */
	struct str plain, gzip; /* gzip.p is NULL where that is no shorter */
	bool immutable;         /* another content would have another name */
};

/* Made from webd/ui's output; ends with one without path. */
extern const struct file files[];

extern const struct route files_route;

bool files_have(struct str path);
