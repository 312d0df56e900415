/* submit.c - a small SMTP client (RFC 5321, RFC 8314) for the sample mail of a sandbox. */
#include "ctl/submit.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sodium.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/buf.h"
#include "base/mem.h"

#define REPLY_MAX   8192u
#define TIMEOUT_S   30
#define MESSAGE_MAX (1u << 20)

struct talk {
	SSL *ssl;
	char reply[REPLY_MAX];
	size_t n;
	struct err *e;
};

static int
tls_error(struct err *e, const char *what)
{
	char text[160];

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	ERR_clear_error();
	return err_set(e, E_IO, "%s: %s", what, text);
}

static int
say(struct talk *t, struct str s)
{
	if (s.n > 0 && SSL_write(t->ssl, s.p, (int)s.n) != (int)s.n)
		return tls_error(t->e, "the server stopped listening");
	return 0;
}

/* Reads a reply, whose last line has a blank behind its code (RFC 5321 4.2.1), and checks the
 * code's first digit. */
static int
expect(struct talk *t, char digit, const char *what)
{
	size_t start = 0;
	int n;

	t->n = 0;
	for (;;) {
		n = SSL_read(t->ssl, t->reply + t->n, (int)(sizeof(t->reply) - t->n - 1));
		if (n <= 0)
			return tls_error(t->e, what);
		t->n += (size_t)n;
		t->reply[t->n] = '\0';
		for (char *end; (end = strchr(t->reply + start, '\n')) != NULL;) {
			const char *line = t->reply + start;

			start = (size_t)(end + 1 - t->reply);
			if (end - line < 4 || line[3] == '-')
				continue;
			if (line[0] == digit)
				return 0;
			return err_set(
			    t->e, E_PERM, "%s: %.*s", what, (int)strcspn(line, "\r\n"), line);
		}
		if (t->n + 1 >= sizeof(t->reply))
			return err_set(t->e, E_PROTO, "%s: endless reply", what);
	}
}

static int
command(struct talk *t, char digit, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int
command(struct talk *t, char digit, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		return err_set(t->e, E_LIMIT, "a line of SMTP is too long");
	if (say(t, str_of(line, (size_t)n)) < 0)
		return -1;
	line[strcspn(line, " \r")] = '\0'; /* the command's word; never the password */
	return expect(t, digit, line);
}

/* RFC 4616: NUL, user, NUL, password */
static int
authenticate(struct talk *t, const struct submit *s)
{
	unsigned char plain[600];
	char text[900];
	size_t n = s->user.n + s->password.n + 2;
	int rc;

	if (n > sizeof(plain))
		return err_set(t->e, E_LIMIT, "user and password are too long");
	plain[0] = plain[s->user.n + 1] = '\0';
	memcpy(plain + 1, s->user.p, s->user.n);
	memcpy(plain + 2 + s->user.n, s->password.p, s->password.n);
	sodium_bin2base64(text, sizeof(text), plain, n, sodium_base64_VARIANT_ORIGINAL);
	rc = command(t, '2', "AUTH PLAIN %s\r\n", text);
	sodium_memzero(plain, sizeof(plain));
	sodium_memzero(text, sizeof(text));
	return rc;
}

/* CRLF and dot-stuffing (RFC 5321 4.5.2). */
static int
data(struct talk *t, struct str message)
{
	struct str line;
	struct buf b;
	int rc;

	if (command(t, '3', "DATA\r\n") < 0)
		return -1;
	buf_init(&b, MESSAGE_MAX * 2);
	while (str_cut(&message, '\n', &line)) {
		if (line.n > 0 && line.p[0] == '.')
			buf_putc(&b, '.');
		buf_str(&b, line);
		buf_puts(&b, "\r\n");
	}
	buf_puts(&b, ".\r\n");
	rc = b.over ? err_set(t->e, E_LIMIT, "the message is too long") : say(t, buf_view(&b));
	buf_free(&b);
	return rc < 0 ? -1 : expect(t, '2', "end of DATA");
}

static int
dialogue(struct talk *t, const struct submit *s)
{
	if (expect(t, '2', "greeting") < 0 || command(t, '2', "EHLO localhost\r\n") < 0 ||
	    authenticate(t, s) < 0 ||
	    command(t, '2', "MAIL FROM:<" STR_FMT "> BODY=8BITMIME\r\n", STR_ARG(s->user)) < 0)
		return -1;
	for (size_t i = 0; i < s->nto; i++)
		if (command(t, '2', "RCPT TO:<" STR_FMT ">\r\n", STR_ARG(s->to[i])) < 0)
			return -1;
	if (data(t, s->message) < 0)
		return -1;
	return command(t, '2', "QUIT\r\n");
}

static int
dial(unsigned port, struct err *e)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = TIMEOUT_S};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(e, "socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	err_sys(e, "connect to 127.0.0.1:%u", port);
	close(fd);
	return -1;
}

int
submit_message(const struct submit *s, struct err *e)
{
	struct talk *t = mem_alloc(sizeof(*t));
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int fd = -1, rc = -1;

	t->e = e;
	if (ctx == NULL || SSL_CTX_load_verify_locations(ctx, s->ca, NULL) != 1) {
		tls_error(e, s->ca);
		goto out;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if ((fd = dial(s->port, e)) < 0)
		goto out;
	if ((t->ssl = SSL_new(ctx)) == NULL || SSL_set1_host(t->ssl, "localhost") != 1 ||
	    SSL_set_fd(t->ssl, fd) != 1 || SSL_connect(t->ssl) != 1) {
		tls_error(e, "TLS");
		goto out;
	}
	rc = dialogue(t, s);
	SSL_shutdown(t->ssl);
out:
	SSL_free(t->ssl);
	SSL_CTX_free(ctx);
	if (fd >= 0)
		close(fd);
	free(t);
	return rc;
}
