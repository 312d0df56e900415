/*
 * setup_accounts.c - the first domain and user.
 *
 * gk-authd alone writes accounts: where the suite does not run, one is started for a moment, as it
 * will run later but without a port, and drained again.
 */
#include <signal.h>

#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/sandbox.h"
#include "ctl/setup.h"

bool
setup_is_running(void)
{
	struct str build;
	struct err none;
	uint32_t pid;

	return client_hello(&build, &pid, &none) == 0;
}

/* Already there is as good. */
static int
ask_authd(struct ipc_out *m, const char *what, struct err *e)
{
	if (client_do("authd", m, e) == 0 || e->code == E_EXISTS)
		return 0;
	return err_wrap(e, "%s", what);
}

static int
add_domain(const struct setup *s, struct err *e)
{
	struct ipc_out m;

	if (s->domain[0] == '\0')
		return 0;
	ipc_begin(&m, MSG_DOMAIN_ADD);
	ipc_put_z(&m, s->domain);
	ipc_put_u64(&m, 0);
	return ask_authd(&m, s->domain, e);
}

static int
add_user(const struct setup *s, struct err *e)
{
	struct ipc_out m;

	if (s->user[0] == '\0')
		return 0;
	ipc_begin(&m, MSG_USER_ADD);
	ipc_put_z(&m, s->user);
	ipc_put_z(&m, s->password);
	ipc_put_u64(&m, 0);
	return ask_authd(&m, s->user, e);
}

static int
is_any(enum ipc_type list, bool *any, struct err *e)
{
	struct rows r;

	if (client_rows("authd", list, 5, &r, e) < 0)
		return -1;
	*any = r.n > 0;
	free(r.v);
	return 0;
}

static int
add(struct setup *s, struct err *e)
{
	if (add_domain(s, e) < 0 || add_user(s, e) < 0)
		return -1;
	return is_any(MSG_DOMAIN_LIST, &s->has_domains, e) < 0 ||
		       is_any(MSG_USER_LIST, &s->has_users, e) < 0
		   ? -1
		   : 0;
}

int
setup_accounts(struct setup *s, struct err *e)
{
	static const char *const no_ports[] = {"-o", "smtp.listen=", "-o",
	    "submission.listen=", "-o", "submission.listen_tls=", "-o", "imap.listen=", "-o",
	    "imap.listen_tls=", "-o", "web.listen=", "-o", "log.to=stdout", "-o", "log.level=error",
	    NULL};
	struct sandbox *box = arena_new(&ctl.arena, struct sandbox);
	bool asked = false;
	struct err end;
	int rc;

	if (setup_is_running())
		return add(s, e);
	box->conf = ctl.config;
	box->options = no_ports;
	if (sandbox_master_start(box, e) < 0)
		return -1;
	rc = sandbox_master_ready(box, &asked, e);
	if (rc == 0)
		rc = add(s, e);
	else if (asked)
		err_set(e, E_IO, "interrupted");
	client_close();
	if (box->master != 0) {
		if (!asked)
			kill(box->master, SIGTERM);
		if (sandbox_master_end(box, &end) < 0 && rc == 0) {
			*e = end;
			rc = -1;
		}
	}
	return rc;
}
