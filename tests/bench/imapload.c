/*
 * imapload.c - IMAP clients at work and in IDLE: so many connections that ask, each waiting for its
 * answer before it asks again, and so many more that only hold IDLE, as telephones do. TLS; prints
 * one line of JSON.
 *
 *	imapload -p PORT -a FILE [-s SESSIONS -m COMMANDS [-r RATE]] [-k HELD]
 *
 * -a: a file with a line for each user, a name, a tab and a password. Connections that ask are one
 * of each line, around; those that are held of one line stand together. Each has INBOX selected.
 * Those that ask take in turns: NOOP, the newest message's flags and envelope, its octets, \Seen
 * set, and IDLE begun and ended. -r: commands a second in all, sent when they are due and timed
 *from then on.
 *
 * When all connections are there it says "ready" and waits for a line on standard input; then the
 * commands go, and it tells of them, and of how many EXISTS the held connections have seen. They
 * are closed at the input's end.
 *
 * A thread per connection that asks, one with epoll for all that are held.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"

#define IN_MAX    (1u << 20) /* octets of an answer */
#define USERS_MAX 16384u
#define OPENERS   4u
#define EVENTS    256
#define STACK     (256u << 10)

static struct {
	uint16_t port;
	uint64_t sessions, commands, rate, began, held;
	const char *file;
	SSL_CTX *ctx;
	struct user {
		struct str name, password;
	} users[USERS_MAX];
	size_t nusers;
	struct session *parked;
	pthread_barrier_t phase;
	_Atomic uint64_t next, opened, failed, exists;
	_Atomic bool over;
	uint32_t *us; /* from the command to its tagged answer */
} load;

struct session {
	int fd;
	SSL *ssl;
	char *in;
	size_t n;
};

static void
die(const char *what)
{
	fprintf(stderr, "imapload: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- a connection ---- */

static int
put(struct session *s, const char *p)
{
	int n = (int)strlen(p);

	return SSL_write(s->ssl, p, n) == n ? 0 : -1;
}

/* Reads to a line that begins with prefix, which is the last of its answer. */
static int
until(struct session *s, const char *prefix)
{
	size_t want = strlen(prefix);

	s->n = 0;
	for (;;) {
		int got = s->n < IN_MAX ? SSL_read(s->ssl, s->in + s->n, (int)(IN_MAX - s->n)) : 0;
		const char *line;

		if (got <= 0)
			return -1;
		s->n += (size_t)got;
		if (s->n < 2 || s->in[s->n - 1] != '\n')
			continue;
		line = memrchr(s->in, '\n', s->n - 1);
		line = line != NULL ? line + 1 : s->in;
		if ((size_t)(s->in + s->n - line) > want && memcmp(line, prefix, want) == 0)
			return 0;
	}
}

static int
ask(struct session *s, const char *line, const char *prefix)
{
	return put(s, line) < 0 ? -1 : until(s, prefix);
}

static int
connect_session(struct session *s, const struct user *u)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_port = htons(load.port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char line[1024];
	int one = 1;

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -1;
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	s->ssl = SSL_new(load.ctx);
	SSL_set_fd(s->ssl, s->fd);
	snprintf(line, sizeof(line), "a LOGIN %.*s %.*s\r\n", (int)u->name.n, u->name.p,
	    (int)u->password.n, u->password.p);
	if (SSL_connect(s->ssl) != 1 || until(s, "* OK") < 0 || ask(s, line, "a OK") < 0)
		return -1;
	return ask(s, "a SELECT INBOX\r\n", "a OK");
}

static void
close_session(struct session *s)
{
	SSL_free(s->ssl);
	close(s->fd);
}

static void
fail(const struct session *s, const char *what)
{
	atomic_fetch_add(&load.failed, 1);
	fprintf(stderr, "imapload: %s: ", what);
	fwrite(s->in, 1, num_min(s->n, 500u), stderr);
	fputc('\n', stderr);
}

/* ---- those that ask ---- */

static int
command(struct session *s, uint64_t number)
{
	switch (number % 5) {
	case 0:
		return ask(s, "a NOOP\r\n", "a OK");
	case 1:
		return ask(s, "a FETCH * (UID FLAGS ENVELOPE)\r\n", "a OK");
	case 2:
		return ask(s, "a FETCH * (UID BODY.PEEK[])\r\n", "a OK");
	case 3:
		return ask(s, "a STORE * +FLAGS (\\Seen)\r\n", "a OK");
	default:
		/* EXISTS may come behind the continuation. */
		return put(s, "a IDLE\r\n") < 0 || until(s, "") < 0 ? -1
								    : ask(s, "DONE\r\n", "a OK");
	}
}

/* When command number is due: a server that falls behind is not spared the rest. */
static uint64_t
wait_until_due(uint64_t number)
{
	uint64_t now = clock_us(), due;

	if (load.rate == 0)
		return now;
	due = load.began + number * 1000000 / load.rate;
	if (due > now)
		usleep((useconds_t)(due - now));
	return due;
}

static void *
run(void *arg)
{
	struct session s = {.in = mem_alloc(IN_MAX)};
	uint64_t number, began;
	bool ok = connect_session(&s, arg) == 0;

	if (!ok)
		fail(&s, "no connection");
	pthread_barrier_wait(&load.phase); /* all are there */
	pthread_barrier_wait(&load.phase); /* the clock runs */
	for (uint64_t turn = 0; ok && (number = atomic_fetch_add(&load.next, 1)) < load.commands;
	     turn++) {
		began = wait_until_due(number);
		ok = command(&s, turn) == 0;
		if (!ok)
			fail(&s, "not answered");
		load.us[number] = (uint32_t)(clock_us() - began);
	}
	pthread_barrier_wait(&load.phase); /* all is answered */
	pthread_barrier_wait(&load.phase); /* and has been told */
	if (s.ssl != NULL)
		close_session(&s);
	free(s.in);
	return NULL;
}

/* ---- those that are held ---- */

/* Some open in turns, with one buffer: what an idle connection is told is short. */
static void *
open_parked(void *arg)
{
	char *in = mem_alloc(IN_MAX);
	uint64_t i;

	(void)arg;
	while ((i = atomic_fetch_add(&load.opened, 1)) < load.held) {
		struct session *s = &load.parked[i];

		s->in = in;
		if (connect_session(s, &load.users[i * load.nusers / load.held]) < 0 ||
		    put(s, "a IDLE\r\n") < 0 || until(s, "") < 0)
			fail(s, "not held");
		else
			fcntl(s->fd, F_SETFL, O_NONBLOCK);
		s->in = NULL;
	}
	free(in);
	return NULL;
}

static void
count_exists(struct session *s)
{
	char in[4096];
	int got;

	while ((got = SSL_read(s->ssl, in, sizeof(in))) > 0)
		for (char *p = in; (p = memmem(p, (size_t)(in + got - p), " EXISTS\r", 8)) != NULL;
		     p += 8)
			atomic_fetch_add(&load.exists, 1);
	if (SSL_get_error(s->ssl, got) != SSL_ERROR_WANT_READ) {
		atomic_fetch_add(&load.failed, 1);
		fprintf(stderr, "imapload: a held connection ended\n");
		close(s->fd);
	}
}

static void *
watch_parked(void *arg)
{
	int set = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event seen[EVENTS];

	(void)arg;
	for (uint64_t i = 0; i < load.held; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = &load.parked[i]};

		if (epoll_ctl(set, EPOLL_CTL_ADD, load.parked[i].fd, &e) < 0)
			die("epoll");
	}
	while (!load.over) {
		int n = epoll_wait(set, seen, EVENTS, 200);

		for (int i = 0; i < n; i++)
			count_exists(seen[i].data.ptr);
	}
	close(set);
	return NULL;
}

static pthread_t
hold(void)
{
	pthread_t opener[OPENERS], watch;

	load.parked = mem_array(load.held ? load.held : 1, sizeof(*load.parked));
	for (size_t i = 0; i < OPENERS; i++)
		if (pthread_create(&opener[i], NULL, open_parked, NULL) != 0)
			die("thread");
	for (size_t i = 0; i < OPENERS; i++)
		pthread_join(opener[i], NULL);
	if (load.failed > 0)
		exit(1);
	if (pthread_create(&watch, NULL, watch_parked, NULL) != 0)
		die("thread");
	return watch;
}

/* ---- the whole ---- */

static uint64_t
number(const char *z)
{
	uint64_t v;

	if (num_parse(str_z(z), 1, 1u << 30, &v) < 0)
		die(z);
	return v;
}

static void
read_users(void)
{
	int fd = open(load.file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	struct str all, one;
	char *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(load.file);
	p = mem_alloc((size_t)st.st_size + 1);
	if (read(fd, p, (size_t)st.st_size) != st.st_size)
		die(load.file);
	close(fd);
	all = str_trim(str_of(p, (size_t)st.st_size));
	while (all.n > 0 && load.nusers < USERS_MAX) {
		struct user *u = &load.users[load.nusers++];

		str_cut(&all, '\n', &one);
		if (!str_cut(&one, '\t', &u->name) || u->name.n + one.n > 512)
			die("a user without a password");
		u->password = one;
	}
}

static void
arguments(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "p:a:s:m:r:k:")) != -1) {
		switch (c) {
		case 'p':
			load.port = (uint16_t)number(optarg);
			break;
		case 'a':
			load.file = optarg;
			break;
		case 's':
			load.sessions = number(optarg);
			break;
		case 'm':
			load.commands = number(optarg);
			break;
		case 'r':
			load.rate = number(optarg);
			break;
		case 'k':
			load.held = number(optarg);
			break;
		default:
			exit(2);
		}
	}
	if (load.port == 0 || load.file == NULL || (load.sessions == 0) != (load.commands == 0))
		exit(2);
}

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double
cpu(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static void
tell(uint64_t took, double used)
{
	uint64_t n = load.commands;

	qsort(load.us, n, sizeof(*load.us), by_size);
	printf("{\"requests\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"seconds\":%.3f,\"rate\":%.0f,"
	       "\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,\"exists\":%" PRIu64
	       ",\"load_cpu_seconds\":%.2f}\n",
	    n, (uint64_t)load.failed, (double)took / 1e6, (double)n * 1e6 / (double)took,
	    n ? load.us[n / 2] : 0, n ? load.us[n * 99 / 100] : 0, n ? load.us[n - 1] : 0,
	    (uint64_t)load.exists, used);
	fflush(stdout);
}

static void
await_line(void)
{
	char in[64];

	if (fgets(in, sizeof(in), stdin) == NULL)
		exit(1);
}

int
main(int argc, char **argv)
{
	pthread_t *threads, watch;
	pthread_attr_t attr;
	struct rlimit files;
	double used;

	arguments(argc, argv);
	read_users();
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if ((load.ctx = SSL_CTX_new(TLS_client_method())) == NULL)
		die("TLS");
	/* As telephones have it: no buffers while nothing is said. */
	SSL_CTX_set_mode(load.ctx, SSL_MODE_RELEASE_BUFFERS);
	watch = hold();
	load.us = mem_array(load.commands + 1, sizeof(*load.us));
	threads = mem_array(load.sessions + 1, sizeof(*threads));
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_barrier_init(&load.phase, NULL, (unsigned)load.sessions + 1);
	for (size_t i = 0; i < load.sessions; i++)
		if (pthread_create(&threads[i], &attr, run, &load.users[i % load.nusers]) != 0)
			die("thread");
	pthread_barrier_wait(&load.phase);
	printf("ready\n");
	fflush(stdout);
	await_line();
	used = cpu();
	load.began = clock_us();
	pthread_barrier_wait(&load.phase);
	pthread_barrier_wait(&load.phase);
	tell(clock_us() - load.began, cpu() - used);
	while (getchar() != EOF)
		;
	load.over = true;
	pthread_barrier_wait(&load.phase);
	for (size_t i = 0; i < load.sessions; i++)
		pthread_join(threads[i], NULL);
	pthread_join(watch, NULL);
	return load.failed != 0;
}
