/*
 * demo_mail.h - the sample messages of a demo sandbox.
 */
#pragma once

#include <stddef.h>

struct demo_mail {
	const char *id;   /* the left side of its Message-ID */
	const char *from; /* local part of the sender */
	const char *to;   /* local parts, parted by blanks */
	unsigned minutes_ago;
	const char
	    *text; /* header and body from From: on; @domain@ stands for "@" and the domain */
};

extern const struct demo_mail demo_mails[];
extern const size_t demo_mails_count;
