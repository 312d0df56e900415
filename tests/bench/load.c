/*
 * load.c - a load generator: so many sessions at one time, so many messages in all, each waiting
 * for every reply as an ordinary client does. Speaks to any server; prints one line of JSON.
 *
 *	load -p PORT -s SESSIONS -m MESSAGES -l OCTETS -f FROM -t TO[,TO…]|@FILE
 *	     [-b FILE] [-T starttls|tls] [-u USER -w PASSWORD] [-1] [-r RATE]
 *	load -i -p PORT -s SESSIONS -m LOGINS -T tls -u USER -w PASSWORD
 *
 * -b: the message, as it goes over the wire, in place of one of OCTETS. -1: a new connection (and
 * login) for each message. -r: messages a second in all, sent when they are due and timed from then
 * on. -i: IMAP logins and logouts instead of messages.
 *
 * A thread per session with blocking sockets: at the session counts measured here its own cost is
 * small and shown.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"

#define RECIPIENTS_MAX 16384u

enum tls_mode {
	TLS_NONE,
	TLS_STARTTLS,
	TLS_FIRST
};

static struct {
	uint16_t port;
	uint64_t sessions, messages, octets;
	const char *from, *user, *password, *file;
	struct str to[RECIPIENTS_MAX];
	size_t nto;
	bool each_new, imap;
	uint64_t rate, began;
	enum tls_mode tls;
	SSL_CTX *ctx;
	char *body;
	size_t body_n;
	_Atomic uint64_t next, failed;
	uint32_t *us; /* latency of each message, MAIL to 250 */
} load;

struct session {
	int fd;
	SSL *ssl;
	char in[8192];
	size_t n;
};

static void
die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static ssize_t
get(struct session *s, void *p, size_t n)
{
	return s->ssl ? SSL_read(s->ssl, p, (int)n) : recv(s->fd, p, n, 0);
}

static int
put(struct session *s, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done =
		    s->ssl ? SSL_write(s->ssl, p, (int)n) : send(s->fd, p, n, MSG_NOSIGNAL);

		if (done <= 0)
			return -1;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

/* Reads one whole reply; its code, or -1. */
static int
reply(struct session *s)
{
	s->n = 0;
	for (;;) {
		ssize_t got = get(s, s->in + s->n, sizeof(s->in) - 1 - s->n);
		char *last;

		if (got <= 0)
			return -1;
		s->n += (size_t)got;
		s->in[s->n] = '\0';
		if (s->n < 5 || s->in[s->n - 1] != '\n')
			continue;
		last = memrchr(s->in, '\n', s->n - 1);
		last = last ? last + 1 : s->in;
		if (last[3] == ' ')
			return (last[0] - '0') * 100 + (last[1] - '0') * 10 + (last[2] - '0');
	}
}

static int
say(struct session *s, const char *fmt, const char *arg, size_t n)
{
	char line[2048];
	int len = snprintf(line, sizeof(line), fmt, (int)n, arg);

	return put(s, line, (size_t)len) < 0 ? -1 : reply(s);
}

static int
secure(struct session *s)
{
	s->ssl = SSL_new(load.ctx);
	SSL_set_fd(s->ssl, s->fd);
	return SSL_connect(s->ssl) == 1 ? 0 : -1;
}

static int
login(struct session *s)
{
	char plain[512], text[1024];
	size_t user = strlen(load.user), password = strlen(load.password);

	plain[0] = '\0';
	memcpy(plain + 1, load.user, user + 1);
	memcpy(plain + 2 + user, load.password, password);
	sodium_bin2base64(text, sizeof(text), (unsigned char *)plain, 2 + user + password,
	    sodium_base64_VARIANT_ORIGINAL);
	return say(s, "AUTH PLAIN %.*s\r\n", text, strlen(text)) == 235 ? 0 : -1;
}

static int
connect_session(struct session *s)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_port = htons(load.port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;

	s->ssl = NULL;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -1;
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return load.tls == TLS_FIRST ? secure(s) : 0;
}

static int
open_session(struct session *s)
{
	if (connect_session(s) < 0)
		return -1;
	if (reply(s) != 220 || say(s, "EHLO %.*s\r\n", "load.test", 9) != 250)
		return -1;
	if (load.tls == TLS_STARTTLS &&
	    (say(s, "STARTTLS%.*s\r\n", "", 0) != 220 || secure(s) < 0 ||
		say(s, "EHLO %.*s\r\n", "load.test", 9) != 250))
		return -1;
	return load.user != NULL ? login(s) : 0;
}

static int
send_one(struct session *s, uint64_t number)
{
	struct str to = load.to[number % load.nto];

	if (say(s, "MAIL FROM:<%.*s>\r\n", load.from, strlen(load.from)) != 250 ||
	    say(s, "RCPT TO:<%.*s>\r\n", to.p, to.n) != 250 || say(s, "DATA%.*s\r\n", "", 0) != 354)
		return -1;
	return put(s, load.body, load.body_n) < 0 || reply(s) != 250 ? -1 : 0;
}

static void
close_session(struct session *s)
{
	say(s, "QUIT%.*s\r\n", "", 0);
	if (s->ssl != NULL)
		SSL_free(s->ssl);
	close(s->fd);
}

/* When message number is due; paced loads are timed from then, so that a server that falls behind
 * is not spared the rest. */
static uint64_t
wait_until_due(uint64_t number)
{
	uint64_t now = clock_us(),
		 due = load.began + number * 1000000 / (load.rate ? load.rate : 1);

	if (load.rate == 0)
		return now;
	if (due > now)
		usleep((useconds_t)(due - now));
	return due;
}

static int
run_message(struct session *s, uint64_t number)
{
	if (!load.each_new)
		return send_one(s, number);
	if (open_session(s) < 0 || send_one(s, number) < 0)
		return -1;
	close_session(s);
	return 0;
}

static void *
run(void *arg)
{
	struct session *s = mem_alloc(sizeof(*s));
	uint64_t number, began;

	(void)arg;
	if (!load.each_new && open_session(s) < 0) {
		atomic_fetch_add(&load.failed, 1);
		fprintf(stderr, "load: no session: %.*s\n", (int)s->n, s->in);
		return NULL;
	}
	while ((number = atomic_fetch_add(&load.next, 1)) < load.messages) {
		began = wait_until_due(number);
		if (run_message(s, number) < 0) {
			atomic_fetch_add(&load.failed, 1);
			fprintf(stderr, "load: message refused: %.*s\n", (int)s->n, s->in);
			break;
		}
		load.us[number] = (uint32_t)(clock_us() - began);
	}
	if (!load.each_new)
		close_session(s);
	free(s);
	return NULL;
}

/* ---- IMAP logins ---- */

/* A line that begins with prefix; others before it are passed over. */
static int
await_line(struct session *s, const char *prefix)
{
	for (;;) {
		ssize_t got = get(s, s->in + s->n, sizeof(s->in) - 1 - s->n);
		char *line = s->in;

		if (got <= 0)
			return -1;
		s->n += (size_t)got;
		s->in[s->n] = '\0';
		for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
			if (strncmp(line, prefix, strlen(prefix)) == 0)
				return 0;
	}
}

static int
say_line(struct session *s, const char *line, const char *prefix)
{
	s->n = 0;
	return put(s, line, strlen(line)) < 0 ? -1 : await_line(s, prefix);
}

static int
log_in_once(struct session *s)
{
	char line[1024];

	if (connect_session(s) < 0)
		return -1;
	snprintf(line, sizeof(line), "a LOGIN %s %s\r\n", load.user, load.password);
	s->n = 0;
	if (await_line(s, "* OK") < 0 || say_line(s, line, "a OK") < 0 ||
	    say_line(s, "b LOGOUT\r\n", "b OK") < 0)
		return -1;
	SSL_free(s->ssl);
	close(s->fd);
	return 0;
}

static void *
run_logins(void *arg)
{
	struct session *s = mem_alloc(sizeof(*s));
	uint64_t number, began;

	(void)arg;
	while ((number = atomic_fetch_add(&load.next, 1)) < load.messages) {
		began = clock_us();
		if (log_in_once(s) < 0) {
			atomic_fetch_add(&load.failed, 1);
			fprintf(stderr, "load: login refused: %.*s\n", (int)s->n, s->in);
			break;
		}
		load.us[number] = (uint32_t)(clock_us() - began);
	}
	free(s);
	return NULL;
}

static char *
read_file(const char *name, size_t *n)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(name);
	p = mem_alloc((size_t)st.st_size + 8);
	if (read(fd, p, (size_t)st.st_size) != st.st_size)
		die(name);
	close(fd);
	*n = (size_t)st.st_size;
	return p;
}

/* A message of the wanted size with lines of 72, as mail has them. */
static void
make_body(void)
{
	char *p = mem_alloc(load.octets + 512);
	int n = snprintf(p, 512,
	    "From: <%s>\r\nTo: undisclosed-recipients:;\r\nSubject: load\r\n"
	    "Date: Sat, 31 Jan 2026 12:00:00 +0000\r\nMessage-ID: <load@load.test>\r\n\r\n",
	    load.from);
	size_t at = (size_t)n;

	while (at + 74 < load.octets) {
		memset(p + at, 'a' + (int)(at % 26), 72);
		memcpy(p + at + 72, "\r\n", 2);
		at += 74;
	}
	memcpy(p + at, ".\r\n", 3);
	load.body = p;
	load.body_n = at + 3;
}

static void
take_body(void)
{
	load.body = read_file(load.file, &load.body_n);
	memcpy(load.body + load.body_n, ".\r\n", 3);
	load.body_n += 3;
}

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t
number(const char *z)
{
	uint64_t v;

	if (num_parse(str_z(z), 1, 1u << 30, &v) < 0)
		die(z);
	return v;
}

/* A list with commas, or a file with an address a line. */
static void
recipients(const char *arg)
{
	struct str list = str_z(arg);
	char sep = ',';

	if (arg[0] == '@') {
		size_t n;
		char *text = read_file(arg + 1, &n);

		list = str_trim(str_of(text, n));
		sep = '\n';
	}
	while (list.n > 0 && load.nto < RECIPIENTS_MAX)
		str_cut(&list, sep, &load.to[load.nto++]);
}

static void
arguments(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "1ib:p:r:s:m:l:f:t:T:u:w:")) != -1) {
		switch (c) {
		case 'b':
			load.file = optarg;
			break;
		case 'p':
			load.port = (uint16_t)number(optarg);
			break;
		case 's':
			load.sessions = number(optarg);
			break;
		case 'm':
			load.messages = number(optarg);
			break;
		case 'l':
			load.octets = number(optarg);
			break;
		case 'f':
			load.from = optarg;
			break;
		case 't':
			recipients(optarg);
			break;
		case '1':
			load.each_new = true;
			break;
		case 'i':
			load.imap = true;
			break;
		case 'r':
			load.rate = number(optarg);
			break;
		case 'T':
			load.tls = strcmp(optarg, "tls") == 0 ? TLS_FIRST : TLS_STARTTLS;
			break;
		case 'u':
			load.user = optarg;
			break;
		case 'w':
			load.password = optarg;
			break;
		default:
			exit(2);
		}
	}
	if (load.port == 0 || load.sessions == 0 || load.messages == 0 ||
	    (load.user != NULL && load.password == NULL))
		exit(2);
	if (load.imap ? load.user == NULL || load.tls != TLS_FIRST
		      : load.from == NULL || load.nto == 0)
		exit(2);
}

int
main(int argc, char **argv)
{
	pthread_t *threads;
	struct rusage use;
	uint64_t began, took;
	double cpu;

	arguments(argc, argv);
	if (load.file)
		take_body();
	else if (!load.imap)
		make_body();
	if (load.tls != TLS_NONE && (load.ctx = SSL_CTX_new(TLS_client_method())) == NULL)
		die("TLS");
	load.us = mem_array(load.messages, sizeof(*load.us));
	threads = mem_array(load.sessions, sizeof(*threads));
	load.began = began = clock_us();
	for (size_t i = 0; i < load.sessions; i++)
		if (pthread_create(&threads[i], NULL, load.imap ? run_logins : run, NULL) != 0)
			die("thread");
	for (size_t i = 0; i < load.sessions; i++)
		pthread_join(threads[i], NULL);
	took = clock_us() - began;
	getrusage(RUSAGE_SELF, &use);
	cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	      (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
	qsort(load.us, load.messages, sizeof(*load.us), by_size);
	printf("{\"messages\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"seconds\":%.3f,\"rate\":%.0f,"
	       "\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,\"load_cpu_seconds\":%.2f}\n",
	    load.messages, (uint64_t)load.failed, (double)took / 1e6,
	    (double)load.messages * 1e6 / (double)took, load.us[load.messages / 2],
	    load.us[load.messages * 99 / 100], load.us[load.messages - 1], cpu);
	return load.failed != 0;
}
