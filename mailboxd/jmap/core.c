/*
 * core.c - Core/echo (RFC 8620 4) and the session object (RFC 8620 2, RFC 8621 1.3, RFC 8887 3).
 */
#include <sodium.h>

#include "mailboxd/jmap/email_set.h"
#include "mailboxd/jmap/methods.h"
#include "svc/build.h"

static enum jmap_step
echo(struct jmap_call *c)
{
	cJSON *v = c->result;

	c->result = c->args;
	c->args = v;
	return JMAP_DONE;
}

const struct jmap_method jmap_core_methods[] = {
    {.name = "Core/echo", .capability = JMAP_CORE, .run = echo, .no_account = true}, {0}};

/* ---- the session object ---- */

/* What can change of it: who it is for, and this program. */
struct str
jmap_session_state(struct jmap *j)
{
	unsigned char hash[crypto_generichash_BYTES_MIN];
	crypto_generichash_state s;

	if (j->session_state[0] == '\0') {
		crypto_generichash_init(&s, NULL, 0, sizeof hash);
		crypto_generichash_update(&s, (const unsigned char *)j->user.p, j->user.n);
		crypto_generichash_update(
		    &s, (const unsigned char *)build_id(), strlen(build_id()));
		crypto_generichash_final(&s, hash, sizeof hash);
		sodium_bin2hex(j->session_state, sizeof j->session_state, hash, 8);
	}
	return str_z(j->session_state);
}

static cJSON *
strings(const char *const *v)
{
	cJSON *list = cJSON_CreateArray();

	for (; *v != NULL; v++)
		json_add(list, json_new_str(str_z(*v)));
	return list;
}

static cJSON *
core_capability(void)
{
	cJSON *v = cJSON_CreateObject();

	json_put_num(v, "maxSizeUpload", JMAP_MAX_UPLOAD);
	json_put_num(v, "maxConcurrentUpload", JMAP_MAX_UPLOADS);
	json_put_num(v, "maxSizeRequest", JMAP_MAX_REQUEST);
	json_put_num(v, "maxConcurrentRequests", JMAP_MAX_REQUESTS);
	json_put_num(v, "maxCallsInRequest", JMAP_MAX_CALLS);
	json_put_num(v, "maxObjectsInGet", JMAP_MAX_GET);
	json_put_num(v, "maxObjectsInSet", JMAP_MAX_SET);
	json_put(v, "collationAlgorithms",
	    strings((const char *const[]){"i;ascii-casemap", "i;unicode-casemap", NULL}));
	return v;
}

static cJSON *
websocket_capability(struct str base)
{
	cJSON *v = cJSON_CreateObject();
	struct buf url;

	buf_init(&url, 4096);
	/* "https://…" and "http://…" of a sandbox. */
	if (str_starts(base, STR("http")))
		buf_printf(&url, "ws" STR_FMT "/jmap/ws", STR_ARG(str_from(base, 4)));
	json_put_str(v, "url", buf_view(&url));
	json_put_bool(v, "supportsPush", true);
	buf_free(&url);
	return v;
}

/* RFC 8621 1.3.1 */
static cJSON *
mail_capability(void)
{
	cJSON *v = cJSON_CreateObject();

	json_put_num(v, "maxMailboxesPerEmail", JMAP_EMAIL_PLACES);
	json_put_num(v, "maxMailboxDepth", JMAP_MAILBOX_DEPTH);
	json_put_num(v, "maxSizeMailboxName", JMAP_MAILBOX_NAME);
	json_put_num(v, "maxSizeAttachmentsPerEmail", JMAP_MAX_UPLOAD);
	json_put(v, "emailQuerySortOptions",
	    strings((const char *const[]){"receivedAt", "size", "from", "to", "subject", "sentAt",
		"hasKeyword", "allInThreadHaveKeyword", "someInThreadHaveKeyword", NULL}));
	json_put_bool(v, "mayCreateTopLevelMailbox", true);
	return v;
}

/* RFC 8621 1.3.2; delays by FUTURERELEASE (RFC 4865). */
static cJSON *
submission_capability(const struct jmap *j)
{
	cJSON *v = cJSON_CreateObject(), *extensions = cJSON_CreateObject();

	json_put_num(v, "maxDelayedSend", (int64_t)j->host.max_delay_s);
	json_put(v, "submissionExtensions", extensions);
	/* What an envelope's parameters may be (parameters.c). */
	if (j->host.max_delay_s > 0)
		json_put(extensions, "FUTURERELEASE", cJSON_CreateArray());
	json_put(extensions, "DSN", cJSON_CreateArray());
	json_put(extensions, "SIZE", cJSON_CreateArray());
	json_put(extensions, "8BITMIME", cJSON_CreateArray());
	json_put(extensions, "SMTPUTF8", cJSON_CreateArray());
	return v;
}

static cJSON *
account(struct jmap *j)
{
	cJSON *v = cJSON_CreateObject(), *can = cJSON_CreateObject();

	json_put_str(v, "name", j->user);
	json_put_bool(v, "isPersonal", true);
	json_put_bool(v, "isReadOnly", false);
	json_put(v, "accountCapabilities", can);
	json_put(can, JMAP_CORE, cJSON_CreateObject());
	json_put(can, JMAP_MAIL, mail_capability());
	json_put(can, JMAP_SUBMISSION, submission_capability(j));
	json_put(can, JMAP_VACATION, cJSON_CreateObject());
	json_put(can, JMAP_PREFERENCES, cJSON_CreateObject());
	json_put(can, JMAP_APPROVAL, cJSON_CreateObject());
	json_put(can, JMAP_AGENTS, cJSON_CreateObject());
	json_put(can, JMAP_TRACE, cJSON_CreateObject());
	return v;
}

static void
put_url(cJSON *session, const char *name, struct str base, const char *path)
{
	struct buf url;

	buf_init(&url, 4096);
	buf_str(&url, base);
	buf_puts(&url, path);
	json_put_str(session, name, buf_view(&url));
	buf_free(&url);
}

void
jmap_session_object(struct jmap *j, struct str base, struct buf *out)
{
	cJSON *v = cJSON_CreateObject(), *can = cJSON_CreateObject(), *accounts, *primary;

	json_put(v, "capabilities", can);
	json_put(can, JMAP_CORE, core_capability());
	json_put(can, JMAP_MAIL, cJSON_CreateObject());
	json_put(can, JMAP_SUBMISSION, cJSON_CreateObject());
	json_put(can, JMAP_VACATION, cJSON_CreateObject());
	json_put(can, JMAP_PREFERENCES, cJSON_CreateObject());
	json_put(can, JMAP_APPROVAL, cJSON_CreateObject());
	json_put(can, JMAP_AGENTS, cJSON_CreateObject());
	json_put(can, JMAP_TRACE, cJSON_CreateObject());
	json_put(can, JMAP_WEBSOCKET, websocket_capability(base));
	json_put(v, "accounts", accounts = cJSON_CreateObject());
	json_put_named(accounts, str_z(j->account), account(j));
	json_put(v, "primaryAccounts", primary = cJSON_CreateObject());
	json_put_str(primary, JMAP_MAIL, str_z(j->account));
	json_put_str(primary, JMAP_SUBMISSION, str_z(j->account));
	json_put_str(primary, JMAP_VACATION, str_z(j->account));
	json_put_str(primary, JMAP_PREFERENCES, str_z(j->account));
	json_put_str(primary, JMAP_APPROVAL, str_z(j->account));
	json_put_str(primary, JMAP_AGENTS, str_z(j->account));
	json_put_str(primary, JMAP_TRACE, str_z(j->account));
	json_put_str(v, "username", j->user);
	put_url(v, "apiUrl", base, "/jmap/api");
	put_url(v, "downloadUrl", base, "/jmap/download/{accountId}/{blobId}/{name}?accept={type}");
	put_url(v, "uploadUrl", base, "/jmap/upload/{accountId}/");
	put_url(v, "eventSourceUrl", base,
	    "/jmap/eventsource?types={types}&closeafter={closeafter}&ping={ping}");
	json_put_str(v, "state", jmap_session_state(j));
	json_print(v, out);
	cJSON_Delete(v);
}
