/*
 * gk-queue - sole owner of the spool: takes messages durably, has them delivered, tries again,
 * bounces, removes.
 *
 * docs/flow.md tells the way of a message and what recovery does with each state on disk.
 */
#include <fcntl.h>
#include <sodium.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/file.h"
#include "queue/queue.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define DRAIN_MS 20u
#define AGE_MS   1000u

static struct queue queue;
static struct loop_timer *drain_timer, *age_timer;

static void
take_options(void)
{
	const struct conf *c = svc_conf();
	struct queue_options *o = &queue.o;
	uint64_t segment_size = o->segment_size;

	o->lifetime = conf_num(c, CONF_QUEUE_LIFETIME);
	o->delay_notice = conf_num(c, CONF_QUEUE_DELAY_NOTICE);
	o->retry_first = conf_num(c, CONF_QUEUE_RETRY_FIRST);
	o->retry_max = conf_num(c, CONF_QUEUE_RETRY_MAX);
	o->checkpoint_ms = conf_num(c, CONF_QUEUE_CHECKPOINT);
	o->max_backlog = conf_num(c, CONF_QUEUE_MAX_BACKLOG);
	o->min_free = conf_num(c, CONF_QUEUE_MIN_FREE);
	o->concurrency = (size_t)conf_num(c, CONF_DELIVERY_CONCURRENCY);
	o->remote = (size_t)conf_num(c, CONF_DELIVERY_REMOTE_CONCURRENCY);
	o->destination_first = (size_t)conf_num(c, CONF_DELIVERY_DESTINATION_FIRST);
	o->destination_max = (size_t)conf_num(c, CONF_DELIVERY_DESTINATION_MAX);
	o->srs = conf_bool(c, CONF_QUEUE_SRS);
	o->max_waiting = (size_t)conf_num(c, CONF_QUEUE_MAX_WAITING);
	/* The journal under way keeps its size until the next start. */
	o->segment_size = segment_size ? segment_size : conf_num(c, CONF_QUEUE_SEGMENT_SIZE);
	snprintf(o->host, sizeof(o->host), "%s", conf_z(c, CONF_SERVER_HOST_NAME));
	routes_free(&queue.routes);
	queue.routes = routes_new(c);
}

/* Looked at now and then: a change of the queue need not change it. */
static void
age(void *arg)
{
	int64_t oldest = message_oldest(&queue.messages, clock_wall_us());

	(void)arg;
	metric_set(METRIC_QUEUE_OLDEST, oldest / 1000000);
	loop_timer_set(age_timer, AGE_MS);
}

static int
start(struct err *e)
{
	bool forced;

	take_options();
	if ((queue.dir = file_open(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY, 0, e)) < 0 ||
	    file_mkdir(queue.dir, "journal", 0700, e) < 0 ||
	    (queue.journal_dir = file_open(queue.dir, "journal", O_RDONLY | O_DIRECTORY, 0, e)) <
		0 ||
	    file_sync_dir(queue.dir, "queue.spool", e) < 0)
		return -1;
	message_table_init(&queue.messages);
	spool_init(&queue);
	schedule_init(&queue);
	result_init(&queue);
	forced = state_replay_asked(&queue);
	if (recover(&queue, svc_boot_id(), forced, e) < 0)
		return -1;
	if (forced)
		state_replay(&queue);
	checkpoint_init(&queue);
	hold_init(&queue);
	usage_init(&queue);
	age_timer = loop_timer_new(age, NULL);
	loop_timer_set(age_timer, 0);
	return 0;
}

static int
reload(struct err *e)
{
	(void)e;
	take_options();
	/* Routes may be others now: whoever waits finds its way anew. */
	schedule_revive(&queue, STR_NONE);
	loop_defer(&queue.schedule.run);
	return 0;
}

static void
message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (ipc_peer_of(c) == PEER_CTL)
		operator_message(&queue, c, m);
	else if (m->type == MSG_SUBMITTED)
		submitted_message(&queue, c, m);
	else
		spool_message(&queue, c, m);
}

static void
channel(struct ipc_chan *c, bool open)
{
	if (!open) {
		asker_forget(&queue, c);
		cut_forget(&queue, c);
		vouch_forget(&queue.vouch, c);
	} else if (ipc_peer_of(c) == PEER_LOCAL)
		schedule_back(&queue, DEST_LOCAL);
	else if (ipc_peer_of(c) == PEER_AUTHD)
		schedule_back(&queue, DEST_LOOKUP);
	else if (ipc_peer_of(c) == PEER_REMOTE)
		schedule_back(&queue, DEST_REMOTE);
	else if (ipc_peer_of(c) == PEER_MAILBOXD)
		hold_tell(&queue);
	else if (ipc_peer_of(c) == PEER_SMTPD)
		spool_tell_space(&queue);
}

/* Deliveries under way end, what they told is written; then the last checkpoint, and the segments
 * that it frees. Nobody new is answered 250 after it: what still comes in is durable, and waits for
 * the next start. */
static void
drain_step(void *arg)
{
	(void)arg;
	usage_tell(&queue);
	if (queue.schedule.running > 0 || !STAILQ_EMPTY(&queue.results) ||
	    !journal_idle(queue.journal) || queue.checkpoint.moving > 0)
		journal_hurry(queue.journal);
	else if (queue.checkpoint.over)
		svc_drained();
	else
		checkpoint_final(&queue);
	loop_timer_set(drain_timer, DRAIN_MS);
}

static void
drain(void)
{
	queue.schedule.stopped = true;
	drain_timer = loop_timer_new(drain_step, NULL);
	drain_step(NULL);
}

static const struct sandbox_path paths[] = {
    {"journal", SBP_READ | SBP_LIST | SBP_WRITE | SBP_MAKE | SBP_REMOVE},
    {".", SBP_REMOVE},
};

static const struct svc svc = {
    .name = "queue",
    .peer = PEER_QUEUE,
    .sections = "server queue delivery route",
    .root = "spool",
    .sandbox = SB_IPC | SB_FILES | SB_WRITE | SB_THREADS,
    .paths = paths,
    .npaths = ARRAY_LEN(paths),
    .start = start,
    .reload = reload,
    .message = message,
    .channel = channel,
    .drain = drain,
};

int
main(int argc, char **argv)
{
	return svc_main(&svc, argc, argv);
}
