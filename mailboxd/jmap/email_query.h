/* email_query.h - Email/query and Email/queryChanges (RFC 8621 4.4, 4.5). */
#pragma once

#include "mailboxd/jmap/jmap.h"

enum jmap_step jmap_email_query(struct jmap_call *c, struct jmap_query *q);

struct jmap_email_query_changes {
	/* What is asked for depends on other emails of a thread than the one found. */
	bool is_of_threads;
	void *touched; /* email.c */
};

/* Of the call under way. */
struct jmap_email_query_changes *jmap_email_query_changes(struct jmap_call *c);
