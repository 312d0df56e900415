/*
 * gk-local - puts messages into Maildirs: the store's uid, no network, no byte of a message looked
 * at, and no right to read anything in a home.
 *
 * Beyond .incoming it may make and link files, and remove names: a replay after lost power renames
 * over a name that may stand for nothing (INVARIANTS 1).
 */
#include <fcntl.h>

#include "base/mem.h"
#include "delivery/local/local.h"
#include "io/file.h"
#include "svc/svc.h"

#define DRAIN_MS 20u

static struct local local;
static struct loop_timer *drain_timer;

static int
start(struct err *e)
{
	snprintf(local.host, sizeof(local.host), "%s", conf_z(svc_conf(), CONF_SERVER_HOST_NAME));
	if ((local.mail = file_open(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY, 0, e)) < 0 ||
	    (local.sync = file_open(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY, 0, e)) < 0 ||
	    file_mkdir(local.mail, ".incoming", 0700, e) < 0 ||
	    (local.incoming = file_open(local.mail, ".incoming", O_RDONLY | O_DIRECTORY, 0, e)) <
		0 ||
	    file_sync_dir(local.mail, "local.incoming", e) < 0 ||
	    !(local.pool = pool_new(2, 1000, e)))
		return -1;
	local.mailboxd = svc_channel(PEER_MAILBOXD);
	local.queue = svc_channel(PEER_QUEUE);
	local.share = sandbox_landlock_abi() >= 2;
	if (room_init(&local, e) < 0)
		return -1;
	deliver_init(&local);
	sweep_init(&local);
	return 0;
}

static int
reload(struct err *e)
{
	(void)e;
	room_reload(&local);
	return 0;
}

static void
message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_DELIVER_PUT || m->type == MSG_DELIVER || m->type == MSG_DELIVER_LARGE)
		deliver_message(&local, c, m);
	else if (m->type == MSG_CHECKPOINT)
		checkpoint_run(&local, c, m);
	else if (m->type == MSG_LARGE_NEW)
		large_new(&local, c, m);
	else if (m->type == MSG_LARGE_SEAL)
		large_seal(&local, c, m);
	else if (m->type == MSG_LARGE_DROP)
		large_drop(&local, m);
	else if (m->type == MSG_LARGE_READ)
		large_read(&local, c, m);
	else
		ipc_refuse(m);
}

static void
drain_step(void *arg)
{
	(void)arg;
	if (deliver_idle())
		svc_drained();
	loop_timer_set(drain_timer, DRAIN_MS);
}

static void
drain(void)
{
	drain_timer = loop_timer_new(drain_step, NULL);
	drain_step(NULL);
}

static const struct sandbox_path paths[] = {
    {".incoming", SBP_READ | SBP_LIST | SBP_WRITE | SBP_MAKE | SBP_REMOVE | SBP_REFER},
    {".", SBP_MAKE | SBP_REFER | SBP_REMOVE},
};

static const struct svc svc = {
    .name = "local",
    .peer = PEER_LOCAL,
    .sections = "server delivery",
    .root = "mail",
    .sandbox = SB_IPC | SB_FILES | SB_WRITE | SB_CHMOD | SB_THREADS,
    .paths = paths,
    .npaths = ARRAY_LEN(paths),
    .start = start,
    .reload = reload,
    .message = message,
    .drain = drain,
};

int
main(int argc, char **argv)
{
	return svc_main(&svc, argc, argv);
}
