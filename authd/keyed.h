/*
 * keyed.h - what names something to us and nothing to others: a keyed hash of parts, each behind
 * its length, so that no two lists of parts are one text.
 */
#pragma once

#include "base/str.h"

#define KEYED_KEY 32u

/* BLAKE2b of head as it is and of the parts, size octets of it (16 to 64). Notes on disk are found
 * by it. */
void keyed_digest(const unsigned char key[KEYED_KEY], struct str head, const struct str *parts,
    size_t n, void *out, size_t size) __attribute__((nonnull(1, 3, 5)));
