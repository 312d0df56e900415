/* frames.c - see frames.h. */
#include "ipc/frames.h"

#include <stdlib.h>

#include "base/mem.h"
#include "io/stream.h"
#include "ipc/wire.h"

#define IN_MAX   (2u * FRAMES_MAX)
#define BLOCK_AT (256u * 1024)
#define OUT_MAX  (8u * 1024 * 1024) /* never met by who minds frames_blocked() */

struct frames {
	const struct frames_events *events;
	void *arg;
	struct stream *stream;
	bool paused, told;
	bool busy;  /* frames are being told of */
	bool freed; /* meanwhile: nothing but the memory is left */
};

enum frames_result
frames_parse(struct str in, struct frames_one *out)
{
	struct wire_in w;
	uint32_t n;

	if (in.n < FRAMES_HEAD)
		return FRAMES_MORE;
	wire_open(&w, in);
	n = wire_u32(&w);
	out->kind = wire_u8(&w);
	if (n > FRAMES_MAX || out->kind == 0)
		return FRAMES_BAD;
	if (in.n - FRAMES_HEAD < n)
		return FRAMES_MORE;
	out->octets = str_sub(in, FRAMES_HEAD, n);
	out->size = FRAMES_HEAD + n;
	return FRAMES_DONE;
}

/* ---- the stream ---- */

static void
on_closed(void *arg, const struct err *e)
{
	struct frames *f = arg;

	if (f->told)
		return;
	f->told = true;
	f->events->closed(f->arg, e);
}

/* Nothing more comes of it: what was said is the last word. */
static void
broken(struct frames *f, enum err_code code, const char *why)
{
	struct err e;

	f->paused = true;
	stream_pause(f->stream);
	err_set(&e, code, "%s", why);
	on_closed(f, &e);
}

static void
on_input(void *arg)
{
	struct frames *f = arg;

	f->busy = true;
	while (!f->freed && !f->paused) {
		struct frames_one one;
		enum frames_result r = frames_parse(stream_input(f->stream), &one);

		if (r == FRAMES_BAD) {
			broken(f, E_PROTO, "a frame that is none");
			break;
		}
		if (r == FRAMES_MORE) {
			if (stream_at_end(f->stream))
				broken(f, E_CLOSED, "the other end is gone");
			break;
		}
		/* The octets stay until this function returns. */
		stream_consume(f->stream, one.size);
		f->events->frame(f->arg, one.kind, one.octets);
	}
	f->busy = false;
	if (f->freed)
		free(f);
}

static void
on_drained(void *arg)
{
	struct frames *f = arg;

	if (f->events->drained != NULL && !f->told)
		f->events->drained(f->arg);
}

struct frames *
frames_new(int fd, const struct frames_events *events, void *arg)
{
	static const struct stream_limits limits = {.in_max = IN_MAX, .out_max = OUT_MAX};
	static const struct stream_events of_stream = {
	    .input = on_input, .drained = on_drained, .closed = on_closed};
	struct frames *f = mem_alloc(sizeof(*f));

	f->events = events;
	f->arg = arg;
	f->stream = stream_new(fd, &limits, &of_stream, f);
	stream_start(f->stream);
	return f;
}

void
frames_pass(struct frames *f, void *arg)
{
	f->arg = arg;
}

void
frames_free(struct frames **fp)
{
	struct frames *f = *fp;

	if (f == NULL)
		return;
	*fp = NULL;
	stream_free(&f->stream);
	f->freed = true;
	if (!f->busy)
		free(f);
}

void
frames_put(struct frames *f, unsigned kind, struct str octets)
{
	char head[FRAMES_HEAD];

	assume(octets.n <= FRAMES_MAX && kind > 0 && kind < 256);
	for (unsigned i = 0; i < 4; i++)
		head[i] = (char)(octets.n >> (24 - 8 * i));
	head[4] = (char)kind;
	stream_write(f->stream, head, sizeof(head));
	stream_write(f->stream, octets.p, octets.n);
}

void
frames_cut(struct frames *f, unsigned kind, struct str octets)
{
	for (size_t at = 0; at < octets.n; at += FRAMES_MAX)
		frames_put(f, kind, str_sub(octets, at, FRAMES_MAX));
}

bool
frames_blocked(const struct frames *f)
{
	return stream_pending(f->stream) >= BLOCK_AT;
}

void
frames_pause(struct frames *f)
{
	f->paused = true;
	stream_pause(f->stream);
}

void
frames_resume(struct frames *f)
{
	if (!f->paused)
		return;
	f->paused = false;
	stream_resume(f->stream);
}

void
frames_finish(struct frames *f)
{
	f->paused = true;
	stream_finish(f->stream);
}
