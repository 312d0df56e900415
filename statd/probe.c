/*
 * probe.c - does it answer as it should? A connection that is there, TLS where that comes first,
 * and the first line of what the other side says.
 *
 * Owner: itself, until it has told what it found. Errors: none but that.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/stream.h"
#include "io/tls.h"
#include "statd/statd.h"
#include "svc/svc.h"

#define PROBE_MAGIC 0x50524f42u
#define PROBE_MS    10000u
#define LINE_OCTETS 4096u

struct probe {
	unsigned magic;
	enum probe_kind kind;
	bool tls, its_word;
	bool told;
	struct stream *s;
	struct loop_timer *deadline;
	probe_fn fn;
	void *arg;
};

static struct tls_context *client;

int
probe_init(struct err *e)
{
	client = tls_client_new(-1, e);
	return client == NULL ? -1 : 0;
}

static void
end(struct probe *p, const char *why)
{
	if (p->told)
		return;
	p->told = true;
	loop_timer_stop(p->deadline);
	p->fn(p->arg, why);
}

static void
release(struct probe *p)
{
	loop_timer_free(&p->deadline);
	stream_free(&p->s);
	p->magic = 0;
	free(p);
}

static void
on_deadline(void *arg)
{
	struct probe *p = arg;

	end(p, "no answer in time");
	release(p);
}

static void
ask(struct probe *p)
{
	/* Of the other protocols the server has the first word. */
	if (p->kind == PROBE_HTTP)
		stream_printf(p->s,
		    "HEAD / HTTP/1.1\r\nHost: %s\r\nUser-Agent: gk-statd\r\nConnection: "
		    "close\r\n\r\n",
		    conf_z(svc_conf(), CONF_SERVER_HOST_NAME));
}

/* RFC 5321 4.2, RFC 9051 7.1.1, RFC 9112 4: any answer of HTTP but a server error is one. */
static const char *
judge(enum probe_kind kind, struct str line)
{
	static const struct {
		const char *good, *why;
	} words[] = {
	    [PROBE_SMTP] = {"220", "it does not greet with 220"},
	    [PROBE_IMAP] = {"* OK", "it does not greet with OK"},
	    [PROBE_HTTP] = {"HTTP/1.", "it does not speak HTTP"},
	};

	if (!str_starts(line, str_z(words[kind].good)))
		return words[kind].why;
	if (kind == PROBE_HTTP && (line.n < 12 || line.p[9] == '5'))
		return "it answers with a server error";
	return NULL;
}

static void
on_input(void *arg)
{
	static const char *const bye[] = {
	    [PROBE_SMTP] = "QUIT\r\n", [PROBE_IMAP] = "a LOGOUT\r\n", [PROBE_HTTP] = ""};
	struct probe *p = arg;
	struct str in = stream_input(p->s), line;

	assume(p->magic == PROBE_MAGIC);
	if (p->told) {
		stream_consume(p->s, in.n); /* closed() follows */
		return;
	}
	if (!str_cut(&in, '\n', &line)) {
		if (stream_at_end(p->s) || in.n >= LINE_OCTETS) {
			end(p, "it hung up");
			release(p);
		}
		return;
	}
	end(p, judge(p->kind, line));
	stream_consume(p->s, stream_input(p->s).n);
	stream_puts(p->s, bye[p->kind]);
	stream_finish(p->s);
}

static void
on_secured(void *arg)
{
	struct probe *p = arg;

	if (p->its_word) {
		ask(p);
		return;
	}
	end(p, NULL);
	stream_finish(p->s);
}

static void
on_closed(void *arg, const struct err *e)
{
	struct probe *p = arg;

	end(p, e->text[0] != '\0' ? e->text : "it hung up");
	release(p);
}

struct probe *
probe_start(int fd, enum probe_kind kind, bool tls, bool its_word, probe_fn fn, void *arg)
{
	static const struct stream_events events = {
	    .input = on_input, .secured = on_secured, .closed = on_closed};
	static const struct stream_limits limits = {
	    .in_max = LINE_OCTETS * 2, .out_max = 8192, .idle_ms = PROBE_MS};
	const struct tls_check check = {.sni = conf_str(svc_conf(), CONF_SERVER_HOST_NAME)};
	struct probe *p = mem_alloc(sizeof(*p));
	struct err e;

	*p = (struct probe){.magic = PROBE_MAGIC,
	    .kind = kind,
	    .tls = tls,
	    .its_word = its_word,
	    .fn = fn,
	    .arg = arg};
	p->deadline = loop_timer_new(on_deadline, p);
	loop_timer_set(p->deadline, PROBE_MS);
	p->s = stream_new(fd, &limits, &events, p);
	if (!tls)
		ask(p);
	else if (stream_tls_connect(p->s, client, &check, &e) < 0)
		assume(!"an empty check");
	stream_start(p->s);
	return p;
}
