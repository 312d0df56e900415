/*
 * dkim_input.h - a message in pieces into libopendkim's handles.
 *
 * Fields are handed over one by one (dkim_header()): the library's own splitter, dkim_chunk(), ends
 * the whole message at the first line that is no field.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <opendkim/dkim.h>

#include "base/buf.h"
#include "base/err.h"

#define DKIM_HEADER_MAX (1024u * 1024)
/* The library looks for each name in each h= among all fields: a quarter of a megabyte of both took
 * seconds. */
#define DKIM_FIELDS_MAX 1000u

struct dkim_input {
	DKIM **handles;
	size_t n;
	struct buf header; /* until its end has come */
	bool body;
	bool open, cr; /* the body so far does not end a line; it ends in CR */
};

void dkim_input_init(struct dkim_input *in, DKIM **handles, size_t n);
void dkim_input_free(struct dkim_input *in);
/* CRLF line ends. -1: a header past DKIM_HEADER_MAX or DKIM_FIELDS_MAX (E_LIMIT), or what the
 * library refuses. */
int dkim_input_feed(struct dkim_input *in, struct str octets, struct err *e);
/* After the last piece: all hashes are done. */
int dkim_input_end(struct dkim_input *in, struct err *e);
