/*
 * message.h - one message being received, by DATA or BDAT.
 *
 * Octets go through datascan (where does it end, is it clean) and headscan (what does its header
 * say) into the spool. A message that turns out wrong is refused at its end, and takes no more
 * memory until then.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "smtpd/reply.h"

struct message;
struct session;

/* The disk was full a moment ago: MAIL gets 452 4.3.1 (RFC 1870 6). */
bool message_no_room(void);
/* The queue says whether the disk's free space is below its floor. */
void message_space(bool low);

/* The transaction has recipients. dots: it comes by DATA. */
struct message *message_new(struct session *s, bool dots);
void message_free(struct message **m);
/* Takes octets up to the end of the message; returns how many. */
size_t message_feed(struct message *m, const char *p, size_t n);
/* Waits for the spool's file: feed no more now, session_run() comes. */
bool message_blocked(const struct message *m);
/* DATA: the dot was seen. */
bool message_ended(const struct message *m);
/* Why it will be refused, or REPLY_COUNT; for what is known so far. */
enum reply message_refusal(const struct message *m);
/* The argument of that reply. */
struct str message_refusal_arg(const struct message *m);
/* All octets are there. Replies, now or later, and ends the transaction. */
void message_finish(struct message *m);
