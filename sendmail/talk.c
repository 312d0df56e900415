/*
 * talk.c - SMTP with gk-smtpd (RFC 5321), blocking, one message.
 *
 * All or nothing: a recipient that is refused ends it before the message is given, so that a
 * program that is told of a failure has sent nothing.
 */
#include <errno.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "mail/address.h"
#include "sendmail/sendmail.h"

#define REPLY_SIZE 8192u
#define TIMEOUT_S  300
#define TRIES      10 /* a second apart: gk-smtpd may be starting anew */

struct talk {
	int fd;
	bool broken;
	size_t n, used; /* octets in in, and of these the last reply's */
	int code;
	const char *text; /* the last line of the reply, in in */
	char in[REPLY_SIZE + 1];
};

/* ---- octets ---- */

static int
lost(struct talk *t)
{
	t->broken = true;
	return complain(EX_TEMPFAIL, "the mail server ended the connection");
}

static bool
put(struct talk *t, struct str s)
{
	while (s.n > 0) {
		ssize_t n = send(t->fd, s.p, s.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		s = str_from(s, (size_t)n);
	}
	return true;
}

/* The next line without its end, NUL-terminated; NULL when there is none to come. */
static char *
line(struct talk *t)
{
	for (;;) {
		char *start = t->in + t->used, *end = memchr(start, '\n', t->n - t->used);
		ssize_t n;

		if (end != NULL) {
			t->used = (size_t)(end + 1 - t->in);
			*end = '\0';
			if (end > start && end[-1] == '\r')
				end[-1] = '\0';
			return start;
		}
		if (t->used > 0) {
			memmove(t->in, start, t->n - t->used);
			t->n -= t->used;
			t->used = 0;
		}
		if (t->n == REPLY_SIZE)
			return NULL;
		n = recv(t->fd, t->in + t->n, REPLY_SIZE - t->n, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return NULL;
		t->n += (size_t)n;
	}
}

/* A reply whole (RFC 5321 4.2.1); extension gets each of its lines but the first. */
static bool
reply(struct talk *t, void (*extension)(void *arg, struct str s), void *arg)
{
	char *l;
	uint64_t code;

	for (bool first = true; (l = line(t)) != NULL; first = false) {
		if (strlen(l) < 3 || num_parse(str_of(l, 3), 200, 599, &code) < 0)
			return false;
		t->code = (int)code;
		t->text = l;
		if (!first && extension != NULL && l[3] != '\0')
			extension(arg, str_z(l + 4));
		if (l[3] != '-')
			return true;
	}
	return false;
}

static bool
ask(struct talk *t, struct str command)
{
	return put(t, command) && reply(t, NULL, NULL);
}

/* ---- the beginning ---- */

struct greeting {
	struct account *who;
	struct arena *a;
};

static void
on_extension(void *arg, struct str s)
{
	struct greeting *g = arg;
	struct str word, address;

	str_cut(&s, ' ', &word);
	if (!str_eq(word, STR("XUSER")))
		return;
	g->who->any = str_cut(&s, ' ', &address) && str_eq(s, STR("ANY"));
	g->who->address = arena_dup(g->a, address);
	g->who->host = address_host(g->who->address);
}

static int
connect_to(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = TIMEOUT_S};
	int fd, saved;

	if (str_cz(str_z(path), sa.sun_path, sizeof(sa.sun_path)) < 0) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* False: worth another try. */
static bool
greeted(struct talk *t, struct greeting *g)
{
	return reply(t, NULL, NULL) && t->code == 220 && put(t, STR("EHLO localhost\r\n")) &&
	       reply(t, on_extension, g) && t->code == 250 && g->who->address.n > 0;
}

int
talk_open(const char *socket, struct arena *a, struct talk **out, struct account *who)
{
	struct greeting g = {.who = who, .a = a};

	for (int i = 0; i < TRIES; i++) {
		struct talk *t;
		int fd = connect_to(socket);

		if (fd < 0)
			return complain(
			    EX_TEMPFAIL, "%s: %s; is GK Mail running?", socket, strerror(errno));
		t = mem_alloc(sizeof(*t));
		t->fd = fd;
		*who = (struct account){0};
		if (greeted(t, &g)) {
			*out = t;
			return EX_OK;
		}
		t->broken = true;
		talk_close(&t);
		sleep(1);
	}
	return complain(EX_TEMPFAIL, "the mail server takes nothing now");
}

void
talk_close(struct talk **tp)
{
	struct talk *t = *tp;

	if (t == NULL)
		return;
	if (!t->broken)
		(void)ask(t, STR("QUIT\r\n"));
	close(t->fd);
	free(t);
	*tp = NULL;
}

/* ---- the message ---- */

/* The exit code of a refusal: try later, not allowed (RFC 3463 3.8), or what the step says. */
static int
refused(const struct talk *t, struct str about, int code)
{
	if (t->code < 500)
		code = EX_TEMPFAIL;
	else if (strncmp(t->text + 4, "5.7.", 4) == 0)
		code = EX_NOPERM;
	return complain(code, STR_FMT "%s%s", STR_ARG(about), about.n > 0 ? ": " : "", t->text);
}

static int
mail(struct talk *t, const struct options *o, const struct letter *l, struct buf *b)
{
	buf_reset(b);
	(void)buf_printf(b, "MAIL FROM:<" STR_FMT "> BODY=8BITMIME SIZE=%zu%s%s%s\r\n",
	    STR_ARG(l->sender), l->text.n, l->utf8 ? " SMTPUTF8" : "", o->ret ? " RET=" : "",
	    o->ret ? o->ret : "");
	if (!ask(t, buf_view(b)))
		return lost(t);
	return t->code < 300 ? EX_OK : refused(t, l->sender, EX_DATAERR);
}

static bool
rcpt(struct talk *t, const struct options *o, struct str address, struct buf *b)
{
	buf_reset(b);
	(void)buf_printf(b, "RCPT TO:<" STR_FMT ">%s%s\r\n", STR_ARG(address),
	    o->notify ? " NOTIFY=" : "", o->notify ? o->notify : "");
	return ask(t, buf_view(b));
}

/* Mail for an account of this system that has no mailbox ("root", by cron) is the postmaster's. */
static int
recipient(struct talk *t, const struct options *o, const struct recipient *to, struct buf *b)
{
	if (!rcpt(t, o, to->address, b))
		return lost(t);
	if (t->code == 550 && to->login != NULL && getpwnam(to->login) != NULL &&
	    !rcpt(t, o, STR("postmaster"), b))
		return lost(t);
	return t->code < 300 ? EX_OK : refused(t, to->address, EX_NOUSER);
}

/* Dots at the beginning of a line are doubled (RFC 5321 4.5.2). */
static int
text(struct talk *t, struct str s)
{
	bool ok = true;

	while (ok && s.n > 0) {
		size_t n = num_min(str_find(s, STR("\r\n.")) + 2, s.n);

		ok = (s.p[0] != '.' || put(t, STR("."))) && put(t, str_sub(s, 0, n));
		s = str_from(s, n);
	}
	if (!ok || !ask(t, STR(".\r\n")))
		return lost(t);
	return t->code < 300 ? EX_OK : refused(t, STR_NONE, EX_DATAERR);
}

/* All of them are heard, so that every wrong one is named. */
static int
recipients(struct talk *t, const struct options *o, const struct letter *l, struct buf *b)
{
	int rc = EX_OK, one;

	for (size_t i = 0; i < l->nto && !t->broken; i++)
		if ((one = recipient(t, o, &l->to[i], b)) != EX_OK && rc == EX_OK)
			rc = one;
	return rc;
}

static int
data(struct talk *t)
{
	if (!ask(t, STR("DATA\r\n")))
		return lost(t);
	return t->code == 354 ? EX_OK : refused(t, STR_NONE, EX_DATAERR);
}

int
talk_send(struct talk *t, const struct options *o, const struct letter *l)
{
	struct buf b;
	int rc;

	buf_init(&b, 4096);
	if ((rc = mail(t, o, l, &b)) == EX_OK && (rc = recipients(t, o, l, &b)) == EX_OK &&
	    (rc = data(t)) == EX_OK)
		rc = text(t, buf_view(&l->text));
	buf_free(&b);
	return rc;
}
