/*
 * acme.c - the account's key and the certificate that came by ACME (docs/adr/0046-acme.md): files
 * that root alone reads. gk-sign makes them and has them kept here; gk-acme is shown the chain
 * only.
 *
 * A new certificate is written beside the old one and synced, takes its name, and is tried; then
 * the fronts are given it, as at a reload, and no other daemon is. When one of them refuses it, the
 * old one comes back. The key and the chain are one file, so that no crash leaves a pair that does
 * not belong together.
 */
#include "svc/acme.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "io/file.h"
#include "master/master.h"
#include "svc/certificates.h"

#define CERTIFICATE "acme.pem"
#define ACCOUNT     "acme-account.pem"
#define FRESH       ".acme.new"
#define OLD         ".acme.old"

static struct {
	struct process *asked; /* gk-sign */
	bool active;
	uint64_t id;
	int dir;
} now = {.dir = -1};

bool
acme_busy(void)
{
	return now.active;
}

/* data_dir/tls */
static int
open_dir(const struct conf *c, struct err *e)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/tls", conf_z(c, CONF_SERVER_DATA_DIR));
	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_sys(e, "open %s", path);
	return fd;
}

/* ---- giving ---- */

/* What stands in front of it, the key, is nobody's but gk-sign's. */
static void
give_chain(struct process *p, int dir)
{
	struct str pem = STR_NONE;
	struct arena a;
	struct err e;
	int fd = -1;

	arena_init(&a);
	if (faccessat(dir, CERTIFICATE, F_OK, 0) == 0 &&
	    file_read_all(dir, CERTIFICATE, ACME_PEM_MAX, &a, &pem, &e) == 0) {
		struct str chain = str_from(pem, acme_chain_at(pem));

		fd = file_memory("acme.chain", chain.p, chain.n, &e);
		explicit_bzero((char *)pem.p, pem.n);
	}
	setup_file(p, "acme.chain", fd);
	arena_free(&a);
}

void
acme_files_give(struct process *p)
{
	struct err e;
	int dir;

	if (!acme_is_on(master.conf))
		return;
	if ((dir = open_dir(master.conf, &e)) < 0) {
		log_warn("master.acme", LE(&e));
		return;
	}
	if (p->service->peer == PEER_SIGN) {
		setup_file(p, "acme.account", openat(dir, ACCOUNT, O_RDONLY | O_CLOEXEC));
		setup_file(p, "acme.pem", openat(dir, CERTIFICATE, O_RDONLY | O_CLOEXEC));
	} else {
		give_chain(p, dir);
	}
	close(dir);
}

/* ---- keeping ---- */

static void
finish(const struct err *e)
{
	struct process *p = now.asked;

	file_close(&now.dir);
	now.active = false;
	now.asked = NULL;
	if (e != NULL)
		log_error("master.acme", LE(e));
	/* The process that asked may have ended and begun again: that id is unknown then. */
	if (!p->greeted)
		return;
	if (e != NULL)
		ipc_reply_error(p->control, now.id, e);
	else
		ipc_reply_ok(p->control, now.id, MSG_ACME_KEEP_R);
}

/* gk-sign has looked at it. Could it be served? */
static int
try_it(int fd, const char *name, struct err *e)
{
	int64_t expires;
	bool serves;

	return strcmp(name, CERTIFICATE) != 0
		   ? 0
		   : certificates_try(master.conf, 0, fd, fd, &expires, &serves, e);
}

static int
write_file(const char *name, struct str pem, struct err *e)
{
	int fd, rc = -1;

	file_unlink(now.dir, FRESH, NULL);
	if ((fd = file_open(now.dir, FRESH, O_RDWR | O_CREAT | O_EXCL, 0600, e)) < 0)
		return -1;
	if (file_write(fd, pem.p, pem.n, e) == 0 && try_it(fd, name, e) == 0 &&
	    file_sync(fd, "acme.file", e) == 0 &&
	    file_rename(now.dir, FRESH, now.dir, name, e) == 0 &&
	    file_sync_dir(now.dir, "acme.name", e) == 0)
		rc = 0;
	file_close(&fd);
	return rc;
}

/* The old one back, or none. */
static void
undo(void)
{
	bool had = faccessat(now.dir, OLD, F_OK, 0) == 0;
	struct err e;

	if ((had ? file_rename(now.dir, OLD, now.dir, CERTIFICATE, &e)
		 : file_unlink(now.dir, CERTIFICATE, &e)) < 0 ||
	    file_sync_dir(now.dir, "acme.undo", &e) < 0)
		log_error("master.acme", LE(&e));
}

static void
back_to_old(const struct err *e)
{
	undo();
	tls_files_rollback();
	for (size_t i = 0; i < SERVICES; i++) {
		struct process *p = &master.processes[i];

		if (!p->greeted || !p->service->tls)
			continue;
		tls_files_give(p);
		round_restore(p);
	}
	finish(e);
}

static void
taken_up(void)
{
	tls_files_commit();
	file_unlink(now.dir, OLD, NULL);
	log_info("master.certificate", LU("pid", getpid()));
	finish(NULL);
}

static void
told(const struct err *e)
{
	if (e != NULL)
		back_to_old(e);
	else
		taken_up();
}

static void
tell_fronts(void)
{
	round_begin(told);
	for (size_t i = 0; i < SERVICES; i++) {
		struct process *p = &master.processes[i];

		if (!p->greeted || !p->service->tls)
			continue;
		tls_files_give(p);
		round_ask(p);
	}
	round_end();
}

static int
keep_certificate(struct str pem, struct err *e)
{
	file_unlink(now.dir, OLD, NULL);
	if (faccessat(now.dir, CERTIFICATE, F_OK, 0) == 0 &&
	    file_link(now.dir, CERTIFICATE, now.dir, OLD, e) < 0)
		return -1;
	/* It may have its name though the folder could not be synced. */
	if (write_file(CERTIFICATE, pem, e) == 0 && tls_files_open(master.conf, e) == 0)
		return 0;
	undo();
	return -1;
}

void
acme_keep(struct process *p, struct ipc_in *m)
{
	uint32_t what = ipc_get_u32(m);
	struct str pem = ipc_get_str(m);
	struct err e = {0};

	if (ipc_end(m) < 0)
		return;
	if (now.active || reload_busy() || dkim_busy() || master.draining || !master.was_ready) {
		err_set(&e, E_TEMP, "busy with another change");
		ipc_reply_error(p->control, m->id, &e);
		return;
	}
	now.active = true;
	now.asked = p;
	now.id = m->id;
	if ((now.dir = open_dir(master.conf, &e)) < 0 ||
	    (what == ACME_SECRET_ACCOUNT ? write_file(ACCOUNT, pem, &e)
					 : keep_certificate(pem, &e)) < 0)
		finish(&e);
	else if (what == ACME_SECRET_ACCOUNT)
		finish(NULL);
	else
		tell_fronts();
}
