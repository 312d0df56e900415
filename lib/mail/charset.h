/*
 * charset.h - text of any charset to UTF-8.
 *
 * us-ascii, utf-8, iso-8859-1 and windows-1252 always work. For the others glibc's iconv is opened
 * for a fixed set by charset_init(), before chroot and sandbox: it reads files, which a confined
 * process cannot. A charset that is not there gives its ASCII octets and U+FFFD for each of the
 * others.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

/* Opens the set; once per process tree (children of fork use it too). */
void charset_init(void);

/* True when text of this charset is converted rather than replaced. */
bool charset_known(struct str name);

/* Appends in as UTF-8; wrong octets become U+FFFD, so the result is always valid. */
void charset_to_utf8(struct str name, struct str in, struct buf *out);
