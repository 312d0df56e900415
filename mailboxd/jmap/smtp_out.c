/*
 * smtp_out.c - see smtp_out.h.
 *
 * A recipient that is refused is a reason to send to none (RFC 8621 7.5): what is to be told to the
 * user is told at once. Octets go as one chunk (RFC 3030), so that nothing of them is changed.
 */
#include "mailboxd/jmap/smtp_out.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/loop.h"
#include "io/stream.h"

#define INPUT_MAX  16384u
#define OUTPUT_MAX (256u << 10)
#define PIECE      65536u
#define IDLE_MS    300000u /* RFC 5321 4.5.3.2, as long as for any command */

struct smtp_out {
	struct stream *stream;
	const struct smtp_letter *letter;
	void (*done)(void *arg, const struct smtp_result *r);
	void *arg;
	struct arena arena;
	struct smtp_result result;
	struct str *replies;
	size_t rcpt;     /* the one that is asked about */
	bool refused;    /* some recipient was */
	struct str left; /* octets still to be written */
	bool body;       /* left is of the body */
	bool ended;
	struct loop_defer end;
};

static void
finish(void *arg)
{
	struct smtp_out *s = arg;

	s->done(s->arg, &s->result);
	smtp_out_free(&s);
}

static void
end(struct smtp_out *s, enum smtp_out_stage stage, unsigned code, struct str text)
{
	if (s->ended)
		return;
	s->ended = true;
	s->result.stage = stage;
	s->result.code = code;
	s->result.text = arena_dup(&s->arena, str_sub(text, 0, SMTP_OUT_REPLY_MAX));
	stream_puts(s->stream, "QUIT\r\n");
	stream_flush(s->stream);
	loop_defer(&s->end);
}

/* ---- commands ---- */

static void
send_mail(struct smtp_out *s)
{
	const struct smtp_letter *l = s->letter;

	stream_printf(s->stream, "MAIL FROM:<" STR_FMT ">%s%s" STR_FMT "\r\n", STR_ARG(l->sender),
	    l->utf8 ? " SMTPUTF8" : "", l->eightbit ? " BODY=8BITMIME" : "",
	    STR_ARG(l->parameters));
}

static void
send_rcpt(struct smtp_out *s)
{
	const struct smtp_letter *l = s->letter;
	struct str parameters = l->rcpt_parameters != NULL ? l->rcpt_parameters[s->rcpt] : STR("");

	stream_printf(s->stream, "RCPT TO:<" STR_FMT ">" STR_FMT "\r\n", STR_ARG(l->rcpts[s->rcpt]),
	    STR_ARG(parameters));
}

/* Some octets at a time: the socket says when there is room for more. */
static void
send_more(struct smtp_out *s)
{
	struct str some;

	if (s->left.n == 0 && !s->body) {
		s->left = s->letter->body;
		s->body = true;
	}
	some = str_sub(s->left, 0, PIECE);
	s->left = str_from(s->left, some.n);
	stream_write(s->stream, some.p, some.n);
}

static void
send_data(struct smtp_out *s)
{
	stream_printf(s->stream, "BDAT %zu LAST\r\n", s->letter->head.n + s->letter->body.n);
	s->left = s->letter->head;
	send_more(s);
}

static void
on_drained(void *arg)
{
	struct smtp_out *s = arg;

	if (!s->ended && s->result.stage == SMTP_OUT_DATA && (s->left.n > 0 || !s->body))
		send_more(s);
}

/* ---- replies ---- */

/* "250 2.0.0 Ok: queued as 01hx…": the id is the last word of the reply. */
static struct str
mid_of(struct str text)
{
	struct str word = STR_NONE, last = STR_NONE;
	bool more = true;

	while (more) {
		more = str_cut(&text, ' ', &word);
		if (id_valid(word))
			last = word;
	}
	return last;
}

static void
on_rcpt_reply(struct smtp_out *s, unsigned code, struct str text)
{
	s->replies[s->rcpt] = arena_dup(&s->arena, str_sub(text, 0, SMTP_OUT_REPLY_MAX));
	if (code / 100 != 2 && !s->refused) {
		s->refused = true;
		s->result.code = code;
		s->result.text = s->replies[s->rcpt];
	}
	if (++s->rcpt < s->letter->nrcpts)
		send_rcpt(s);
	else if (s->refused)
		end(s, SMTP_OUT_RCPT, s->result.code, s->result.text);
	else {
		s->result.stage = SMTP_OUT_DATA;
		send_data(s);
	}
}

static void
on_reply(struct smtp_out *s, unsigned code, struct str text)
{
	bool good = code / 100 == 2;

	if (s->result.stage == SMTP_OUT_RCPT) {
		on_rcpt_reply(s, code, text);
	} else if (!good) {
		end(s, s->result.stage, code, text);
	} else if (s->result.stage == SMTP_OUT_HELLO && s->replies == NULL) {
		/* The greeting. */
		s->replies = arena_array(&s->arena, s->letter->nrcpts + 1, sizeof *s->replies);
		s->result.rcpts = s->replies;
		stream_puts(s->stream, "EHLO localhost\r\n");
	} else if (s->result.stage == SMTP_OUT_HELLO) {
		s->result.stage = SMTP_OUT_MAIL;
		send_mail(s);
	} else if (s->result.stage == SMTP_OUT_MAIL) {
		s->result.stage = SMTP_OUT_RCPT;
		send_rcpt(s);
	} else if (s->left.n > 0 || !s->body) {
		/* Taken before it was all there? */
		end(s, SMTP_OUT_DATA, 0, text);
	} else {
		s->result.mid = arena_dup(&s->arena, mid_of(text));
		end(s, SMTP_OUT_DONE, code, text);
	}
}

/* RFC 5321 4.2.1: the last line of a reply has a blank behind the code. */
static void
on_input(void *arg)
{
	struct smtp_out *s = arg;
	struct str in, line;
	uint64_t code;
	size_t n;

	while (!s->ended) {
		in = stream_input(s->stream);
		if (!str_cut(&in, '\n', &line)) {
			if (line.n >= INPUT_MAX || stream_at_end(s->stream))
				end(s, s->result.stage, 0, STR("the connection was lost"));
			return;
		}
		n = line.n + 1;
		line = str_trim(line);
		if (num_parse(str_sub(line, 0, 3), 200, 599, &code) < 0)
			end(s, s->result.stage, 0, STR("no SMTP reply"));
		else if (line.n == 3 || line.p[3] != '-')
			on_reply(s, (unsigned)code, line);
		stream_consume(s->stream, n);
	}
}

static void
on_closed(void *arg, const struct err *e)
{
	struct smtp_out *s = arg;

	(void)e;
	end(s, s->result.stage, 0, STR("the connection was lost"));
}

static const struct stream_events events = {
    .input = on_input, .drained = on_drained, .closed = on_closed};

struct smtp_out *
smtp_out_new(int fd, const struct smtp_letter *letter,
    void (*done)(void *arg, const struct smtp_result *r), void *arg)
{
	static const struct stream_limits limits = {
	    .in_max = INPUT_MAX, .out_max = OUTPUT_MAX, .idle_ms = IDLE_MS};
	struct smtp_out *s = mem_alloc(sizeof *s);

	assume(letter->nrcpts > 0 && letter->nrcpts <= SMTP_OUT_RCPTS_MAX);
	s->letter = letter;
	s->done = done;
	s->arg = arg;
	arena_init(&s->arena);
	loop_defer_init(&s->end, finish, s);
	s->stream = stream_new(fd, &limits, &events, s);
	stream_start(s->stream);
	return s;
}

void
smtp_out_free(struct smtp_out **sp)
{
	struct smtp_out *s = *sp;

	if (s == NULL)
		return;
	loop_defer_cancel(&s->end);
	stream_free(&s->stream);
	arena_free(&s->arena);
	free(s);
	*sp = NULL;
}
