/* demo.c - what makes a sandbox a demo: mail in the mailboxes, and a configuration for mbsync. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/demo_mail.h"
#include "ctl/sandbox.h"
#include "ctl/submit.h"
#include "io/file.h"

#define DELIVERY_MS 5000u

static int
write_text(const char *path, struct str text, struct err *e)
{
	int fd = file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600, e), rc;

	if (fd < 0)
		return -1;
	rc = file_write(fd, text.p, text.n, e);
	file_close(&fd);
	return rc;
}

/* An argument of mbsync's configuration. */
static const char *
mbsync_word(const char *text)
{
	const char *out;
	struct buf b;

	buf_init(&b, 65536);
	buf_putc(&b, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buf_putc(&b, '\\');
		buf_putc(&b, *text);
	}
	buf_putc(&b, '"');
	out = arena_dupz(&ctl.arena, buf_view(&b));
	buf_free(&b);
	return out;
}

int
demo_mbsyncrc(const struct sandbox *s, struct err *e)
{
	const struct sandbox_user *u = &s->users[0];
	struct str text = arena_printf(&ctl.arena,
	    "IMAPAccount demo\nHost localhost\nPort %u\nUser " STR_FMT "\nPass %s\n"
	    "SSLType IMAPS\nCertificateFile %s\n\n"
	    "IMAPStore far\nAccount demo\n\n"
	    "MaildirStore near\nSubFolders Verbatim\nPath %s\nInbox %s\n\n"
	    "Channel demo\nFar :far:\nNear :near:\nPatterns *\nCreate Near\nExpunge Both\n"
	    "SyncState *\n",
	    sandbox_port(s, "imaps"), STR_ARG(u->address),
	    mbsync_word(arena_dupz(&ctl.arena, u->password)),
	    mbsync_word(sandbox_path(s, "ca.pem")), mbsync_word(sandbox_path(s, "mbsync/")),
	    mbsync_word(sandbox_path(s, "mbsync/INBOX")));

	if (file_mkdir(AT_FDCWD, sandbox_path(s, "mbsync"), 0700, e) < 0)
		return -1;
	return write_text(sandbox_path(s, "mbsyncrc"), text, e);
}

/* The address of a person of the samples: "alice" of the user list, or none. */
static const struct sandbox_user *
person(const struct sandbox *s, struct str name)
{
	for (size_t i = 0; i < s->nusers; i++)
		if (str_starts(s->users[i].address, name) &&
		    str_sub(s->users[i].address, name.n, 1).n == 1 &&
		    s->users[i].address.p[name.n] == '@')
			return &s->users[i];
	return NULL;
}

/* Fills in @domain@, and puts trace fields of a mail program on top. */
static struct str
compose(const struct sandbox *s, const struct demo_mail *m)
{
	struct str rest = str_z(m->text), message;
	char date[CLOCK_RFC5322_SIZE];
	struct buf b;
	size_t at;

	buf_init(&b, 1u << 20);
	buf_printf(&b, "Date: %s\nMessage-ID: <%s@" STR_FMT ">\n",
	    clock_rfc5322(clock_wall() - (int64_t)m->minutes_ago * 60, date), m->id,
	    STR_ARG(s->domain));
	while ((at = str_find(rest, STR("@domain@"))) < rest.n) {
		buf_str(&b, str_sub(rest, 0, at + 1));
		buf_str(&b, s->domain);
		rest = str_from(rest, at + 8);
	}
	buf_str(&b, rest);
	message = arena_dup(&ctl.arena, buf_view(&b));
	buf_free(&b);
	return message;
}

static int
send_one(const struct sandbox *s, const struct demo_mail *m, struct err *e)
{
	const struct sandbox_user *from = person(s, str_z(m->from)), *to;
	struct str rest = str_z(m->to), name, recipients[8];
	struct submit job = {.port = sandbox_port(s, "submissions"),
	    .ca = sandbox_path(s, "ca.pem"),
	    .to = recipients};
	bool more;

	do {
		more = str_cut(&rest, ' ', &name);
		if ((to = person(s, name)) != NULL && job.nto < ARRAY_LEN(recipients))
			recipients[job.nto++] = to->address;
	} while (more);
	if (from == NULL || job.nto == 0)
		return 0;
	job.user = from->address;
	job.password = from->password;
	job.message = compose(s, m);
	return submit_message(&job, e);
}

/* Until the queue is empty, but not for ever: whoever reads the report looks into the mailboxes
 * next. */
static int
wait_delivered(struct err *e)
{
	static const struct str any[2];
	uint64_t start = clock_us();
	struct rows r;

	do {
		if (client_rows_of("queue", MSG_QUEUE_LIST, any, 2, 9, &r, e) < 0)
			return -1;
		free(r.v);
		if (r.n == 0)
			return 0;
		poll(NULL, 0, 20);
	} while (clock_us() - start < DELIVERY_MS * 1000ull);
	return err_set(e, E_TIMEOUT, "not delivered yet; see gkmail queue list");
}

int
demo_send(const struct sandbox *s, struct err *e)
{
	const char *marker = sandbox_path(s, "demo-mail-sent");

	if (access(marker, F_OK) == 0)
		return 0;
	for (size_t i = 0; i < demo_mails_count; i++)
		if (send_one(s, &demo_mails[i], e) < 0)
			return err_wrap(e, "\"%s\"", demo_mails[i].id);
	return write_text(marker, STR(""), e) < 0 ? -1 : wait_delivered(e);
}
