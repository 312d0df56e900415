/*
 * mailboxd.c - a hostile owner: gk-mailboxd as it is, but that the owner of a user named "mallory…"
 * is a captured one where it should speak JMAP. What it does a request says: the word behind
 * "attack ". Linked in front of the functions of mailboxd/jmap/conn.h.
 *
 * Towards gk-webd: frames out of order, of no kind, too long, without end; heads that promise what
 * does not come, or would be more than one field. Towards the parent, and gk-smtpd, gk-authd and
 * gk-queue behind it: connections in any number, mail in the name of others, messages of others
 * taken back, what humans have approved for others. What came of an attempt is the answer, and a
 * line "hostile.attempt" in the log.
 */
#include <poll.h>
#include <sodium.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "ipc/pipe.h"
#include "mailboxd/jmap/conn.h"
#include "mailboxd/jmap/jmap.h"
#include "mailboxd/jmap/outside.h"
#include "mailboxd/jmap/smtp_out.h"

#define FLOOD 300u

struct hostile {
	const struct jmap_conn_host *host;
	uint64_t conn;
	int fd; /* frames has it; for octets that are no frames */
	struct frames *frames;
	struct buf text;
	bool endless;
	unsigned given, refused, under_way;
	struct smtp_letter letter;
	struct str rcpt, head;
	struct loop_defer end;
	LIST_ENTRY(hostile) link;
};

static int held[FLOOD];
static unsigned nheld;
static LIST_HEAD(, hostile) all = LIST_HEAD_INITIALIZER(all);

struct jmap_conn *
__real_jmap_conn_new(const struct jmap_conn_host *host, const struct jmap_conn_args *a);
struct jmap_conn *
__wrap_jmap_conn_new(const struct jmap_conn_host *host, const struct jmap_conn_args *a);
void __real_jmap_conn_rest(struct jmap_conn *c);
void __wrap_jmap_conn_rest(struct jmap_conn *c);
void __real_jmap_conn_bye(struct jmap_conn *c);
void __wrap_jmap_conn_bye(struct jmap_conn *c);
void __real_jmap_conn_free(struct jmap_conn **c);
void __wrap_jmap_conn_free(struct jmap_conn **c);

/* ---- its end ---- */

static void
end(void *arg)
{
	struct hostile *h = arg;

	LIST_REMOVE(h, link);
	loop_defer_cancel(&h->end);
	frames_free(&h->frames);
	buf_free(&h->text);
	h->host->closed(h->host->arg, h->conn);
	if (h->under_way == 0)
		free(h);
}

/* ---- octets ---- */

static void
head(struct hostile *h, uint32_t status, uint64_t length, const char *type)
{
	const struct pipe_head v = {.status = status,
	    .length = length,
	    .type = str_z(type),
	    .name = STR("x\r\nSet-Cookie: a=b")};

	pipe_put_head(h->frames, &v);
}

static void
put(struct hostile *h, enum pipe_kind kind, const char *octets)
{
	frames_put(h->frames, kind, str_z(octets));
}

static void
raw(struct hostile *h, const void *p, size_t n)
{
	if (write(h->fd, p, n) != (ssize_t)n)
		log_info("hostile.short");
}

/* A whole answer, as an owner gives it. */
static void
answer(struct hostile *h, const char *text)
{
	head(h, 200, strlen(text), "application/json");
	put(h, PIPE_DATA, text);
	put(h, PIPE_END, "");
}

static void
more(struct hostile *h)
{
	static char octets[60000];

	memset(octets, 'x', sizeof octets);
	while (!frames_blocked(h->frames))
		frames_put(h->frames, PIPE_DATA, str_of(octets, sizeof octets));
}

/* ---- towards gk-webd ---- */

static void
data_first(struct hostile *h)
{
	put(h, PIPE_DATA, "early");
	answer(h, "{}");
}

static void
end_first(struct hostile *h)
{
	put(h, PIPE_END, "");
}

static void
two_heads(struct hostile *h)
{
	head(h, 200, 2, "application/json");
	head(h, 200, 2, "application/json");
}

static void
endless_heads(struct hostile *h)
{
	for (unsigned i = 0; i < 1000; i++)
		head(h, 200, PIPE_NO_LENGTH, "application/json");
}

static void
head_after_data(struct hostile *h)
{
	head(h, 200, 20, "application/json");
	put(h, PIPE_DATA, "0123456789");
	head(h, 200, 10, "application/json");
}

static void
cut_head(struct hostile *h)
{
	put(h, PIPE_HEAD, "abc");
}

static void
status_7(struct hostile *h)
{
	head(h, 7, 0, "application/json");
}

static void
status_101(struct hostile *h)
{
	head(h, 101, 0, "application/json");
}

static void
lines_in_head(struct hostile *h)
{
	head(h, 200, 2, "text/html\r\nSet-Cookie: __Host-gk=stolen\r\nX: y");
	put(h, PIPE_DATA, "{}");
	put(h, PIPE_END, "");
}

static void
more_than_promised(struct hostile *h)
{
	head(h, 200, 2, "application/json");
	put(h, PIPE_DATA, "{}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen");
	put(h, PIPE_END, "");
}

static void
less_than_promised(struct hostile *h)
{
	head(h, 200, 1000, "application/json");
	put(h, PIPE_DATA, "{}");
	put(h, PIPE_END, "");
}

static void
promised_all(struct hostile *h)
{
	head(h, 200, UINT64_MAX - 1, "application/json");
	put(h, PIPE_DATA, "{}");
	put(h, PIPE_END, "");
}

static void
length_4_gib(struct hostile *h)
{
	raw(h, "\xff\xff\xff\xff\x02oh", 7);
}

static void
kind_0(struct hostile *h)
{
	raw(h, "\0\0\0\0\0", 5);
}

static void
kind_255(struct hostile *h)
{
	raw(h, "\0\0\0\1\377x", 6);
}

static void
half_a_frame(struct hostile *h)
{
	raw(h, "\0\0\0\100\1half", 9);
	loop_defer(&h->end);
}

static void
kind_of_webd(struct hostile *h)
{
	put(h, PIPE_CALL, "");
}

static void
text_unasked(struct hostile *h)
{
	put(h, PIPE_TEXT, "");
	put(h, PIPE_DATA, "{}");
	put(h, PIPE_END, "");
}

static void
two_answers(struct hostile *h)
{
	answer(h, "{\"first\":1}");
	answer(h, "{\"second\":2}");
}

static void
endless(struct hostile *h)
{
	head(h, 200, PIPE_NO_LENGTH, "application/json");
	h->endless = true;
	more(h);
}

static void
gone(struct hostile *h)
{
	head(h, 200, 10, "application/json");
	loop_defer(&h->end);
}

/* ---- towards a WebSocket ---- */

static void
text_that_is_none(struct hostile *h)
{
	put(h, PIPE_TEXT, "");
	put(h, PIPE_DATA, "\xff\xfe\xfd");
	put(h, PIPE_END, "");
}

static void
endless_text(struct hostile *h)
{
	put(h, PIPE_TEXT, "");
	h->endless = true;
	more(h);
}

static void
state_that_is_none(struct hostile *h)
{
	put(h, PIPE_STATE, "?");
}

static void
many_done(struct hostile *h)
{
	for (unsigned i = 0; i < 1000; i++)
		put(h, PIPE_DONE, "");
}

/* ---- towards the parent and those behind it ---- */

static void
came_back(struct hostile *h, bool good)
{
	if (good)
		h->given++;
	else
		h->refused++;
	if (--h->under_way > 0)
		return;
	if (h->frames == NULL) {
		free(h);
		return;
	}
	buf_reset(&h->text);
	(void)buf_printf(&h->text, "{\"given\":%u,\"refused\":%u}", h->given, h->refused);
	answer(h, h->text.p);
	log_info("hostile.attempt", LZ("what", "errands"), LZ("result", "told"),
	    LU("given", h->given), LU("refused", h->refused));
	h->given = h->refused = 0;
	buf_reset(&h->text);
}

/* Until the next attack. */
static void
let_go(void)
{
	while (nheld > 0)
		close(held[--nheld]);
}

/* Kept open, and has it a session? That is in its first octets. */
static bool
is_greeted(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char octet = 0;

	if (fd < 0)
		return false;
	held[nheld++] = fd;
	return poll(&p, 1, 10000) == 1 && read(fd, &octet, 1) == 1 && octet == '2';
}

static void
on_smtp(void *to, int fd, const struct err *e)
{
	(void)e;
	came_back(to, is_greeted(fd));
}

static void on_one_more(void *to, int fd, const struct err *e);

static void
one_more(struct hostile *h)
{
	const struct jmap_outside *o = h->host->jmap->host.outside;

	h->under_way++;
	(void)o->smtp(o->arg, on_one_more, h);
}

/* One after the other, so that the parent never sees many at a time. */
static void
on_one_more(void *to, int fd, const struct err *e)
{
	struct hostile *h = to;

	(void)e;
	if (h->given + h->refused + 1 < FLOOD)
		one_more(h);
	came_back(h, is_greeted(fd));
}

static void
smtp_at_once(struct hostile *h)
{
	const struct jmap_outside *o = h->host->jmap->host.outside;

	h->under_way = FLOOD;
	for (unsigned i = 0; i < FLOOD; i++)
		(void)o->smtp(o->arg, on_smtp, h);
}

static void
smtp_in_turn(struct hostile *h)
{
	one_more(h);
}

static void
on_submitted(void *to, const struct jmap_submitted *s, const struct err *e)
{
	(void)e;
	came_back(to, s != NULL && s->state != SUBMITTED_UNKNOWN);
}

/* The message whose id the request told, and ids that are none. */
static void
submitted(struct hostile *h, struct str mid)
{
	static char wide[3000];
	const struct jmap_outside *o = h->host->jmap->host.outside;
	const struct str ids[] = {
	    mid, STR(""), STR("../x"), STR("\xff\xff"), STR_INIT("0"), str_of(wide, sizeof wide)};

	memset(wide, 'a', sizeof wide);
	h->under_way = 2 * ARRAY_LEN(ids);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		(void)o->submitted(o->arg, ids[i], false, on_submitted, h);
		(void)o->submitted(o->arg, ids[i], true, on_submitted, h);
	}
}

static void
on_sent(void *arg, const struct smtp_result *r)
{
	log_info("hostile.attempt", LZ("what", "mail in the name of others"),
	    LZ("result", r->stage == SMTP_OUT_DONE ? "taken" : "refused"), LS("why", r->text));
	came_back(arg, r->stage == SMTP_OUT_DONE);
}

static void
on_smtp_to_use(void *to, int fd, const struct err *e)
{
	struct hostile *h = to;

	(void)e;
	if (fd < 0)
		came_back(h, false);
	else
		(void)smtp_out_new(fd, &h->letter, on_sent, h);
}

/* To himself, from whom the request told: in the envelope, or in the header alone. */
static void
send_as(struct hostile *h, struct str who, bool in_envelope)
{
	const struct jmap_outside *o = h->host->jmap->host.outside;
	static char text[400];

	(void)snprintf(
	    text, sizeof text, "From: " STR_FMT "\r\nSubject: forged\r\n\r\n", STR_ARG(who));
	h->head = str_z(text);
	h->rcpt = h->host->jmap->user;
	h->letter = (struct smtp_letter){.sender = in_envelope ? who : h->rcpt,
	    .rcpts = &h->rcpt,
	    .nrcpts = 1,
	    .head = h->head,
	    .body = STR("x\r\n")};
	h->under_way = 1;
	(void)o->smtp(o->arg, on_smtp_to_use, h);
}

/* ---- approvals ---- */

static void
on_action(void *to, struct str approval, const struct err *e)
{
	(void)e;
	came_back(to, approval.n > 0);
}

/* That nothing was used is what anybody may hear of what is not his. */
static void
on_settled(void *to, bool used, struct str mid, const struct err *e)
{
	came_back(to, e == NULL && (used || mid.n > 0));
}

/* Mail as from an agent session, of which no human has seen anything. */
static void
send_of_agent(struct hostile *h, struct str session)
{
	const struct jmap_outside *o = h->host->jmap->host.outside;
	static char text[400];

	(void)snprintf(text, sizeof text, "From: " STR_FMT "\r\nSubject: unseen\r\n\r\n",
	    STR_ARG(h->host->jmap->user));
	h->rcpt = h->host->jmap->user;
	h->letter = (struct smtp_letter){.sender = h->rcpt,
	    .rcpts = &h->rcpt,
	    .nrcpts = 1,
	    .head = str_z(text),
	    .body = STR("x\r\n")};
	h->under_way++;
	(void)o->agent_smtp(o->arg, session, on_smtp_to_use, h);
}

/* "session digest" of an approval that a human has just given, for somebody else's agent. */
static void
approval(struct hostile *h, struct str words)
{
	const struct jmap_outside *o = h->host->jmap->host.outside;
	unsigned char octets[32] = {0}, none[32] = {0};
	struct str session;
	size_t n = 0;

	(void)str_cut(&words, ' ', &session);
	(void)sodium_hex2bin(octets, sizeof octets, words.p, words.n, NULL, &n, NULL);
	h->under_way = 6;
	(void)o->action(o->arg, session, str_of(octets, sizeof octets), on_action, h);
	(void)o->action(o->arg, session, str_of(none, sizeof none), on_action, h);
	(void)o->action(o->arg, session, STR(""), on_action, h);
	(void)o->action(o->arg, STR("x"), str_of(octets, sizeof octets), on_action, h);
	(void)o->settle(o->arg, session, str_of(octets, sizeof octets), 0, on_settled, h);
	(void)o->settle(o->arg, STR(""), STR(""), -1, on_settled, h);
	send_of_agent(h, session);
	send_of_agent(h, STR("0123456789abcdef"));
	send_of_agent(h, STR(""));
}

/* ---- what it is asked ---- */

static const struct {
	const char *name;
	void (*run)(struct hostile *h);
} attacks[] = {
#define A(fn)           \
	{               \
#fn, fn \
	}
    A(data_first), A(end_first), A(two_heads), A(endless_heads), A(head_after_data), A(cut_head),
    A(status_7), A(status_101), A(lines_in_head), A(more_than_promised), A(less_than_promised),
    A(promised_all), A(length_4_gib), A(kind_0), A(kind_255), A(half_a_frame), A(kind_of_webd),
    A(text_unasked), A(two_answers), A(endless), A(gone), A(text_that_is_none), A(endless_text),
    A(state_that_is_none), A(many_done), A(smtp_at_once), A(smtp_in_turn)};

static void
attack(struct hostile *h)
{
	struct str in = buf_view(&h->text), word, rest;
	size_t at = str_find(in, STR("attack "));

	rest = str_from(in, at < in.n ? at + 7 : in.n);
	rest = str_sub(rest, 0, str_chr(rest, '"'));
	(void)str_cut(&rest, ' ', &word);
	word = str_of(mem_dup(word.p, word.n), word.n);
	rest = str_of(mem_dup(rest.n > 0 ? rest.p : "", rest.n), rest.n);
	buf_reset(&h->text);
	let_go();
	log_info("hostile.attack", LS("what", word));
	if (str_eq_z(word, "submitted"))
		submitted(h, rest);
	else if (str_eq_z(word, "approval"))
		approval(h, rest);
	else if (str_eq_z(word, "envelope") || str_eq_z(word, "header"))
		send_as(h, rest, str_eq_z(word, "envelope"));
	else
		for (size_t i = 0; i < ARRAY_LEN(attacks); i++)
			if (str_eq_z(word, attacks[i].name))
				attacks[i].run(h);
}

static void
on_frame(void *arg, unsigned kind, struct str octets)
{
	struct hostile *h = arg;

	if (kind == PIPE_DATA)
		(void)buf_str(&h->text, octets);
	else if (kind == PIPE_END)
		attack(h);
	else if (kind == PIPE_SESSION)
		answer(h, "{\"primaryAccounts\":{\"urn:ietf:params:jmap:mail\":\"x\"}}");
}

static void
on_drained(void *arg)
{
	struct hostile *h = arg;

	if (h->endless)
		more(h);
}

static void
on_closed(void *arg, const struct err *e)
{
	(void)e;
	end(arg);
}

static const struct frames_events events = {
    .frame = on_frame, .drained = on_drained, .closed = on_closed};

/* ---- in place of the real one ---- */

static struct hostile *
find(struct jmap_conn *c)
{
	struct hostile *h;

	LIST_FOREACH (h, &all, link)
		if ((void *)h == (void *)c)
			return h;
	return NULL;
}

struct jmap_conn *
__wrap_jmap_conn_new(const struct jmap_conn_host *host, const struct jmap_conn_args *a)
{
	struct hostile *h;

	if (!str_starts(a->user, STR("mallory")))
		return __real_jmap_conn_new(host, a);
	h = mem_alloc(sizeof *h);
	h->host = host;
	h->conn = a->conn;
	h->fd = a->fd;
	buf_init(&h->text, 1u << 20);
	loop_defer_init(&h->end, end, h);
	LIST_INSERT_HEAD(&all, h, link);
	h->frames = frames_new(a->fd, &events, h);
	return (struct jmap_conn *)h;
}

void
__wrap_jmap_conn_rest(struct jmap_conn *c)
{
	if (find(c) == NULL)
		__real_jmap_conn_rest(c);
}

void
__wrap_jmap_conn_bye(struct jmap_conn *c)
{
	struct hostile *h = find(c);

	if (h == NULL)
		__real_jmap_conn_bye(c);
	else
		loop_defer(&h->end);
}

void
__wrap_jmap_conn_free(struct jmap_conn **c)
{
	struct hostile *h = find(*c);

	if (h == NULL) {
		__real_jmap_conn_free(c);
		return;
	}
	LIST_REMOVE(h, link);
	loop_defer_cancel(&h->end);
	frames_free(&h->frames);
	buf_free(&h->text);
	*c = NULL;
	if (h->under_way == 0)
		free(h);
}
