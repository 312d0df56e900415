/*
 * message.c - see message.h.
 */
#include "mcpd/message.h"

#include <sodium.h>
#include <stdarg.h>

#include "base/mem.h"
#include "svc/build.h"

#define META "io.modelcontextprotocol/"

static const char *const legacy_versions[] = {MCP_LEGACY_VERSION, "2025-06-18", "2025-03-26"};

const char *
mcp_legacy_version(size_t i)
{
	return i < ARRAY_LEN(legacy_versions) ? legacy_versions[i] : NULL;
}

int
mcp_fail(struct mcp_failure *f, enum mcp_code code, const char *fmt, ...)
{
	va_list ap;

	f->code = code;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- JSON-RPC ---- */

static bool
is_id(const cJSON *v)
{
	int64_t n;

	return (cJSON_IsString(v) && strlen(v->valuestring) <= MCP_ID_MAX) ||
	       json_int(v, -JSON_INT_MAX, JSON_INT_MAX, &n) == 0;
}

static int
parse_rpc(struct mcp_message *m, struct str body, struct mcp_failure *f)
{
	const cJSON *id, *method;
	struct err e;

	if (body.n > MCP_MESSAGE_MAX)
		return mcp_fail(f, MCP_INVALID_REQUEST, "longer than %u octets", MCP_MESSAGE_MAX);
	if ((m->root = json_parse(body, MCP_VALUES_MAX, &e)) == NULL)
		return mcp_fail(
		    f, e.code == E_LIMIT ? MCP_INVALID_REQUEST : MCP_PARSE_ERROR, "%.200s", e.text);
	/* Batches went with 2025-06-18. */
	if (!cJSON_IsObject(m->root))
		return mcp_fail(f, MCP_INVALID_REQUEST, "a message is one object");
	id = json_get(m->root, "id");
	if (id != NULL && is_id(id))
		m->id = id;
	if (!str_eq_z(json_str(json_get(m->root, "jsonrpc")), "2.0"))
		return mcp_fail(f, MCP_INVALID_REQUEST, "jsonrpc is \"2.0\"");
	if (id != NULL && m->id == NULL)
		return mcp_fail(f, MCP_INVALID_REQUEST, "id is a string or an integer");
	method = json_get(m->root, "method");
	if (method == NULL && m->id != NULL &&
	    (json_get(m->root, "result") != NULL || json_get(m->root, "error") != NULL)) {
		m->kind = MCP_RESPONSE;
		return 0;
	}
	m->method = json_str(method);
	if (m->method.n == 0)
		return mcp_fail(f, MCP_INVALID_REQUEST, "method is a string");
	m->kind = m->id != NULL ? MCP_REQUEST : MCP_NOTIFICATION;
	m->params = json_get(m->root, "params");
	if (m->params != NULL && !cJSON_IsObject(m->params))
		return mcp_fail(f, MCP_INVALID_PARAMS, "params is an object");
	return 0;
}

/* ---- eras ---- */

static bool
is_legacy_version(struct str version)
{
	for (size_t i = 0; i < ARRAY_LEN(legacy_versions); i++)
		if (str_eq_z(version, legacy_versions[i]))
			return true;
	return false;
}

static const cJSON *
meta_of(const struct mcp_message *m)
{
	const cJSON *meta = json_member(m->params, "_meta");

	return cJSON_IsObject(meta) ? meta : NULL;
}

/* A request with a version in _meta is modern whatever its transport, `initialize` too (which there
 * is none then); one without is not. */
static bool
is_modern(const struct mcp_message *m, const struct mcp_headers *h, bool in_session)
{
	if (m->kind == MCP_RESPONSE)
		return false;
	if (json_member(meta_of(m), META "protocolVersion") != NULL)
		return true;
	if (str_eq_z(m->method, "initialize"))
		return false;
	if (h == NULL)
		return !in_session;
	if (h->version.n > 0)
		return !is_legacy_version(h->version);
	return h->session.n == 0;
}

static int
fail_version(struct mcp_failure *f, struct str requested)
{
	cJSON *supported = cJSON_CreateArray();

	json_add(supported, json_new_str(STR(MCP_MODERN_VERSION)));
	for (size_t i = 0; i < ARRAY_LEN(legacy_versions); i++)
		json_add(supported, json_new_str(str_z(legacy_versions[i])));
	f->data = cJSON_CreateObject();
	json_put(f->data, "supported", supported);
	json_put_str(f->data, "requested", requested);
	return mcp_fail(f, MCP_UNSUPPORTED_VERSION, "Unsupported protocol version");
}

/* basic/index, "Per-request protocol fields" */
static int
take_meta(struct mcp_message *m, struct str *version, struct mcp_failure *f)
{
	const cJSON *meta = meta_of(m);

	*version = json_str(json_member(meta, META "protocolVersion"));
	/* Known only of a request whose _meta is whole: mcp_failure_status() goes by that. */
	m->capabilities = version->n > 0 ? json_member(meta, META "clientCapabilities") : NULL;
	m->progress = json_member(meta, "progressToken");
	if (version->n == 0)
		return mcp_fail(f, MCP_INVALID_PARAMS, "_meta has no " META "protocolVersion");
	if (!str_eq_z(*version, MCP_MODERN_VERSION))
		return fail_version(f, *version);
	if (!cJSON_IsObject(m->capabilities))
		return mcp_fail(f, MCP_INVALID_PARAMS, "_meta has no " META "clientCapabilities");
	if (m->progress != NULL && !is_id(m->progress))
		return mcp_fail(f, MCP_INVALID_PARAMS, "progressToken is a string or an integer");
	return 0;
}

/* ---- header fields ---- */

int
mcp_header_decode(struct str field, struct buf *out)
{
	struct str prefix = STR("=?base64?"), suffix = STR("?=");
	size_t n;
	char *room;

	if (!str_starts(field, prefix) || !str_ends(field, suffix) ||
	    field.n < prefix.n + suffix.n) {
		for (size_t i = 0; i < field.n; i++)
			if ((unsigned char)field.p[i] > 126 ||
			    (is_cntl(field.p[i]) && field.p[i] != '\t'))
				return -1;
		return buf_str(out, field);
	}
	field = str_sub(field, prefix.n, field.n - prefix.n - suffix.n);
	if ((room = buf_room(out, field.n + 1)) == NULL ||
	    sodium_base642bin((unsigned char *)room, field.n + 1, field.p, field.n, NULL, &n, NULL,
		sodium_base64_VARIANT_ORIGINAL) != 0)
		return -1;
	buf_added(out, n);
	return str_is_utf8(str_of(room, n)) || n == 0 ? 0 : -1;
}

/* What Mcp-Name mirrors; STR_NONE: nothing. */
static struct str
name_of(const struct mcp_message *m)
{
	if (str_eq_z(m->method, "tools/call") || str_eq_z(m->method, "prompts/get"))
		return json_str(json_member(m->params, "name"));
	if (str_eq_z(m->method, "resources/read"))
		return json_str(json_member(m->params, "uri"));
	return STR_NONE;
}

static int
check_field(const char *field, struct str said, struct str meant, struct mcp_failure *f)
{
	struct buf decoded;
	int rc = 0;

	buf_init(&decoded, MCP_MESSAGE_MAX);
	if (said.p == NULL)
		rc = mcp_fail(f, MCP_HEADER_MISMATCH, "Header mismatch: %s is missing", field);
	else if (mcp_header_decode(said, &decoded) < 0)
		rc = mcp_fail(f, MCP_HEADER_MISMATCH, "Header mismatch: %s is malformed", field);
	else if (!str_eq(buf_view(&decoded), meant))
		rc = mcp_fail(f, MCP_HEADER_MISMATCH,
		    "Header mismatch: %s does not say what the body says", field);
	buf_free(&decoded);
	return rc;
}

/* Streamable HTTP, "Server Validation" */
static int
check_headers(const struct mcp_message *m, const struct mcp_headers *h, struct mcp_failure *f)
{
	struct str version = json_str(json_member(meta_of(m), META "protocolVersion"));
	struct str name = name_of(m);

	/* This revision asks for no header fields with notifications. */
	if (m->kind == MCP_NOTIFICATION)
		return 0;
	if (h->version.p == NULL)
		return mcp_fail(
		    f, MCP_HEADER_MISMATCH, "Header mismatch: MCP-Protocol-Version is missing");
	if (version.n > 0 && !str_eq(h->version, version))
		return mcp_fail(f, MCP_HEADER_MISMATCH,
		    "Header mismatch: MCP-Protocol-Version does not say what the body says");
	if (check_field("Mcp-Method", h->method, m->method, f) < 0)
		return -1;
	return name.p != NULL ? check_field("Mcp-Name", h->name, name, f) : 0;
}

/* ---- the whole ---- */

int
mcp_message_parse(struct mcp_message *m, struct str body, const struct mcp_headers *headers,
    bool in_session, struct mcp_failure *f)
{
	struct str version;

	*m = (struct mcp_message){.modern = true};
	*f = (struct mcp_failure){0};
	if (parse_rpc(m, body, f) < 0)
		return -1;
	m->modern = is_modern(m, headers, in_session);
	if (m->modern && headers != NULL && check_headers(m, headers, f) < 0)
		return -1;
	if (m->modern && m->kind == MCP_REQUEST)
		return take_meta(m, &version, f);
	m->progress = json_member(meta_of(m), "progressToken");
	if (m->progress != NULL && !is_id(m->progress))
		m->progress = NULL;
	if (!m->modern && headers != NULL && headers->version.n > 0 &&
	    !is_legacy_version(headers->version))
		return fail_version(f, headers->version);
	return 0;
}

void
mcp_message_done(struct mcp_message *m)
{
	cJSON_Delete(m->root);
	m->root = NULL;
}

int
mcp_need_capability(
    const struct mcp_message *m, const char *name, const char *sub, struct mcp_failure *f)
{
	const cJSON *has = json_member(m->capabilities, name);
	cJSON *need, *inner;

	if (cJSON_IsObject(has) && (sub == NULL || cJSON_IsObject(json_member(has, sub))))
		return 0;
	need = cJSON_CreateObject();
	inner = cJSON_CreateObject();
	if (sub != NULL)
		json_put_named(inner, str_z(sub), cJSON_CreateObject());
	json_put_named(need, str_z(name), inner);
	f->data = cJSON_CreateObject();
	json_put(f->data, "requiredCapabilities", need);
	return mcp_fail(f, MCP_MISSING_CAPABILITY, "the client has to support %s%s%s", name,
	    sub != NULL ? " by " : "", sub != NULL ? sub : "");
}

/* ---- answers ---- */

unsigned
mcp_failure_status(const struct mcp_message *m, const struct mcp_failure *f)
{
	switch (f->code) {
	case MCP_PARSE_ERROR:
	case MCP_INVALID_REQUEST:
	case MCP_HEADER_MISMATCH:
	case MCP_MISSING_CAPABILITY:
	case MCP_UNSUPPORTED_VERSION:
		return 400;
	case MCP_METHOD_NOT_FOUND:
		return m->modern ? 404 : 200;
	/* Missing _meta is of the transport, any other parameter is of the method. */
	case MCP_INVALID_PARAMS:
		return m->modern && m->capabilities == NULL ? 400 : 200;
	case MCP_RATE_LIMITED:
		return 429;
	case MCP_INTERNAL_ERROR:
	case MCP_RESOURCE_NOT_FOUND:
		break;
	}
	return 200;
}

static void
begin(const struct mcp_message *m, struct buf *out)
{
	buf_puts(out, "{\"jsonrpc\":\"2.0\"");
	if (m->id != NULL) {
		buf_puts(out, ",\"id\":");
		json_print(m->id, out);
	}
}

void
mcp_result_print(const struct mcp_message *m, cJSON *result, struct buf *out)
{
	if (m->modern) {
		cJSON *meta = cJSON_GetObjectItemCaseSensitive(result, "_meta");
		cJSON *self = cJSON_CreateObject();

		if (meta == NULL) {
			meta = cJSON_CreateObject();
			json_put(result, "_meta", meta);
		}
		json_put_str(self, "name", STR("gkmail"));
		json_put_str(self, "version", str_z(build_version()));
		json_put(meta, META "serverInfo", self);
		if (json_get(result, "resultType") == NULL)
			json_put_str(result, "resultType", STR("complete"));
	}
	begin(m, out);
	buf_puts(out, ",\"result\":");
	json_print(result, out);
	buf_putc(out, '}');
	cJSON_Delete(result);
}

void
mcp_failure_print(const struct mcp_message *m, struct mcp_failure *f, struct buf *out)
{
	begin(m, out);
	buf_printf(out, ",\"error\":{\"code\":%d,\"message\":", (int)f->code);
	json_print_str(str_z(f->text), out);
	if (f->data != NULL) {
		buf_puts(out, ",\"data\":");
		json_print(f->data, out);
	}
	buf_puts(out, "}}");
	cJSON_Delete(f->data);
	f->data = NULL;
}

void
mcp_notification_print(const char *method, cJSON *params, struct buf *out)
{
	buf_puts(out, "{\"jsonrpc\":\"2.0\",\"method\":");
	json_print_str(str_z(method), out);
	if (params != NULL) {
		buf_puts(out, ",\"params\":");
		json_print(params, out);
	}
	buf_putc(out, '}');
	cJSON_Delete(params);
}
