/*
 * webload.c - a load generator for the web: so many connections at one time, so many requests in
 * all, each connection waiting for its answer before it asks again. TLS, HTTP/1.1 or WebSocket (RFC
 * 6455); speaks to any server; prints one line of JSON.
 *
 *	webload -p PORT -s CONNECTIONS -m REQUESTS [-g PATH | -a FILE [-w]] [-e TEXT] [-r RATE] [-1]
 *
 * -g: GET of a path. -a: a file with a line for each user, a token, a tab and a request; connection
 * n is the user's of line n, around. The requests go to /jmap/api, or with -w as messages of a
 * WebSocket on /jmap/ws. -e: what every answer has to hold. -r: requests a second in all, sent when
 * they are due and timed from then on. -1: a new connection for each request.
 *
 * When all connections are open and each has had an answer, it says "ready" and waits for a line on
 * standard input; then the time is taken. The connections are closed at the input's end: so the CPU
 * of who serves them can be read right before and after.
 *
 * A thread per connection with blocking sockets, as load.c.
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"

#define IN_MAX    (1u << 20) /* octets of an answer, its head included */
#define USERS_MAX 4096u
#define STACK     (256u << 10)

static struct {
	uint16_t port;
	uint64_t sessions, requests, rate, began;
	const char *path, *file, *expect;
	bool websocket, each_new;
	SSL_CTX *ctx;
	struct user {
		struct str token, request;
	} users[USERS_MAX];
	size_t nusers;
	pthread_barrier_t phase;
	_Atomic uint64_t next, failed, octets;
	uint32_t *us; /* from the request to the end of its answer */
} load;

struct session {
	int fd;
	SSL *ssl;
	char *out; /* one request, as it goes over the wire */
	size_t out_n;
	char *in;
	size_t n, at; /* have been read; have been dealt with */
};

static void
die(const char *what)
{
	fprintf(stderr, "webload: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- octets ---- */

static int
put(struct session *s, const char *p, size_t n)
{
	return SSL_write(s->ssl, p, (int)n) == (int)n ? 0 : -1;
}

/* So many that have not been dealt with. */
static int
want(struct session *s, size_t n)
{
	while (s->n - s->at < n) {
		int got = s->n < IN_MAX ? SSL_read(s->ssl, s->in + s->n, (int)(IN_MAX - s->n)) : 0;

		if (got <= 0)
			return -1;
		s->n += (size_t)got;
	}
	return 0;
}

/* A line without its end, or of no octets at the end of a head. */
static int
line(struct session *s, struct str *out)
{
	for (;;) {
		char *p = s->in + s->at, *end = memchr(p, '\n', s->n - s->at);

		if (end != NULL) {
			*out = str_trim(str_of(p, (size_t)(end - p)));
			s->at += (size_t)(end - p) + 1;
			return 0;
		}
		if (want(s, s->n - s->at + 1) < 0)
			return -1;
	}
}

static int
skip(struct session *s, size_t n)
{
	if (want(s, n) < 0)
		return -1;
	s->at += n;
	return 0;
}

/* ---- HTTP ---- */

/* RFC 9112 7.1 */
static int
chunks(struct session *s)
{
	struct str size;

	do {
		if (line(s, &size) < 0 || skip(s, strtoull(size.p, NULL, 16) + 2) < 0)
			return -1;
	} while (size.n > 0 && size.p[0] != '0');
	return 0;
}

/* Reads a whole response; its status, or -1. */
static int
response(struct session *s)
{
	size_t length = 0;
	bool chunked = false;
	struct str l, name;
	int status;

	if (line(s, &l) < 0 || l.n < 12 || !str_starts(l, STR("HTTP/1.1 ")))
		return -1;
	status = (int)strtol(l.p + 9, NULL, 10);
	while (line(s, &l) == 0 && l.n > 0) {
		if (!str_cut(&l, ':', &name))
			return -1;
		if (str_ieq_z(name, "content-length"))
			length = strtoull(l.p, NULL, 10);
		else if (str_ieq_z(name, "transfer-encoding"))
			chunked = true;
	}
	if (status == 101)
		return status;
	if ((chunked ? chunks(s) : skip(s, length)) < 0)
		return -1;
	return status;
}

/* ---- WebSocket ---- */

/* RFC 6455 5.2: a client's frame. A mask of zeros is one, and costs the generator nothing. */
static size_t
frame(char *to, struct str s)
{
	size_t n = 2;

	to[0] = (char)0x81;
	if (s.n < 126) {
		to[1] = (char)(0x80 | s.n);
	} else {
		to[1] = (char)(0x80 | 126);
		to[n++] = (char)(s.n >> 8);
		to[n++] = (char)s.n;
	}
	memset(to + n, 0, 4);
	memcpy(to + n + 4, s.p, s.n);
	return n + 4 + s.n;
}

/* Reads a whole message, of however many frames. */
static int
message(struct session *s)
{
	unsigned first;

	do {
		uint64_t n;
		size_t more;

		if (want(s, 2) < 0)
			return -1;
		first = (unsigned char)s->in[s->at];
		n = s->in[s->at + 1] & 0x7f;
		more = n == 126 ? 2 : n == 127 ? 8 : 0;
		if (skip(s, 2) < 0 || want(s, more) < 0)
			return -1;
		if (more > 0)
			n = 0;
		for (size_t i = 0; i < more; i++)
			n = n << 8 | (unsigned char)s->in[s->at + i];
		if (skip(s, more + n) < 0 || (first & 0x0f) == 8)
			return -1;
		/* A run is too short for more than one ping, which may go without an answer. */
	} while (first != 0x81 && first != 0x80);
	return 0;
}

/* ---- a connection ---- */

static int
connect_session(struct session *s)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_port = htons(load.port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;

	s->n = s->at = 0;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -1;
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	s->ssl = SSL_new(load.ctx);
	SSL_set_fd(s->ssl, s->fd);
	return SSL_connect(s->ssl) == 1 ? 0 : -1;
}

static void
close_session(struct session *s)
{
	SSL_free(s->ssl);
	close(s->fd);
	s->ssl = NULL;
	s->fd = -1;
}

static int
upgrade(struct session *s, const struct user *u)
{
	char head[1024];
	int n = snprintf(head, sizeof(head),
	    "GET /jmap/ws HTTP/1.1\r\nHost: localhost:%u\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: jmap\r\n"
	    "Authorization: Bearer %.*s\r\n\r\n",
	    load.port, (int)u->token.n, u->token.p);

	return put(s, head, (size_t)n) < 0 || response(s) != 101 ? -1 : 0;
}

static void
make_request(struct session *s, const struct user *u)
{
	s->out = mem_alloc(1024 + u->request.n);
	if (load.websocket)
		s->out_n = frame(s->out, u->request);
	else if (load.path != NULL)
		s->out_n = (size_t)snprintf(s->out, 1024,
		    "GET %s HTTP/1.1\r\nHost: localhost:%u\r\n\r\n", load.path, load.port);
	else
		s->out_n = (size_t)snprintf(s->out, 1024 + u->request.n,
		    "POST /jmap/api HTTP/1.1\r\nHost: localhost:%u\r\n"
		    "Content-Type: application/json\r\n"
		    "Authorization: Bearer %.*s\r\nContent-Length: %zu\r\n\r\n%.*s",
		    load.port, (int)u->token.n, u->token.p, u->request.n, (int)u->request.n,
		    u->request.p);
}

static int
ask(struct session *s)
{
	s->n = s->at = 0;
	if (put(s, s->out, s->out_n) < 0 || (load.websocket ? message(s) < 0 : response(s) != 200))
		return -1;
	atomic_fetch_add(&load.octets, s->at);
	return load.expect == NULL || memmem(s->in, s->n, load.expect, strlen(load.expect)) != NULL
		   ? 0
		   : -1;
}

static int
ask_once(struct session *s)
{
	int done = connect_session(s) < 0 || ask(s) < 0 ? -1 : 0;

	close_session(s);
	return done;
}

static void
fail(const struct session *s, const char *what)
{
	atomic_fetch_add(&load.failed, 1);
	fprintf(stderr, "webload: %s: ", what);
	fwrite(s->in, 1, num_min(s->n, 500u), stderr);
	fputc('\n', stderr);
}

/* When request number is due: a server that falls behind is not spared the rest. */
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
	const struct user *u = arg;
	struct session s = {.fd = -1, .in = mem_alloc(IN_MAX)};
	uint64_t number, began;
	bool ok;

	make_request(&s, u);
	ok = load.each_new ||
	     (connect_session(&s) == 0 && (!load.websocket || upgrade(&s, u) == 0) && ask(&s) == 0);
	if (!ok)
		fail(&s, "no connection");
	pthread_barrier_wait(&load.phase); /* all are there */
	pthread_barrier_wait(&load.phase); /* the clock runs */
	while (ok && (number = atomic_fetch_add(&load.next, 1)) < load.requests) {
		began = wait_until_due(number);
		ok = (load.each_new ? ask_once(&s) : ask(&s)) == 0;
		if (!ok)
			fail(&s, "not answered");
		load.us[number] = (uint32_t)(clock_us() - began);
	}
	pthread_barrier_wait(&load.phase); /* all is answered */
	pthread_barrier_wait(&load.phase); /* and has been told */
	if (s.ssl != NULL)
		close_session(&s);
	free(s.in);
	free(s.out);
	return NULL;
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
		str_cut(&one, '\t', &u->token);
		u->request = one;
		if (one.n == 0 || one.n > UINT16_MAX)
			die("a user without a request");
	}
}

static void
arguments(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "1wp:s:m:g:a:e:r:")) != -1) {
		switch (c) {
		case '1':
			load.each_new = true;
			break;
		case 'w':
			load.websocket = true;
			break;
		case 'p':
			load.port = (uint16_t)number(optarg);
			break;
		case 's':
			load.sessions = number(optarg);
			break;
		case 'm':
			load.requests = number(optarg);
			break;
		case 'g':
			load.path = optarg;
			break;
		case 'a':
			load.file = optarg;
			break;
		case 'e':
			load.expect = optarg;
			break;
		case 'r':
			load.rate = number(optarg);
			break;
		default:
			exit(2);
		}
	}
	if (load.port == 0 || load.sessions == 0 || load.requests == 0 ||
	    (load.path == NULL) == (load.file == NULL) ||
	    (load.websocket && (load.file == NULL || load.each_new)))
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
	qsort(load.us, load.requests, sizeof(*load.us), by_size);
	printf("{\"requests\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"seconds\":%.3f,\"rate\":%.0f,"
	       "\"octets_each\":%.0f,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,"
	       "\"load_cpu_seconds\":%.2f}\n",
	    load.requests, (uint64_t)load.failed, (double)took / 1e6,
	    (double)load.requests * 1e6 / (double)took, (double)load.octets / (double)load.requests,
	    load.us[load.requests / 2], load.us[load.requests * 99 / 100],
	    load.us[load.requests - 1], used);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	pthread_t *threads;
	pthread_attr_t attr;
	double used;
	char in[64];

	arguments(argc, argv);
	if (load.file != NULL)
		read_users();
	else
		load.nusers = 1;
	if ((load.ctx = SSL_CTX_new(TLS_client_method())) == NULL)
		die("TLS");
	SSL_CTX_set_read_ahead(load.ctx, 1);
	load.us = mem_array(load.requests, sizeof(*load.us));
	threads = mem_array(load.sessions, sizeof(*threads));
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_barrier_init(&load.phase, NULL, (unsigned)load.sessions + 1);
	for (size_t i = 0; i < load.sessions; i++)
		if (pthread_create(&threads[i], &attr, run, &load.users[i % load.nusers]) != 0)
			die("thread");
	pthread_barrier_wait(&load.phase);
	printf("ready\n");
	fflush(stdout);
	if (fgets(in, sizeof(in), stdin) == NULL)
		exit(1);
	load.octets = 0;
	used = cpu();
	load.began = clock_us();
	pthread_barrier_wait(&load.phase);
	pthread_barrier_wait(&load.phase);
	tell(clock_us() - load.began, cpu() - used);
	while (fgets(in, sizeof(in), stdin) != NULL)
		;
	pthread_barrier_wait(&load.phase);
	for (size_t i = 0; i < load.sessions; i++)
		pthread_join(threads[i], NULL);
	return load.failed != 0;
}
