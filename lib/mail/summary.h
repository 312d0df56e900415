/*
 * summary.h - what SEARCH asks of a header most, made ready once: for each of a few fields its text
 * decoded and folded as needle.h compares it, and the day of its Date.
 *
 * Kept by the index beside ENVELOPE (IMAP_RENDER_VERSION covers its format), so that SEARCH SUBJECT
 * over a whole mailbox opens no message. It answers "unknown" where it had to leave something out
 * (long or very many fields): the header itself is asked then.
 */
#pragma once

#include "base/buf.h"
#include "mail/needle.h"

#define SUMMARY_MAX 8192u /* octets of one, at most */

enum summary_field {
	SUMMARY_FROM,
	SUMMARY_TO,
	SUMMARY_CC,
	SUMMARY_BCC,
	SUMMARY_SUBJECT,
	SUMMARY_MESSAGE_ID,
	SUMMARY_COUNT
};

enum summary_answer {
	SUMMARY_NO,
	SUMMARY_YES,
	SUMMARY_UNKNOWN
};

/* SUMMARY_COUNT: summaries say nothing of fields of that name. */
enum summary_field summary_field(struct str name);

/* Appends the summary of a header (or of a message that begins with it). */
void summary_write(struct str header, struct buf *out);

/* Does any field of that name hold the needle? An empty needle asks whether there is one. */
enum summary_answer
summary_find(struct str summary, enum summary_field field, const struct needle *nd);
/* The day of the first Date (date_day); SUMMARY_NO: there is none, or it is no date. */
enum summary_answer summary_day(struct str summary, int64_t *day);
