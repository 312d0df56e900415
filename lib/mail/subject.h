/*
 * subject.h - what a conversation is about: the base subject of RFC 5256 2.1, by which replies and
 * forwards are known to belong to what they answer.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

/* Of a Subject as stored: decoded, in lower case (ASCII), without what replies, forwards and lists
 * put around it: "Re: [list] Fwd: =?utf-8?q?Caf=C3=A9?= (fwd)" is "café". Beside Re, Fw and Fwd
 * also the words that programs of other languages write. May be empty. At most SUBJECT_MAX octets
 * of the value are looked at. */
#define SUBJECT_MAX 8192u
struct str subject_base(struct str value, struct arena *a);
