/* pipe.c - see pipe.h. */
#include "ipc/pipe.h"

#include <sodium.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ipc/wire.h"

static const struct {
	const char *name;
	size_t fields;
} kinds[PIPE_KINDS] = {
    [PIPE_NONE] = {"none", 0},
    [PIPE_DATA] = {"data", 0},
    [PIPE_END] = {"end", 0},
    [PIPE_SESSION] = {"session", 1},
    [PIPE_CALL] = {"call", 0},
    [PIPE_UPLOAD] = {"upload", 2},
    [PIPE_DOWNLOAD] = {"download", 5},
    [PIPE_TEXT] = {"text", 0},
    [PIPE_PUSH] = {"push", 2},
    [PIPE_HEAD] = {"head", 0},
    [PIPE_STATE] = {"state", 2},
    [PIPE_DONE] = {"done", 0},
    [PIPE_LEFT] = {"left", 0},
    [PIPE_MCP] = {"mcp", PIPE_MCP_FIELDS},
    [PIPE_DRAIN] = {"drain", 0},
};

const char *
pipe_kind_name(unsigned kind)
{
	return kind < PIPE_KINDS ? kinds[kind].name : "unknown";
}

void
pipe_account(struct str user, char out[PIPE_ACCOUNT])
{
	unsigned char hash[crypto_generichash_BYTES_MIN];

	crypto_generichash(hash, sizeof(hash), (const unsigned char *)user.p, user.n, NULL, 0);
	out[0] = 'a';
	sodium_bin2hex(out + 1, PIPE_ACCOUNT - 1, hash, 8);
}

int
pipe_put(struct frames *f, enum pipe_kind kind, const struct str *fields, size_t n)
{
	struct buf b;
	int rc = -1;

	assume(n == kinds[kind].fields);
	buf_init(&b, FRAMES_MAX);
	for (size_t i = 0; i < n; i++)
		wire_put_str(&b, fields[i]);
	if (!b.over) {
		frames_put(f, kind, buf_view(&b));
		rc = 0;
	}
	buf_free(&b);
	return rc;
}

int
pipe_parse(unsigned kind, struct str octets, struct str out[PIPE_FIELDS_MAX])
{
	struct wire_in w;

	if (kind >= PIPE_KINDS)
		return -1;
	wire_open(&w, octets);
	for (size_t i = 0; i < PIPE_FIELDS_MAX; i++)
		out[i] = i < kinds[kind].fields ? wire_str(&w) : STR_NONE;
	return wire_end(&w);
}

void
pipe_put_head(struct frames *f, const struct pipe_head *head)
{
	struct buf b;

	buf_init(&b, FRAMES_MAX);
	wire_put_u32(&b, head->status);
	wire_put_u64(&b, head->length);
	wire_put_u64(&b, head->from);
	wire_put_u64(&b, head->total);
	wire_put_str(&b, head->type);
	wire_put_str(&b, head->name);
	assume(!b.over);
	frames_put(f, PIPE_HEAD, buf_view(&b));
	buf_free(&b);
}

int
pipe_parse_head(struct str octets, struct pipe_head *out)
{
	struct wire_in w;

	wire_open(&w, octets);
	out->status = wire_u32(&w);
	out->length = wire_u64(&w);
	out->from = wire_u64(&w);
	out->total = wire_u64(&w);
	out->type = wire_str(&w);
	out->name = wire_str(&w);
	if (wire_end(&w) < 0 || out->status < 200 || out->status > 599)
		return -1;
	return 0;
}
