/*
 * files.c - answers with the page's files (RFC 9110 13: conditional, RFC 8246: immutable).
 */
#include "webd/files.h"

#include <stdio.h>

#include "base/mem.h"
#include "webd/exchange_in.h"

static const struct file *
find(struct str path)
{
	for (const struct file *f = files; f->path; f++)
		if (str_eq_z(path, f->path))
			return f;
	return NULL;
}

bool
files_have(struct str path)
{
	return find(path) != NULL;
}

static void
run(struct exchange *x)
{
	const struct file *f = find(x->path);
	bool gzip;
	char tag[80];

	assume(f != NULL); /* routes_find() has looked */
	gzip = f->gzip.p != NULL && respond_takes_gzip(x);
	/* The compressed form is another representation: it has a tag of its own. */
	snprintf(tag, sizeof(tag), "\"%s%s\"", f->hash, gzip ? "-gz" : "");
	exchange_set(x, "ETag", str_z(tag));
	if (f->gzip.p != NULL)
		exchange_set(x, "Vary", STR("Accept-Encoding"));
	exchange_set(x, "Cache-Control",
	    f->immutable ? STR("public, max-age=31536000, immutable") : STR("no-cache"));
	if (f->policy)
		exchange_set(x, "Content-Security-Policy", str_z(f->policy));
	if (exchange_has_tag(x, str_z(tag))) {
		exchange_respond(x, 304, NULL, STR(""));
		return;
	}
	if (gzip)
		exchange_set(x, "Content-Encoding", STR("gzip"));
	exchange_respond_static(x, 200, f->type, gzip ? f->gzip : f->plain);
}

const struct route files_route = {"/", METHOD_GET, run, 0, 0};
