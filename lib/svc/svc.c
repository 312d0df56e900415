/*
 * svc.c - the daemon skeleton: from arguments to the loop, and out again.
 *
 * Everything here happens on orders of master that come over the control channel. The process exits
 * when that channel ends: without master nothing runs.
 */
#include "svc/svc.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/pool.h"
#include "svc/build.h"
#include "svc/events.h"
#include "svc/listen.h"
#include "svc/metrics.h"
#include "svc/privilege.h"

#define CONTROL_FD 3

#define EXIT_RESTART 75
#define EXIT_CONFIG  78

#define CHANNELS_MAX 32u

#define LAST_WORDS_MS 1000u /* master waits longer (drain.c) */

static struct {
	const struct svc *svc;
	struct ipc_chan *control;
	struct ipc_chan *channels[CHANNELS_MAX]; /* by number of the PEER_ bit */
	int early[CHANNELS_MAX]; /* descriptor + 1 of a channel that came before the start */
	struct conf *conf;
	struct identity identity;
	struct {
		char *name;
		int fd;
	} * files;
	size_t nfiles;
	struct loop_timer *deadline;
	char boot_id[40];
	bool started, ready, draining;
} self;

const struct conf *
svc_conf(void)
{
	return self.conf;
}

bool
svc_draining(void)
{
	return self.draining;
}

void
svc_drained(void)
{
	if (self.draining)
		loop_stop();
}

/* ---- channels ---- */

static void
channel_gone(void *arg, struct ipc_chan *c)
{
	(void)arg;
	if (self.svc->channel != NULL)
		self.svc->channel(c, false);
	if (ipc_peer_of(c) == PEER_CTL || ipc_peer_of(c) == PEER_OWNER)
		ipc_free(&c);
}

static void
channel_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	self.svc->message(NULL, c, m);
}

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	unsigned n = (unsigned)__builtin_ctz((unsigned)peer);

	assume(peer != PEER_NONE && n < CHANNELS_MAX);
	if (self.channels[n] == NULL)
		self.channels[n] =
		    ipc_new(-1, self.svc->peer, peer, channel_message, channel_gone, NULL);
	return self.channels[n];
}

static void
attach(enum ipc_peer peer, int fd)
{
	struct ipc_chan *c = svc_channel(peer);

	ipc_attach(c, fd);
	if (self.svc->channel != NULL)
		self.svc->channel(c, true);
}

/* Messages of peers are read once start() has set things up for them. */
static void
attach_early(void)
{
	for (unsigned n = 0; n < CHANNELS_MAX; n++)
		if (self.early[n] > 0) {
			attach((enum ipc_peer)(1u << n), self.early[n] - 1);
			self.early[n] = 0;
		}
}

static void
keep_early(enum ipc_peer peer, int fd)
{
	int *slot = &self.early[__builtin_ctz((unsigned)peer)];

	if (*slot > 0)
		close(*slot - 1);
	*slot = fd + 1;
}

static void
add_channel(struct ipc_in *m)
{
	enum ipc_peer peer = (enum ipc_peer)ipc_get_u32(m);
	struct str label = ipc_get_str(m);
	int fd = ipc_take_fd(m);
	struct ipc_chan *c;

	if (ipc_end(m) < 0)
		return;
	if (peer == PEER_CTL || peer == PEER_OWNER) {
		c = ipc_new(fd, self.svc->peer, peer, channel_message, channel_gone, NULL);
		ipc_set_label(c, label);
		if (self.svc->channel != NULL)
			self.svc->channel(c, true);
	} else if (self.ready) {
		attach(peer, fd);
	} else {
		keep_early(peer, fd);
	}
}

/* ---- files, log, metrics ---- */

int
svc_file(const char *name)
{
	for (size_t i = 0; i < self.nfiles; i++)
		if (strcmp(self.files[i].name, name) == 0)
			return self.files[i].fd;
	return -1;
}

int
svc_take_file(const char *name)
{
	int fd = -1;

	for (size_t i = 0; i < self.nfiles; i++)
		if (strcmp(self.files[i].name, name) == 0) {
			fd = self.files[i].fd;
			self.files[i].fd = -1;
		}
	return fd;
}

static void
add_file(struct ipc_in *m)
{
	struct str name = ipc_get_str(m);
	int fd = ipc_take_fd(m);
	size_t i = 0;

	if (ipc_end(m) < 0)
		return;
	while (i < self.nfiles && !str_eq_z(name, self.files[i].name))
		i++;
	if (i == self.nfiles) {
		self.files = mem_grow(self.files, ++self.nfiles, sizeof(*self.files));
		self.files[i].name = mem_dup(name.p, name.n);
	} else if (self.files[i].fd >= 0) {
		close(self.files[i].fd);
	}
	self.files[i].fd = fd;
}

static void
set_log(struct ipc_in *m)
{
	uint32_t format = ipc_get_u32(m), level = ipc_get_u32(m);
	int fd = ipc_take_fd(m);

	if (ipc_end(m) < 0)
		return;
	log_set_format((enum log_format)format);
	log_set_level((enum log_level)level);
	log_set_fd(fd);
	if (self.ready && self.svc->log != NULL)
		self.svc->log((enum log_format)format, (enum log_level)level, fd);
}

static void
set_metrics(struct ipc_in *m)
{
	int fd = ipc_take_fd(m);
	struct err e;

	if (ipc_end(m) == 0 && metrics_attach(fd, &e) < 0)
		log_warn("svc.metrics", LE(&e));
	close(fd);
}

static void
set_events(struct ipc_in *m)
{
	int fd = ipc_take_fd(m);
	struct err e;

	if (ipc_end(m) == 0 && events_attach(fd, &e) < 0)
		log_warn("svc.events", LE(&e));
	log_tap(events_note);
	close(fd);
}

/* ---- life ---- */

static void
give_up(const struct err *e)
{
	/* Master logs why, from the answer: one line, once. */
	ipc_flush(self.control);
	exit(e->code == E_INVAL ? EXIT_CONFIG : EXIT_RESTART);
}

static int
confine(struct err *e)
{
	struct sandbox box = {.calls = self.svc->sandbox | SB_IPC,
	    .paths = self.svc->paths,
	    .n = self.svc->npaths,
	    .required = str_eq(conf_str(self.conf, CONF_SERVER_SANDBOX), STR("required"))};

	return sandbox_enter(&box, e);
}

/* In this order: no byte of a peer is read before the sandbox is closed. */
static int
begin(struct err *e)
{
	if (privilege_drop(&self.identity, self.svc->keep_caps, e) < 0)
		return -1;
	self.started = true;
	pool_hold();
	loop_be_patient(); /* a queue may have to read all of its journal */
	if (self.svc->start != NULL && self.svc->start(e) < 0)
		return -1;
	if (confine(e) < 0 || pool_release(e) < 0)
		return -1;
	self.ready = true;
	attach_early();
	listen_start(self.svc->accept);
	return 0;
}

static int
reload(struct conf *conf, struct err *e)
{
	struct conf *old = self.conf;

	self.conf = conf;
	if (self.svc->reload != NULL && self.svc->reload(e) < 0) {
		self.conf = old;
		conf_free(&conf);
		return -1;
	}
	conf_free(&old);
	return 0;
}

static void
configure(struct ipc_in *m)
{
	uint32_t n = ipc_get_list(m);
	struct str *keys = mem_array(n, sizeof(*keys));
	struct conf *conf = NULL;
	struct err e = {0};
	int rc = -1;

	for (uint32_t i = 0; i < n; i++)
		keys[i] = ipc_get_item(m);
	if (ipc_end(m) < 0)
		goto out;
	conf = conf_unpack(keys, n, &e);
	if (conf != NULL && self.conf != NULL) {
		rc = reload(conf, &e);
	} else if (conf != NULL) {
		self.conf = conf;
		rc = begin(&e);
	}
	if (rc == 0) {
		ipc_reply_ok(self.control, m->id, MSG_CONFIG_R);
	} else {
		ipc_reply_error(self.control, m->id, &e);
		if (!self.ready)
			give_up(&e);
	}
out:
	free(keys);
}

static void
on_last_words(void *arg)
{
	(void)arg;
	loop_stop();
}

static void
on_deadline(void *arg)
{
	(void)arg;
	log_warn("svc.drain_timeout", LU("pid", getpid()));
	if (self.svc->overdue == NULL) {
		loop_stop();
		return;
	}
	loop_timer_set(loop_timer_new(on_last_words, NULL), LAST_WORDS_MS);
	self.svc->overdue();
}

static void
drain(void *arg)
{
	(void)arg;
	if (self.draining || !self.started) {
		log_flush();
		_exit(0);
	}
	self.draining = true;
	listen_stop();
	self.deadline = loop_timer_new(on_deadline, NULL);
	loop_timer_set(self.deadline, conf_num(self.conf, CONF_SERVER_DRAIN_TIMEOUT));
	if (self.svc->drain != NULL)
		self.svc->drain();
	else
		svc_drained();
}

static void
set_identity(struct ipc_in *m)
{
	self.identity.uid = ipc_get_u32(m);
	self.identity.gid = ipc_get_u32(m);
	if (str_cz(ipc_get_str(m), self.identity.root, sizeof(self.identity.root)) < 0)
		m->bad = true;
	ipc_end(m);
}

static void
control_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	/* Only master's set-up messages come here: lib/ipc checked the direction against the table.
	 */
	if (m->type == MSG_SETUP_IDENTITY)
		set_identity(m);
	else if (m->type == MSG_SETUP_LISTEN)
		listen_add(m);
	else if (m->type == MSG_LISTEN_END)
		listen_end(m);
	else if (m->type == MSG_LOCAL_CONN)
		listen_local(c, m);
	else if (m->type == MSG_SETUP_FILE)
		add_file(m);
	else if (m->type == MSG_SETUP_CHANNEL)
		add_channel(m);
	else if (m->type == MSG_SETUP_LOG)
		set_log(m);
	else if (m->type == MSG_SETUP_METRICS)
		set_metrics(m);
	else if (m->type == MSG_SETUP_EVENTS)
		set_events(m);
	else if (m->type == MSG_CONFIG)
		configure(m);
	else if (m->type == MSG_SENDER_TOKEN && self.ready)
		self.svc->message(NULL, c, m);
	else if (m->type == MSG_DRAIN && ipc_end(m) == 0)
		drain(NULL);
	else
		ipc_refuse(m);
}

static void
control_gone(void *arg, struct ipc_chan *c)
{
	(void)arg;
	(void)c;
	log_flush();
	_exit(EXIT_RESTART);
}

static void
ignore_signals(void)
{
	static const int ignored[] = {SIGPIPE, SIGHUP, SIGINT, SIGUSR1, SIGUSR2};
	struct sigaction sa = {.sa_handler = SIG_IGN};

	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		sigaction(ignored[i], &sa, NULL);
}

/* Read before the root directory changes. */
static void
read_boot_id(void)
{
	const char *test = getenv("GKMAIL_TEST_BOOT_ID"); /* tests of lost power say when it was */
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, self.boot_id, sizeof(self.boot_id) - 1);

	self.boot_id[n > 0 ? n : 0] = '\0';
	self.boot_id[strcspn(self.boot_id, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
	if (test != NULL)
		snprintf(self.boot_id, sizeof(self.boot_id), "%s", test);
}

const char *
svc_boot_id(void)
{
	return self.boot_id;
}

static void
say_hello(void)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_HELLO);
	ipc_put_z(&m, build_id());
	ipc_put_z(&m, self.svc->sections);
	ipc_put_z(&m, self.svc->root ? self.svc->root : "");
	ipc_send(self.control, &m);
}

static void
count_slow(uint64_t ms)
{
	(void)ms;
	metric_add(METRIC_LOOP_SLOW, 1);
}

static void
count_lost(void)
{
	metric_add(METRIC_LOG_LOST, 1);
}

int
svc_main(const struct svc *svc, int argc, char **argv)
{
	struct loop_signal *term;
	struct err e;

	(void)argv;
	if (argc > 1 || fcntl(CONTROL_FD, F_GETFD) < 0) {
		fprintf(stderr, "gk-%s %s is started by gk-master, see gk-master(8)\n", svc->name,
		    build_version());
		return 2;
	}
	fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
	self.svc = svc;
	log_init(svc->name, 2, LOG_TEXT, LOG_LEVEL_INFO);
	ignore_signals();
	umask(077);
	read_boot_id();
	if (sodium_init() < 0 || loop_init(&e) < 0)
		return EXIT_RESTART;
	loop_on_slow(count_slow);
	log_on_lost(count_lost);
	self.control =
	    ipc_new(CONTROL_FD, svc->peer, PEER_MASTER, control_message, control_gone, NULL);
	self.channels[__builtin_ctz(PEER_MASTER)] = self.control;
	term = loop_signal_new(SIGTERM, drain, NULL);
	say_hello();
	loop_run();
	loop_signal_free(&term);
	log_flush();
	return 0;
}
