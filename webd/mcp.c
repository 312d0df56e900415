/*
 * mcp.c - the endpoint of the Model Context Protocol (Streamable HTTP): exchanges on their way to
 * gk-mcpd, and its answers on their way back.
 *
 *	POST   /mcp	one message of JSON-RPC
 *	GET    /mcp	what is told to a legacy session outside of its requests
 *	DELETE /mcp	ends such a session
 *
 * What is HTTP's is done here: who may ask at all (a Bearer token, whose worth gk-mcpd finds out;
 * no cookie and no password is looked at), from which page (Origin), how much, and fields that are
 * there twice. Nothing of a message is read.
 *
 * Owner of a relay: its exchange. Errors: before the head problem details, after it a broken
 * answer.
 */
#include <sys/socket.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/network.h"
#include "base/num.h"
#include "ipc/agent.h"
#include "ipc/pipe.h"
#include "svc/svc.h"
#include "webd/routes.h"

#define BODY_MAX  (1u << 20)
#define FIELD_MAX 4096u /* octets of one */

struct relay {
	struct exchange *x;
	struct frames *frames;
	uint64_t call; /* MCP_EXCHANGE */
	bool said;     /* all of the request */
};

/* Fields that say who asks for what: one of each, or a proxy may have read the other. */
static const struct {
	const char *name;
	enum pipe_mcp field;
} mirrored[] = {
    {"MCP-Protocol-Version", PIPE_MCP_VERSION},
    {"Mcp-Method", PIPE_MCP_RPC},
    {"Mcp-Name", PIPE_MCP_NAME},
    {"Mcp-Session-Id", PIPE_MCP_SESSION},
};

/* ---- the answer ---- */

static void
hang_up(struct relay *r)
{
	if (r->call != 0)
		ipc_cancel(svc_channel(PEER_MCPD), r->call);
	r->call = 0;
	frames_free(&r->frames);
}

static void
fail(struct relay *r, const struct err *e)
{
	struct exchange *x = r->x;

	hang_up(r);
	if (exchange_over(x))
		return;
	log_warn("web.mcp", LZ("sid", x->sid), LE(e));
	if (exchange_begun(x)) {
		exchange_abort(x);
	} else {
		exchange_set(x, "Retry-After", STR("2"));
		exchange_problem(x, 503, "Agents cannot be served now.");
	}
}

static void
nonsense(struct relay *r, unsigned kind)
{
	struct err e;

	err_set(&e, E_PROTO, "gk-mcpd makes no sense: %s", pipe_kind_name(kind));
	fail(r, &e);
}

/* RFC 6750 3. */
static void
challenge(struct exchange *x, bool shown)
{
	exchange_set(x, "WWW-Authenticate",
	    shown ? STR("Bearer realm=\"GK Mail agents\", error=\"invalid_token\"")
		  : STR("Bearer realm=\"GK Mail agents\""));
}

static void
begin_answer(struct relay *r, struct str octets)
{
	struct exchange *x = r->x;
	struct pipe_head head;

	if (exchange_begun(x) || pipe_parse_head(octets, &head) < 0) {
		nonsense(r, PIPE_HEAD);
		return;
	}
	if (head.status == 401)
		challenge(x, true);
	if (head.status == 405)
		exchange_set(x, "Allow", STR("POST"));
	if (head.status == 429 || head.status == 503)
		exchange_set(x, "Retry-After", STR("5"));
	if (head.name.n > 0)
		exchange_set(x, "Mcp-Session-Id", head.name);
	/* A proxy that gathers events before it passes them on would hold back what is awaited. */
	if (str_eq(head.type, STR("text/event-stream")))
		exchange_set(x, "X-Accel-Buffering", STR("no"));
	exchange_begin(x, head.status, head.type.n > 0 ? arena_dupz(&x->arena, head.type) : NULL,
	    head.length); /* PIPE_NO_LENGTH too */
}

static void
on_frame(void *arg, unsigned kind, struct str octets)
{
	struct relay *r = arg;

	if (kind == PIPE_HEAD) {
		begin_answer(r, octets);
	} else if (!exchange_begun(r->x) || (kind != PIPE_DATA && kind != PIPE_END)) {
		nonsense(r, kind);
	} else if (kind == PIPE_END) {
		exchange_end(r->x);
		hang_up(r);
	} else {
		exchange_write(r->x, octets);
		if (exchange_pending(r->x) >= EXCHANGE_HIGH)
			frames_pause(r->frames);
	}
}

static void
on_closed(void *arg, const struct err *e)
{
	fail(arg, e);
}

/* Who cannot be reached does not close the pipe. */
static void
handed(void *arg, struct ipc_in *m, const struct err *e)
{
	struct relay *r = arg;

	r->call = 0;
	if (m == NULL)
		fail(r, e);
	else
		(void)ipc_end(m);
}

/* ---- the request ---- */

static void
on_written(void *arg)
{
	struct relay *r = arg;

	if (!r->said)
		exchange_resume(r->x);
}

static void
on_body(struct exchange *x, void *arg, struct str in, bool end)
{
	struct relay *r = arg;

	if (r->frames == NULL || r->said)
		return;
	frames_cut(r->frames, PIPE_DATA, in);
	r->said = end;
	if (end)
		frames_put(r->frames, PIPE_END, STR_NONE);
	else if (frames_blocked(r->frames))
		exchange_pause(x);
}

static void
on_room(struct exchange *x, void *arg)
{
	struct relay *r = arg;

	(void)x;
	if (r->frames != NULL)
		frames_resume(r->frames);
}

static void
on_drain(struct exchange *x, void *arg)
{
	struct relay *r = arg;

	(void)x;
	if (r->frames != NULL)
		frames_put(r->frames, PIPE_DRAIN, STR_NONE);
}

/* The client has left: for gk-mcpd the pipe is closed, which cancels what it asked for. */
static void
on_gone(struct exchange *x, void *arg)
{
	(void)x;
	hang_up(arg);
}

static void
hand_over(struct exchange *x, const struct str *fields)
{
	static const struct frames_events of_pipe = {
	    .frame = on_frame, .drained = on_written, .closed = on_closed};
	static const struct exchange_events events = {
	    .body = on_body, .drained = on_room, .drain = on_drain, .gone = on_gone};
	struct relay *r = arena_new(&x->arena, struct relay);
	struct ipc_out m;
	struct err e = {0};
	int pair[2];

	r->x = x;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		err_sys(&e, "socketpair");
		fail(r, &e);
		return;
	}
	r->frames = frames_new(pair[0], &of_pipe, r);
	ipc_begin(&m, MSG_MCP_EXCHANGE);
	ipc_put_z(&m, x->peer);
	ipc_put_str(&m, exchange_base(x));
	ipc_put_fd(&m, pair[1]);
	r->call = ipc_call(svc_channel(PEER_MCPD), &m, handed, r);
	(void)pipe_put(r->frames, PIPE_MCP, fields, PIPE_MCP_FIELDS); /* FIELD_MAX of each fits */
	exchange_listen(x, &events, r);
}

/* ---- who may ask ---- */

/* A page whose name somebody else has made lead here (DNS rebinding) is of its own origin, and ours
 * as Host has it: only names that are ours for sure, and addresses, which no DNS was asked for. */
static bool
is_our_name(struct str host)
{
	struct network address;
	struct err e;

	if (str_starts(host, STR("["))) {
		host = str_sub(host, 1, str_chr(host, ']') - 1);
		return network_parse(host, &address, &e) == 0;
	}
	host = str_sub(host, 0, str_chr(host, ':'));
	return str_ieq(host, conf_str(svc_conf(), CONF_SERVER_HOST_NAME)) ||
	       str_ieq_z(host, "localhost") || network_parse(host, &address, &e) == 0;
}

static size_t
count(const struct exchange *x, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < x->nfields; i++)
		n += str_ieq_z(x->fields[i].name, name);
	return n;
}

/* RFC 6750 2.1. An agent's as authd shows it: a key of the assistant's is not for the network. */
static bool
take_token(const struct exchange *x, struct str *out)
{
	struct str scheme, rest = exchange_field(x, "Authorization");

	if (!str_cut(&rest, ' ', &scheme) || !str_ieq_z(scheme, "Bearer"))
		return false;
	*out = str_trim(rest);
	return out->n == AGENT_TOKEN_LEN && str_starts(*out, STR(AGENT_TOKEN));
}

/* What of JSON and events the client takes; without a word of it, both. */
static struct str
accepted(const struct exchange *x)
{
	struct str rest = exchange_field(x, "Accept"), one, type;
	bool json = rest.p == NULL, sse = json;

	for (bool more = !json; more;) {
		more = str_cut(&rest, ',', &one);
		(void)str_cut(&one, ';', &type);
		type = str_trim(type);
		json = json || str_ieq_z(type, "application/json") || str_eq(type, STR("*/*")) ||
		       str_ieq_z(type, "application/*");
		sse = sse || str_ieq_z(type, "text/event-stream") || str_eq(type, STR("*/*")) ||
		      str_ieq_z(type, "text/*");
	}
	return json && sse ? STR("json,sse") : json ? STR("json") : sse ? STR("sse") : STR("");
}

/* False: answered. */
static bool
take_fields(struct exchange *x, struct str fields[PIPE_MCP_FIELDS])
{
	for (size_t i = 0; i < PIPE_MCP_FIELDS; i++)
		fields[i] = STR("");
	fields[PIPE_MCP_METHOD] = x->method == METHOD_POST  ? STR("POST")
				  : x->method == METHOD_GET ? STR("GET")
							    : STR("DELETE");
	fields[PIPE_MCP_ACCEPT] = accepted(x);
	for (size_t i = 0; i < ARRAY_LEN(mirrored); i++) {
		struct str value = exchange_field(x, mirrored[i].name);

		if (count(x, mirrored[i].name) > 1 || value.n > FIELD_MAX) {
			exchange_problem(
			    x, 400, "A field of the request is there twice, or too long.");
			return false;
		}
		if (value.p != NULL)
			fields[mirrored[i].field] = value;
	}
	if (count(x, "Authorization") > 1 || !take_token(x, &fields[PIPE_MCP_TOKEN])) {
		challenge(x, false);
		exchange_problem(x, 401, "An agent shows its token: Authorization: Bearer.");
		return false;
	}
	return true;
}

static void
run(struct exchange *x)
{
	struct str fields[PIPE_MCP_FIELDS];

	/* What is ours by Host is in ROUTE_OUR_ORIGIN. */
	if (exchange_field(x, "Origin").p != NULL && !is_our_name(x->host)) {
		exchange_problem(x, 403, "The request comes from another site's page.");
		return;
	}
	if (!take_fields(x, fields))
		return;
	if (x->head_only || (x->method != METHOD_POST && fields[PIPE_MCP_SESSION].n == 0)) {
		/* Today's protocol has neither (basic/transports/streamable-http, "Earlier
		 * Streamable HTTP Revisions"). */
		exchange_set(x, "Allow", STR("POST"));
		exchange_problem(x, 405, "Only POST, without a session.");
	} else if (fields[PIPE_MCP_ACCEPT].n == 0) {
		exchange_problem(x, 406, "Answers are application/json or text/event-stream.");
	} else {
		hand_over(x, fields);
	}
}

const struct route mcp_routes[] = {{.path = "/mcp",
				       .methods = METHOD_POST,
				       .run = run,
				       .body_max = BODY_MAX,
				       .flags = ROUTE_JSON | ROUTE_OUR_ORIGIN},
    {.path = "/mcp", .methods = METHOD_GET | METHOD_DELETE, .run = run, .flags = ROUTE_OUR_ORIGIN},
    {0}};
