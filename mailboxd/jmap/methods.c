/*
 * methods.c - see jmap.h: every method, and every capability. A type's file has its rows.
 */
#include "mailboxd/jmap/methods.h"

#include "base/mem.h"

static const struct jmap_method *const tables[] = {jmap_core_methods, jmap_push_methods,
    jmap_email_methods, jmap_email_set_methods, jmap_email_import_methods, jmap_identity_methods,
    jmap_submission_methods, jmap_blob_methods, jmap_snippet_methods, jmap_mailbox_methods,
    jmap_thread_methods, jmap_vacation_methods, jmap_preferences_methods, jmap_approval_methods,
    jmap_agent_session_methods, jmap_why_methods};

static const char *const capabilities[] = {JMAP_CORE, JMAP_MAIL, JMAP_SUBMISSION, JMAP_VACATION,
    JMAP_WEBSOCKET, JMAP_PREFERENCES, JMAP_APPROVAL, JMAP_AGENTS, JMAP_TRACE};

const struct jmap_method *
jmap_method_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		for (const struct jmap_method *m = tables[i]; m->name != NULL; m++)
			if (str_eq_z(name, m->name))
				return m;
	return NULL;
}

uint32_t
jmap_capability(struct str urn)
{
	for (unsigned i = 0; i < ARRAY_LEN(capabilities); i++)
		if (str_eq_z(urn, capabilities[i]))
			return 1u << i;
	return 0;
}
