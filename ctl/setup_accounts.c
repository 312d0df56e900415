/*
 * setup_accounts.c - the first domain, its user and its signing keys.
 *
 * gk-authd alone writes accounts: where the suite does not run, one is started for a moment, as it
 * will run later but without a port, and drained again.
 */
#include <signal.h>

#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/sandbox.h"
#include "ctl/setup.h"
#include "ctl/zone.h"

static struct sandbox *box; /* the suite that was started for this */

bool
setup_is_running(void)
{
	struct str build;
	struct err none;
	uint32_t pid;

	return client_hello(&build, &pid, &none) == 0;
}

/* ---- a suite that answers ---- */

int
setup_suite_open(struct setup *s, struct err *e)
{
	/* The DNS has five seconds: who waits sits at a terminal. */
	static const char *const quiet[] = {"-o", "smtp.listen=", "-o", "submission.listen=", "-o",
	    "submission.listen_tls=", "-o", "imap.listen=", "-o", "imap.listen_tls=", "-o",
	    "web.listen=", "-o", "web.listen_plain=", "-o", "acme.challenge=off", "-o",
	    "metrics.listen=", "-o", "log.to=stdout", "-o", "log.level=error", "-o",
	    "dns.timeout=5s", NULL};
	bool asked = false;

	s->was_running = setup_is_running();
	if (s->was_running)
		return 0;
	box = arena_new(&ctl.arena, struct sandbox);
	box->conf = ctl.config;
	box->options = quiet;
	if (sandbox_master_start(box, e) < 0)
		return -1;
	if (sandbox_master_ready(box, &asked, e) == 0)
		return 0;
	return asked ? err_set(e, E_IO, "interrupted") : -1;
}

int
setup_suite_close(struct setup *s, struct err *e)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
	sigset_t waiting, all;
	bool asked;
	int rc;

	(void)s;
	if (box == NULL || box->master == 0)
		return 0;
	/* Ctrl-C meanwhile. */
	sigpending(&waiting);
	asked = sigismember(&waiting, SIGINT) == 1 || sigismember(&waiting, SIGTERM) == 1;
	client_close();
	kill(box->master, SIGTERM);
	rc = sandbox_master_end(box, e);
	box->master = 0;
	/* What is started from here on does not inherit that they were held back. */
	sigemptyset(&all);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaddset(&all, signals[i]);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	return rc == 0 && asked ? err_set(e, E_DENIED,
				      "interrupted; what was done stays, and gkmail setup goes on "
				      "from there")
				: rc;
}

/* ---- what is there ---- */

static int
first_row(enum ipc_type list, const char *wanted, bool *any, bool *is_there, const char **first,
    struct err *e)
{
	struct rows r;

	if (client_rows("authd", list, 5, &r, e) < 0)
		return -1;
	*any = r.n > 0;
	*is_there = false;
	if (r.n > 0)
		*first = arena_dupz(&ctl.arena, r.v[0]);
	for (size_t i = 0; i < r.n; i += r.width)
		*is_there = *is_there || (wanted != NULL && str_eq_z(r.v[i], wanted));
	free(r.v);
	return 0;
}

int
setup_look(struct setup *s, struct err *e)
{
	bool there;

	return first_row(MSG_DOMAIN_LIST, s->domain, &s->has_domains, &there, &s->first_domain, e) <
			   0 ||
		       first_row(MSG_USER_LIST, s->user, &s->has_users, &s->user_is_there,
			   &s->first, e) < 0
		   ? -1
		   : 0;
}

/* ---- what is made ---- */

/* Already there is as good. *made: it was not. */
static int
ask_authd(struct ipc_out *m, const char *what, bool *is_new, struct err *e)
{
	*is_new = client_do("authd", m, e) == 0;
	if (*is_new || e->code == E_EXISTS)
		return 0;
	return err_wrap(e, "%s", what);
}

static int
add_domain(struct setup *s, struct err *e)
{
	struct ipc_out m;
	bool is_new;

	ipc_begin(&m, MSG_DOMAIN_ADD);
	ipc_put_z(&m, s->domain);
	ipc_put_u64(&m, 0);
	if (ask_authd(&m, s->domain, &is_new, e) < 0)
		return -1;
	if (is_new)
		setup_made(s, arena_printf(&ctl.arena, "domain %s", s->domain).p);
	return 0;
}

static int
add_user(struct setup *s, struct err *e)
{
	struct ipc_out m;
	bool is_new;

	ipc_begin(&m, MSG_USER_ADD);
	ipc_put_z(&m, s->user);
	ipc_put_z(&m, s->password);
	ipc_put_u64(&m, 0);
	if (ask_authd(&m, s->user, &is_new, e) < 0)
		return -1;
	if (is_new)
		setup_made(s, arena_printf(&ctl.arena, "user %s", s->user).p);
	return 0;
}

static int
add_keys(struct setup *s, struct err *e)
{
	struct str domain;
	bool is_new;

	if (zone_domain(s->domain, &domain, e) < 0 || dkim_first(domain, &is_new, e) < 0)
		return err_wrap(e, "signing keys");
	if (is_new)
		setup_made(s, arena_printf(&ctl.arena, "signing keys of %s", s->domain).p);
	return 0;
}

int
setup_accounts(struct setup *s, struct err *e)
{
	if (s->domain[0] != '\0' && add_domain(s, e) < 0)
		return -1;
	if (s->user[0] != '\0' && !s->user_is_there && add_user(s, e) < 0)
		return -1;
	if (s->domain[0] != '\0' && add_keys(s, e) < 0)
		return -1;
	return setup_look(s, e);
}
