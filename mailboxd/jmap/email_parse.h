/* email_parse.h - Email/parse (RFC 8621 4.9): blobs looked at as emails. */
#pragma once

#include "mailboxd/jmap/jmap.h"

extern const struct jmap_object jmap_parsed_object;
enum jmap_step jmap_email_parse_blobs(struct jmap_call *c);
