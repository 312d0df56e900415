/*
 * audit.h - the arguments of a tool call as the audit log keeps them (AUDIT_ADD): what was asked
 * for, without the texts of mails and without secrets, both of which are kept as digests or not at
 * all. Pure function.
 */
#pragma once

#include "json/json.h"

#define AUDIT_ARGUMENTS_MAX 4096u /* octets, of the text */

/*
 * Appends JSON. A text that is long, or stands where mails and drafts have theirs, becomes
 * {"octets":n,"blake2b":"…"}; what looks like a credential, "(secret)". Of an array with more than
 * AUDIT_ITEMS the rest is counted. What is too large for all that is one digest.
 */
#define AUDIT_ITEMS 20u
void audit_arguments(const cJSON *args, struct buf *out);
