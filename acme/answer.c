/* answer.c - see answer.h. */
#include "acme/answer.h"

#include <time.h>

#include "base/mem.h"
#include "base/num.h"
#include "svc/acme.h"
#include "json/json.h"

#define VALUES_MAX 5000u
#define DETAIL_MAX 300u
#define URN        "urn:ietf:params:acme:error:"
#define TOKEN_MAX  128u
#define NONCE_MAX  256u

static const char *const names[] = {"pending", "ready", "processing", "valid", "invalid", "other"};

const char *
answer_status_name(enum answer_status s)
{
	return names[s];
}

static enum answer_status
status_of(const cJSON *v)
{
	struct str s = json_str(json_get(v, "status"));
	unsigned i = 0;

	while (i < ANSWER_OTHER && !str_eq_z(s, names[i]))
		i++;
	return (enum answer_status)i;
}

/* ---- words ---- */

static bool
is_base64url(struct str s, size_t max)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return s.n > 0 && s.n <= max;
}

bool
answer_is_nonce(struct str s)
{
	return is_base64url(s, NONCE_MAX);
}

static int
take_url(const cJSON *v, const char *name, const struct provider *origin, struct arena *a,
    struct str *out, struct err *e)
{
	struct str url = json_str(json_get(v, name));

	if (acme_path(origin, url).n == 0)
		return err_set(e, E_PROTO, "its answer has no \"%s\" on its own host", name);
	*out = arena_dup(a, url);
	return 0;
}

/* ---- documents ---- */

static cJSON *
parse(struct str text, struct err *e)
{
	struct err why;
	cJSON *v = json_parse(text, VALUES_MAX, &why);

	if (v != NULL && cJSON_IsObject(v))
		return v;
	cJSON_Delete(v);
	err_set(e, E_PROTO, "its answer is no JSON object");
	return NULL;
}

int
answer_directory(struct str text, const struct provider *origin, struct arena *a,
    struct answer_directory *out, struct err *e)
{
	cJSON *v = parse(text, e);
	const cJSON *meta;
	int rc = -1;

	*out = (struct answer_directory){0};
	if (v == NULL)
		return -1;
	if (take_url(v, "newNonce", origin, a, &out->nonce, e) < 0 ||
	    take_url(v, "newAccount", origin, a, &out->account, e) < 0 ||
	    take_url(v, "newOrder", origin, a, &out->order, e) < 0)
		goto out;
	meta = json_get(v, "meta");
	out->terms =
	    arena_dup(a, str_sub(json_str(json_get(meta, "termsOfService")), 0, ACME_URL_MAX));
	out->binding = cJSON_IsTrue(json_get(meta, "externalAccountRequired"));
	rc = 0;
out:
	cJSON_Delete(v);
	return rc;
}

/* RFC 8555 6.7.1: of several, what the first is about says more. */
static void
read_problem(const cJSON *v, struct arena *a, struct answer_problem *out)
{
	const cJSON *sub = cJSON_GetArrayItem(json_get(v, "subproblems"), 0);
	struct str type = json_str(json_get(v, "type")), detail = json_str(json_get(v, "detail"));
	struct str name = json_str(json_get(json_get(sub, "identifier"), "value"));
	struct str more = json_str(json_get(sub, "detail"));

	*out = (struct answer_problem){.type = STR(""), .detail = STR("")};
	if (str_starts(type, STR(URN)))
		out->type = arena_dup(a, str_sub(str_from(type, sizeof(URN) - 1), 0, 60));
	if (more.n > 0)
		out->detail = arena_printf(a, STR_FMT ": " STR_FMT, STR_ARG(str_sub(name, 0, 253)),
		    STR_ARG(str_cut_utf8(more, DETAIL_MAX)));
	else if (detail.n > 0)
		out->detail = arena_dup(a, str_cut_utf8(detail, DETAIL_MAX));
}

void
answer_problem(struct str text, struct arena *a, struct answer_problem *out)
{
	cJSON *v = parse(text, NULL);

	read_problem(v, a, out);
	cJSON_Delete(v);
}

static int
read_order(const cJSON *v, const struct provider *origin, struct arena *a, struct answer_order *out,
    struct err *e)
{
	const cJSON *one, *all = json_get(v, "authorizations");

	out->status = status_of(v);
	if (take_url(v, "finalize", origin, a, &out->finalize, e) < 0)
		return -1;
	if (json_get(v, "certificate") != NULL &&
	    take_url(v, "certificate", origin, a, &out->certificate, e) < 0)
		return -1;
	if (out->status == ANSWER_VALID && out->certificate.n == 0)
		return err_set(e, E_PROTO, "its order is valid and has no certificate");
	cJSON_ArrayForEach(one, all)
	{
		struct str url = json_str(one);

		if (out->n == ANSWER_AUTH_MAX || acme_path(origin, url).n == 0)
			return err_set(e, E_PROTO,
			    "its order has too many authorizations, or one that is not on its own "
			    "host");
		out->authorizations[out->n++] = arena_dup(a, url);
	}
	if (out->n == 0)
		return err_set(e, E_PROTO, "its order has no authorizations");
	return 0;
}

int
answer_order(struct str text, const struct provider *origin, struct arena *a,
    struct answer_order *out, struct err *e)
{
	cJSON *v = parse(text, e);
	int rc;

	*out = (struct answer_order){.certificate = STR("")};
	if (v == NULL)
		return -1;
	read_problem(json_get(v, "error"), a, &out->problem);
	rc = read_order(v, origin, a, out, e);
	cJSON_Delete(v);
	return rc;
}

static int
read_challenge(const cJSON *c, const struct provider *origin, struct arena *a,
    struct answer_authorization *out, struct err *e)
{
	struct str token = json_str(json_get(c, "token"));

	if (take_url(c, "url", origin, a, &out->url, e) < 0)
		return -1;
	if (!is_base64url(token, TOKEN_MAX))
		return err_set(e, E_PROTO, "its challenge has no token");
	out->token = arena_dup(a, token);
	out->challenge = status_of(c);
	read_problem(json_get(c, "error"), a, &out->problem);
	return 0;
}

int
answer_authorization(struct str text, const struct provider *origin, struct str type,
    struct arena *a, struct answer_authorization *out, struct err *e)
{
	cJSON *v = parse(text, e);
	const cJSON *c;
	int rc = 0;

	*out = (struct answer_authorization){.url = STR("")};
	if (v == NULL)
		return -1;
	out->status = status_of(v);
	out->name =
	    arena_dup(a, str_sub(json_str(json_get(json_get(v, "identifier"), "value")), 0, 253));
	read_problem(NULL, a, &out->problem);
	cJSON_ArrayForEach(c, json_get(v, "challenges"))
	{
		if (str_eq(json_str(json_get(c, "type")), type))
			break;
	}
	if (c != NULL)
		rc = read_challenge(c, origin, a, out, e);
	cJSON_Delete(v);
	return rc;
}

/* ---- Retry-After ---- */

uint32_t
answer_retry(struct str value, int64_t now)
{
	char text[40];
	struct tm tm = {0};
	const char *end;
	uint64_t s;
	int64_t left;

	value = str_trim(value);
	if (num_parse(value, 0, UINT64_MAX, &s) == 0)
		return (uint32_t)num_min(s, ANSWER_RETRY_MAX);
	if (str_cz(value, text, sizeof(text)) < 0 ||
	    (end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm)) == NULL || *end != '\0')
		return 0;
	left = timegm(&tm) - now;
	return left <= 0 ? 0 : (uint32_t)num_min((uint64_t)left, ANSWER_RETRY_MAX);
}
