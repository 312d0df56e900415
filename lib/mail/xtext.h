/*
 * xtext.h - xtext of RFC 3461 4, in which ORCPT, ENVID and AUTH of SMTP carry any text: printable
 * ASCII without '+' and '=', everything else as '+' and two upper-case hexadecimal digits.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

/* Octets above 127 may stand as they are when they are UTF-8 (RFC 6533 3, utf-8-addr-unitext). */
bool xtext_valid(struct str s);
void xtext_encode(struct str s, struct buf *out);
/* What is no xtext stays as it is. */
void xtext_decode(struct str s, struct buf *out);
