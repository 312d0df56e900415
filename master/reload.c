/*
 * reload.c - a new configuration taken up while everything runs: checked whole, new ports bound,
 * every daemon asked; only when all agree does anything end. One refusal, and all get the old one
 * back.
 */
#include "base/mem.h"
#include "master/master.h"

static struct {
	bool active;
	bool again; /* SIGHUP came meanwhile */
	int log;
	struct conf *old;
	void (*fn)(void *arg, const struct err *e);
	void *arg;
} now;

/* What lies on disk under other names, or belongs to other users, cannot change under running
 * daemons. */
static int
check_fixed(const struct conf *c, struct err *e)
{
	static const enum conf_key fixed[] = {CONF_SERVER_DATA_DIR, CONF_SERVER_RUN_DIR,
	    CONF_SERVER_USER_PREFIX, CONF_SERVER_ADMIN_GROUP, CONF_SERVER_SANDBOX};

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		if (!str_eq(conf_str(c, fixed[i]), conf_str(master.conf, fixed[i])))
			return err_set(e, E_INVAL, "%s: server.%s takes a restart",
			    conf_origin(c, fixed[i]), conf_rows[fixed[i]].key);
	return 0;
}

static void
finish(const struct err *e)
{
	now.active = false;
	if (e == NULL)
		log_info("master.reloaded", LU("pid", getpid()));
	else
		log_error("master.reload_refused", LE(e));
	now.fn(now.arg, e);
	reload_ready();
}

static void
back_to_old(const struct err *e)
{
	struct conf *refused = master.conf;

	master.conf = now.old;
	conf_free(&refused);
	listeners_rollback();
	tls_files_rollback();
	dkim_files_rollback();
	close(now.log);
	for (size_t i = 0; i < SERVICES; i++) {
		struct process *p = &master.processes[i];

		if (!p->greeted)
			continue;
		setup_files(p);
		round_restore(p);
	}
	process_start_ended(); /* it was the refused one that they could not do with */
	finish(e);
}

static void
take_up(void)
{
	struct err e;

	conf_free(&now.old);
	listeners_commit();
	if (local_apply(&e) < 0)
		log_error("master.local", LE(&e));
	tls_files_commit();
	dkim_files_commit();
	logs_use(master.conf, now.log);
	for (size_t i = 0; i < SERVICES; i++)
		if (master.processes[i].greeted)
			setup_log(&master.processes[i]);
	process_start_ended();
	finish(NULL);
}

static void
told(const struct err *e)
{
	if (e != NULL)
		back_to_old(e);
	else
		take_up();
}

/* Everything that can be tried without a daemon. On failure all is as before. */
static int
prepare(struct conf **next, struct err *e)
{
	if (config_load(next, e) < 0 || check_fixed(*next, e) < 0)
		return -1;
	if ((now.log = logs_open(*next, e)) < 0)
		return -1;
	if (listeners_open(*next, e) < 0)
		goto out_log;
	if (tls_files_open(*next, e) < 0)
		goto out_listeners;
	if (dkim_files_open(*next, e) < 0)
		goto out_tls;
	return 0;
out_tls:
	tls_files_rollback();
out_listeners:
	listeners_rollback();
out_log:
	close(now.log);
	return -1;
}

bool
reload_busy(void)
{
	return now.active;
}

void
reload_begin(void (*fn)(void *arg, const struct err *e), void *arg)
{
	struct conf *next = NULL;
	struct err e = {0};

	if (now.active || dkim_busy() || acme_busy() || master.draining || !master.was_ready) {
		err_set(&e, E_TEMP, "busy starting, reloading or ending; try again");
		fn(arg, &e);
		return;
	}
	now.active = true;
	now.fn = fn;
	now.arg = arg;
	if (prepare(&next, &e) < 0) {
		conf_free(&next);
		finish(&e);
		return;
	}
	now.old = master.conf;
	master.conf = next;
	round_begin(told);
	for (size_t i = 0; i < SERVICES; i++) {
		struct process *p = &master.processes[i];

		/* One that starts just now has the old one, or gets the new one when it greets. */
		if (!p->greeted)
			continue;
		setup_files(p);
		round_ask(p);
	}
	round_end();
}

static void
done(void *arg, const struct err *e)
{
	(void)arg;
	(void)e; /* logged where it happened */
}

void
reload_ask(void)
{
	now.again = true;
	reload_ready();
}

void
reload_ready(void)
{
	if (!now.again || now.active || master.draining || !master.was_ready)
		return;
	now.again = false;
	reload_begin(done, NULL);
}
