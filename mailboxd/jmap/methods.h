/*
 * methods.h - tables of methods, one of each file that has some; a row without a name ends each.
 */
#pragma once

#include "mailboxd/jmap/request.h"

extern const struct jmap_method jmap_agent_session_methods[];
extern const struct jmap_method jmap_approval_methods[];
extern const struct jmap_method jmap_blob_methods[];
extern const struct jmap_method jmap_why_methods[];
extern const struct jmap_method jmap_core_methods[];
extern const struct jmap_method jmap_email_methods[];
extern const struct jmap_method jmap_email_set_methods[];
extern const struct jmap_method jmap_email_import_methods[];
extern const struct jmap_method jmap_identity_methods[];
extern const struct jmap_method jmap_snippet_methods[];
extern const struct jmap_method jmap_mailbox_methods[];
extern const struct jmap_method jmap_push_methods[];
extern const struct jmap_method jmap_submission_methods[];
extern const struct jmap_method jmap_thread_methods[];
extern const struct jmap_method jmap_vacation_methods[];
extern const struct jmap_method jmap_preferences_methods[];
