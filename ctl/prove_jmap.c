/* prove_jmap.c - what JMAP promises: the capabilities of its session (RFC 8620 2). */
#include "base/mem.h"
#include "ctl/prove.h"
#include "ctl/talk.h"
#include "json/json.h"

/* A method of each, that changes nothing; its arguments have the account's id for %s. error: the
 * one that is the right answer. */
static const struct proof {
	const char *capability, *method, *arguments, *error;
} proofs[] = {
    {"urn:ietf:params:jmap:core", "Core/echo", "{\"hello\":\"%s\"}", NULL},
    {"urn:ietf:params:jmap:mail", "Mailbox/get", "{\"accountId\":\"%s\",\"ids\":null}", NULL},
    {"urn:ietf:params:jmap:submission", "Identity/get", "{\"accountId\":\"%s\",\"ids\":null}",
	NULL},
    {"urn:ietf:params:jmap:vacationresponse", "VacationResponse/get",
	"{\"accountId\":\"%s\",\"ids\":null}", NULL},
    {"urn:x-gkmail:preferences", "Preferences/get", "{\"accountId\":\"%s\",\"ids\":null}", NULL},
    {"urn:x-gkmail:approval", "Approval/get", "{\"accountId\":\"%s\",\"ids\":null}", NULL},
    {"urn:x-gkmail:agents", "AgentSession/query", "{\"accountId\":\"%s\"}", NULL},
    {"urn:x-gkmail:trace", "Email/why", "{\"accountId\":\"%s\",\"emailId\":\"none\"}", "notFound"},
};

/* A request in HTTP/1.0, whose answer ends with the connection; *body of it, or -1. more: further
 * fields of the head. */
static int
request(const struct prove *p, const char *head, const char *more, struct str content,
    struct str *status, struct str *body, struct err *e)
{
	struct talk *w = arena_alloc(&ctl.arena, sizeof(*w));
	struct str all;
	size_t at;
	int rc = -1;

	w->fd = -1;
	w->ssl = NULL;
	if (talk_open(w, prove_listener(p, "https"), true, e) < 0 ||
	    talk_write(w,
		arena_printf(&ctl.arena,
		    "%s\r\nHost: localhost\r\nAuthorization: Basic %s\r\n%s"
		    "Content-Length: %zu\r\n\r\n" STR_FMT,
		    head, prove_base64(arena_printf(&ctl.arena, "%s:%s", p->user, p->password)),
		    more, content.n, STR_ARG(content)),
		e) < 0)
		goto out;
	/* A WebSocket stays open: its head is all. */
	if (more[0] == 'U')
		rc = talk_line(w, status, e);
	else if (talk_rest(w, &all, e) == 0 && str_cut(&all, '\n', status) &&
		 (at = str_find(all, STR("\r\n\r\n"))) < all.n) {
		*body = arena_dup(&ctl.arena, str_from(all, at + 4));
		rc = 0;
	} else {
		err_set(e, E_PROTO, "no answer");
	}
	*status = arena_dup(&ctl.arena, *status);
out:
	talk_close(w);
	return rc;
}

static const char *
call(const struct prove *p, const struct proof *f, const char *account)
{
	struct str arguments =
	    arena_printf(&ctl.arena, f->arguments, account); /* of the table above */
	struct str content = arena_printf(&ctl.arena,
	    "{\"using\":[\"urn:ietf:params:jmap:core\",\"urn:ietf:params:jmap:mail\",\"%s\"],"
	    "\"methodCalls\":[[\"%s\"," STR_FMT ",\"0\"]]}",
	    f->capability, f->method, STR_ARG(arguments));
	struct str status = STR_NONE, body = STR_NONE;
	const cJSON *answer;
	struct err e;
	cJSON *v;
	bool good;

	if (request(p, "POST /jmap/api HTTP/1.0", "Content-Type: application/json\r\n", content,
		&status, &body, &e) < 0 ||
	    (v = json_parse(body, JSON_VALUES_MAX, &e)) == NULL)
		return arena_printf(&ctl.arena, "%s " STR_FMT, e.text, STR_ARG(status)).p;
	answer = cJSON_GetArrayItem(json_get(v, "methodResponses"), 0);
	good = answer != NULL && str_eq_z(json_str(answer->child), f->error ? "error" : f->method);
	if (good && f->error != NULL)
		good = str_eq_z(json_str(json_get(answer->child->next, "type")), f->error);
	cJSON_Delete(v);
	if (good)
		return NULL;
	return arena_printf(
	    &ctl.arena, "%s is answered " STR_FMT, f->method, STR_ARG(str_sub(body, 0, 200)))
	    .p;
}

/* RFC 8887: the handshake is the proof. */
static const char *
websocket(const struct prove *p)
{
	struct str status = STR_NONE, body;
	struct err e;

	if (request(p, "GET /jmap/ws HTTP/1.1",
		"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: Z2ttYWlscHJvdmUwMTIzNA==\r\nSec-WebSocket-Protocol: jmap\r\n",
		STR(""), &status, &body, &e) < 0)
		return arena_printf(&ctl.arena, "%s", e.text).p;
	return str_starts(status, STR("HTTP/1.1 101"))
		   ? NULL
		   : arena_printf(&ctl.arena, "it answers " STR_FMT, STR_ARG(status)).p;
}

static void
prove_one(const struct prove *p, const char *capability, const char *account)
{
	for (size_t i = 0; i < ARRAY_LEN(proofs); i++)
		if (strcmp(capability, proofs[i].capability) == 0) {
			prove_tell("jmap", str_z(capability), call(p, &proofs[i], account));
			return;
		}
	prove_tell("jmap", str_z(capability),
	    strcmp(capability, "urn:ietf:params:jmap:websocket") == 0
		? websocket(p)
		: "gkmail does not know how to try it");
}

int
prove_jmap(const struct prove *p, struct err *e)
{
	struct str status = STR_NONE, body;
	const cJSON *accounts, *capability;
	cJSON *session;
	int rc = -1;

	if (prove_listener(p, "https").n == 0)
		return err_set(e, E_NOTFOUND, "web.listen is empty");
	if (request(p, "GET /jmap/session HTTP/1.0", "", STR(""), &status, &body, e) < 0)
		return -1;
	if ((session = json_parse(body, JSON_VALUES_MAX, e)) == NULL)
		return err_wrap(e, "the session is answered " STR_FMT, STR_ARG(status));
	accounts = json_get(session, "accounts");
	if (accounts == NULL || accounts->child == NULL) {
		err_set(e, E_PROTO, "the session has no account");
		goto out;
	}
	cJSON_ArrayForEach(capability, json_get(session, "capabilities"))
	{
		prove_one(p, capability->string, accounts->child->string);
	}
	rc = 0;
out:
	cJSON_Delete(session);
	return rc;
}
