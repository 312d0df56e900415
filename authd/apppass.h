/*
 * apppass.h - app passwords: made by us, for one program of a user each, and taken back one by one.
 *
 * 100 random bits as 20 characters of base 32 in groups of five, "k7m2q-…": what is guessed in no
 * time that exists needs no slow hash, so BLAKE2b with a salt of its own keeps each.
 */
#pragma once

#include <stdbool.h>

#include "base/str.h"

#define APPPASS_LEN  23u /* with its dashes */
#define APPPASS_SIZE (APPPASS_LEN + 1)
#define APPPASS_SALT 16u
#define APPPASS_HASH 32u

void apppass_new(char out[APPPASS_SIZE]);
/* Could it be one? Also without dashes, with blanks, in capitals. Then its written form is in out.
 */
bool apppass_normal(struct str s, char out[APPPASS_SIZE]);
/* written: as apppass_new gave it. */
void
apppass_hash(const char written[APPPASS_SIZE], struct str salt, unsigned char out[APPPASS_HASH]);
