/* setup_start.c - the server's start, its first mail, and what the world has to know of it. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "ctl/client.h"
#include "ctl/dns_records.h"
#include "ctl/output.h"
#include "ctl/setup.h"
#include "ctl/status.h"
#include "ctl/talk.h"
#include "svc/build.h"

#define READY_US  60000000u
#define ARRIVE_US 60000000u
#define LOOK_S    15

static void
nap(unsigned ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&pause, NULL);
}

/* ---- start ---- */

const char *
setup_start_command(bool *ours)
{
	const char *etc = dirname(dirname(arena_dupz(&ctl.arena, str_z(build_config_path()))));
	struct stat st;

	*ours = false;
	/* Below a prefix of its own, or with a file of its own, no init system finds it. */
	if (strcmp(ctl.config, build_config_path()) != 0)
		return arena_printf(&ctl.arena, "gk-master -c %s", out_word(ctl.config, &ctl.arena))
		    .p;
	if (strcmp(etc, "/etc") != 0)
		return arena_printf(&ctl.arena, "%s/init.d/gkmail start", etc).p;
	*ours = stat("/run/systemd/system", &st) == 0;
	return *ours ? "systemctl enable --now gkmail"
		     : "update-rc.d gkmail defaults && service gkmail start";
}

static int
wait_ready(struct err *e)
{
	uint64_t start = clock_us();
	struct status st;
	struct err why;

	while (clock_us() - start < READY_US) {
		if (status_get(&st, &ctl.arena, &why) < 0)
			client_close();
		else if (status_is_ready(&st))
			return 0;
		nap(100);
	}
	return err_set(e, E_TIMEOUT,
	    "the server was started and is not ready; systemctl status gkmail and journalctl -u "
	    "gkmail say why");
}

int
setup_start(struct setup *s, struct err *e)
{
	static const char *const start[] = {"systemctl", "enable", "--now", "gkmail", NULL};
	static const char *const failed[] = {"systemctl", "is-failed", "--quiet", "gkmail", NULL};
	static const char *const again[] = {"systemctl", "reset-failed", "gkmail", NULL};
	struct err none;

	/* After tries that failed systemd may refuse further ones. */
	if (setup_run(failed, "", &none) == 0)
		(void)setup_run(again, "", &none);
	if (setup_run(start, "systemctl status gkmail and journalctl -u gkmail say why", e) < 0 ||
	    wait_ready(e) < 0)
		return -1;
	s->started = true;
	return 0;
}

/* ---- the first mail ---- */

/* By the program beside gkmail, so by the door that programs on this machine come by. */
static int
hand_over(FILE *mail, const char *from, const char *to, struct err *e)
{
	char self[PATH_MAX], program[PATH_MAX + 16];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int status;
	pid_t pid;

	if (n < 0)
		return err_sys(e, "/proc/self/exe");
	self[n] = '\0';
	snprintf(program, sizeof(program), "%s/sendmail", dirname(self));
	fflush(NULL);
	rewind(mail);
	if ((pid = fork()) < 0)
		return err_sys(e, "fork");
	if (pid == 0) {
		if (dup2(fileno(mail), 0) < 0 || dup2(2, 1) < 0)
			_exit(EXIT_FAIL);
		execl(program, "sendmail", "-i", "-C", ctl.config, "-f", from, to, (char *)NULL);
		fprintf(stderr, "gkmail: %s: %s\n", program, strerror(errno));
		_exit(EXIT_FAIL);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, "wait");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(e, E_IO, "the first mail was not taken; gkmail log says more");
}

/* Messages in the mailbox, by gk-authd's account of them. */
static int
count(const char *user, uint64_t *n, struct err *e)
{
	struct rows r;

	if (client_rows("authd", MSG_USER_LIST, 5, &r, e) < 0)
		return -1;
	*n = 0;
	for (size_t i = 0; i < r.n; i += r.width)
		if (str_eq_z(r.v[i], user))
			(void)num_parse(r.v[i + 3], 0, UINT64_MAX, n);
	free(r.v);
	return 0;
}

static int
wait_arrival(const char *user, struct err *e)
{
	uint64_t start = clock_us(), n = 0;

	while (clock_us() - start < ARRIVE_US) {
		if (count(user, &n, e) < 0)
			return -1;
		if (n > 0)
			return 0;
		nap(100);
	}
	return err_set(e, E_TIMEOUT,
	    "the first mail to %s has not arrived after %u s; gkmail queue list and gkmail log say "
	    "why",
	    user, ARRIVE_US / 1000000);
}

int
setup_first_mail(struct setup *s, struct err *e)
{
	const char *to = s->user[0] != '\0' ? s->user : s->first, *from;
	uint64_t there;
	FILE *mail;
	int rc;

	if (to == NULL || !conf_bool(s->c, CONF_SUBMISSION_LOCAL))
		return 0;
	if (count(to, &there, e) < 0)
		return -1;
	/* A mailbox with mail in it needs none of ours. */
	if (there > 0)
		return 0;
	if ((mail = tmpfile()) == NULL)
		return err_sys(e, "temporary file");
	from = arena_printf(&ctl.arena, "postmaster@%s", strrchr(to, '@') + 1).p;
	fprintf(mail,
	    "From: GK Mail <%s>\nTo: %s\nSubject: GK Mail runs on %s\n\n"
	    "This mail was sent by gkmail setup, and went through the whole server into your "
	    "mailbox.\n\n"
	    "With a mail program: IMAP and SMTP at %s, your address as the user name.\n"
	    "In a browser: https://%s/\n",
	    from, to, s->host, s->host, s->host);
	rc = hand_over(mail, from, to, e);
	fclose(mail);
	if (rc < 0 || wait_arrival(to, e) < 0)
		return -1;
	s->sent_to = to;
	return 0;
}

/* ---- what the world has to know ---- */

static void
count_missing(void *arg, const struct dns_found *f)
{
	unsigned *missing = arg;
	bool unknown = strcmp(f->status, "unknown") == 0;

	if (f->ok || (!f->bad && !unknown))
		return;
	++*missing;
	if (ctl.json)
		return;
	printf("  %s: %s of " STR_FMT "%s", f->status, f->what, STR_ARG(f->name),
	    f->why.n > 0 ? ", " : "");
	out_str(stdout, f->why); /* in the words of whoever serves the zone */
	putchar('\n');
}

/* 1: all that is needed is served. */
static int
look_at_dns(struct err *e)
{
	unsigned missing = 0;

	if (dns_check_each(count_missing, &missing, e) < 0)
		return -1;
	if (missing == 0 && !ctl.json)
		puts("The DNS serves all that is needed.");
	fflush(stdout);
	return missing == 0;
}

int
setup_wait_dns(struct setup *s, struct err *e)
{
	uint64_t start = clock_us(), wait = s->wait_dns_ms * 1000;
	int served, answer;

	while (s->person && s->wait_dns_ms == 0) {
		answer = setup_agree(s, "Look now whether the DNS serves them", false, e);
		if (answer <= 0)
			return answer;
		if ((served = look_at_dns(e)) != 0)
			return served < 0 ? -1 : 0;
	}
	if (s->wait_dns_ms == 0)
		return 0;
	while ((served = look_at_dns(e)) == 0) {
		uint64_t gone = clock_us() - start;

		if (gone >= wait)
			return EXIT_LATER;
		nap((unsigned)num_min((wait - gone) / 1000 + 1, LOOK_S * 1000ull));
	}
	return served < 0 ? -1 : 0;
}

const char *
setup_ports(void)
{
	struct sockaddr_storage a;
	struct status st;
	const char *all = "";
	bool only_here;
	socklen_t size;
	struct err e;

	if (status_get(&st, &ctl.arena, &e) < 0)
		return all;
	for (size_t i = 0; i < st.nlisteners; i++) {
		struct str at = st.listeners[i].address,
			   port_of = str_from(at, str_rchr(at, ':') + 1);
		const char *port = arena_printf(&ctl.arena, " " STR_FMT, STR_ARG(port_of)).p;

		if (talk_address(at, &a, &size, &only_here) < 0 || only_here ||
		    strstr(all, port) != NULL)
			continue;
		all = arena_printf(&ctl.arena, "%s%s", all, port).p;
	}
	return all;
}
