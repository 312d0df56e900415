/* sandbox_report.c - how to reach a sandbox: for people, and as the one line of JSON that programs
 * wait for. */
#include <stdio.h>

#include "base/num.h"
#include "ctl/output.h"
#include "ctl/sandbox.h"

#define SHOWN_USERS 20u

unsigned
sandbox_port(const struct sandbox *s, const char *name)
{
	uint64_t port = 0;

	for (size_t i = 0; i < s->status.nlisteners; i++) {
		struct str a = s->status.listeners[i].address;

		if (str_eq_z(s->status.listeners[i].name, name) &&
		    num_parse(str_from(a, num_min(str_rchr(a, ':') + 1, a.n)), 1, 65535, &port) ==
			0)
			break;
	}
	return (unsigned)port;
}

static struct str
maildir(const struct sandbox *s, const struct sandbox_user *u)
{
	struct str domain = u->address, user;

	str_cut(&domain, '@', &user);
	return arena_printf(&ctl.arena, "%s/data/mail/" STR_FMT "/" STR_FMT "/Maildir", s->dir,
	    STR_ARG(domain), STR_ARG(user));
}

static void
report_json(const struct sandbox *s)
{
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '{');
	json_bool(&j, "ready", true);
	json_num(&j, "pid", (uint64_t)s->master);
	json_z(&j, "dir", s->dir);
	json_z(&j, "ca", sandbox_path(s, "ca.pem"));
	json_str(&j, "domain", s->domain);
	json_open(&j, "ports", '{');
	for (size_t i = 0; i < s->status.nlisteners; i++) {
		const char *name = arena_dupz(&ctl.arena, s->status.listeners[i].name);

		if (i == 0 || !str_eq(s->status.listeners[i].name, s->status.listeners[i - 1].name))
			json_num(&j, name, sandbox_port(s, name));
	}
	json_close(&j, '}');
	json_open(&j, "users", '[');
	for (size_t i = 0; i < s->nusers; i++) {
		json_open(&j, NULL, '{');
		json_str(&j, "address", s->users[i].address);
		json_str(&j, "password", s->users[i].password);
		json_str(&j, "maildir", maildir(s, &s->users[i]));
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_open(&j, "processes", '[');
	for (size_t i = 0; i < s->status.nprocesses; i++) {
		json_open(&j, NULL, '{');
		json_str(&j, "name", s->status.processes[i].name);
		json_auto(&j, "pid", s->status.processes[i].pid);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	json_print(&j);
}

/* The program beside this one, as a word of the shell. */
static const char *
sendmail(struct arena *a)
{
	const char *self = out_self(a), *slash = strrchr(self, '/');

	if (slash == NULL)
		return "sendmail";
	return arena_printf(
	    a, "%.*s/sendmail%s", (int)(slash - self), self, self[0] == '\'' ? "'" : "")
	    .p;
}

static void
report_demo(const struct sandbox *s)
{
	struct sandbox_user *a = &s->users[0], *b = &s->users[s->nusers > 1 ? 1 : 0];
	struct arena *m = &ctl.arena;
	const char *ca = out_word(sandbox_path(s, "ca.pem"), m);
	const char *password = arena_dupz(m, a->password);
	const char *login = arena_printf(m, STR_FMT ":%s", STR_ARG(a->address), password).p;

	printf("\nIn a browser, which warns of the certificate, as it is this sandbox's own:\n\n"
	       "  https://localhost:%u/\n",
	    sandbox_port(s, "https"));
	printf(
	    "\nTo read (curl), to send (swaks, or as a local program), to keep a copy (mbsync):\n\n"
	    "  curl --cacert %s -u %s 'imaps://localhost:%u/INBOX;MAILINDEX=1'\n\n"
	    "  swaks --server 127.0.0.1:%u --tls --tls-verify --tls-ca-path %s --auth PLAIN \\\n"
	    "    --auth-user " STR_FMT " --auth-password %s \\\n"
	    "    --from " STR_FMT " --to " STR_FMT " --header 'Subject: Hello'\n\n"
	    "  echo 'Subject: Hello' | %s -C %s " STR_FMT "\n\n"
	    "  mbsync -c %s -a\n",
	    ca, out_word(login, m), sandbox_port(s, "imaps"), sandbox_port(s, "submission"), ca,
	    STR_ARG(a->address), out_word(password, m), STR_ARG(a->address), STR_ARG(b->address),
	    sendmail(m), out_word(sandbox_path(s, "gkmail.toml"), m), STR_ARG(b->address),
	    out_word(sandbox_path(s, "mbsyncrc"), m));
}

static void
report_text(const struct sandbox *s)
{
	printf("GK Mail is ready in %s (gk-master is process %d). Ctrl-C ends it.\n\n", s->dir,
	    (int)s->master);
	for (size_t i = 0; i < s->status.nlisteners; i++)
		printf("  %-12.*s " STR_FMT "\n", STR_ARG(s->status.listeners[i].name),
		    STR_ARG(s->status.listeners[i].address));
	printf("  %-12s %s\n", "CA", sandbox_path(s, "ca.pem"));
	printf("  %-12s %s --dir %s log --follow\n\n", "log", out_self(&ctl.arena),
	    out_word(s->dir, &ctl.arena));
	for (size_t i = 0; i < s->nusers && i < SHOWN_USERS; i++)
		printf("  user " STR_FMT "  password " STR_FMT "\n", STR_ARG(s->users[i].address),
		    STR_ARG(s->users[i].password));
	if (s->nusers > SHOWN_USERS)
		printf("  and %zu more, all in %s\n", s->nusers - SHOWN_USERS,
		    sandbox_path(s, "users"));
	if (s->demo)
		report_demo(s);
	fflush(stdout);
}

void
sandbox_report(const struct sandbox *s)
{
	if (ctl.json)
		report_json(s);
	else
		report_text(s);
}
