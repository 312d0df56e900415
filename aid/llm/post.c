/*
 * post.c - requests to the provider. See post.h.
 *
 * A request asks gk-connect for a connection, then is libcurl's (net/transfers.h), which gets that
 * socket where it would open one (CURLOPT_OPENSOCKETFUNCTION) and so looks no name up.
 *
 * Owner: who started it, until ended(), octets() says no, or post_cancel(). Errors: E_TEMP,
 * E_TIMEOUT for silence, E_LIMIT for too much.
 */
#include "aid/llm/post.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/file.h"
#include "io/loop.h"
#include "io/tls.h"
#include "net/transfers.h"
#include "svc/provider.h"
#include "svc/svc.h"

#define POST_MAGIC  0x504f5354u
#define HEADERS_MAX (64u * 1024)
#define KEY_MAX     4096u
#define CONNECT_MS  15000L /* of TLS: the connection is there */

static struct {
	struct transfers *transfers;
	struct tls_context *trust;
	struct provider provider;
	char key[KEY_MAX + 1];
} self;

struct post {
	unsigned magic;
	struct post_want want;
	char *path, *body;
	uint64_t opening; /* the call to gk-connect */
	int fd;
	CURL *curl;
	struct transfer *transfer;
	struct curl_slist *headers, *to;
	struct loop_timer *silence;
	struct loop_defer fail;
	size_t octets, header_octets;
	bool over, refused; /* too much; octets() wants no more */
	struct err e;
	char error[CURL_ERROR_SIZE];
};

/* ---- configuration ---- */

int
post_init(struct err *e)
{
	return (self.transfers = transfers_new(e)) == NULL ? -1 : 0;
}

static int
read_key(struct err *e)
{
	int fd = svc_take_file("assistant.api_key_file");
	char text[KEY_MAX + 1];
	struct str key;
	size_t n = 0;
	int rc = -1;

	sodium_memzero(self.key, sizeof(self.key));
	if (fd < 0)
		return err_set(e, E_INVAL, "assistant.api_key_file: cannot be read");
	if (file_pread_some(fd, text, KEY_MAX, 0, &n, e) < 0)
		goto out;
	key = str_trim(str_of(text, n));
	/* RFC 9110 5.5: what may stand in a field. */
	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] <= ' ' || key.p[i] == 127)
			key.n = 0;
	if (key.n == 0 || str_cz(key, self.key, sizeof(self.key)) < 0)
		err_set(e, E_INVAL, "assistant.api_key_file: write the key on one line");
	else
		rc = 0;
out:
	sodium_memzero(text, sizeof(text));
	close(fd);
	return rc;
}

int
post_configure(const struct conf *c, struct err *e)
{
	struct tls_context *fresh = NULL;

	if (provider_parse(conf_str(c, CONF_ASSISTANT_URL), &self.provider) < 0)
		return err_set(e, E_INVAL, "assistant.url: write %s", provider_wanted);
	if (conf_str(c, CONF_ASSISTANT_API_KEY_FILE).n > 0 && read_key(e) < 0)
		return -1;
	if (self.provider.tls && (fresh = tls_client_new(svc_file("assistant.ca_file"), e)) == NULL)
		return err_wrap(e, "assistant.ca_file");
	tls_context_free(&self.trust);
	self.trust = fresh;
	return 0;
}

/* ---- its life ---- */

static void
release(struct post *p)
{
	if (p->opening != 0)
		ipc_cancel(svc_channel(PEER_CONNECT), p->opening);
	transfer_cancel(&p->transfer);
	curl_easy_cleanup(p->curl);
	curl_slist_free_all(p->headers);
	curl_slist_free_all(p->to);
	loop_timer_free(&p->silence);
	loop_defer_cancel(&p->fail);
	if (p->fd >= 0)
		close(p->fd);
	free(p->path);
	free(p->body);
	p->magic = 0;
	free(p);
}

static void
end(struct post *p, unsigned status)
{
	struct post_want want = p->want;
	struct err e = p->e;

	release(p);
	want.ended(want.arg, e.code == E_OK ? status : 0, e.code == E_OK ? NULL : &e);
}

static void
on_fail(void *arg)
{
	struct post *p = arg;

	OBJ(p, POST_MAGIC);
	if (p->refused)
		release(p);
	else
		end(p, 0);
}

static void
on_silence(void *arg)
{
	struct post *p = arg;

	OBJ(p, POST_MAGIC);
	err_set(&p->e, E_TIMEOUT, "the provider says nothing");
	end(p, 0);
}

static void
on_done(void *arg, CURLcode code)
{
	struct post *p = arg;
	long status = 0;

	OBJ(p, POST_MAGIC);
	p->transfer = NULL;
	(void)curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &status);
	if (p->refused) {
		release(p);
		return;
	}
	if (p->over)
		err_set(&p->e, E_LIMIT, "the answer is too large");
	else if (code != CURLE_OK)
		err_set(
		    &p->e, E_TEMP, "%s", p->error[0] != '\0' ? p->error : curl_easy_strerror(code));
	end(p, (unsigned)status);
}

/* ---- libcurl ---- */

static curl_socket_t
give_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct post *p = arg;
	int fd = p->fd;

	(void)purpose, (void)address;
	p->fd = -1; /* one request, one connection */
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int
is_connected(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	(void)arg, (void)fd, (void)purpose;
	return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static int
close_socket(void *arg, curl_socket_t fd)
{
	(void)arg;
	return close(fd);
}

static size_t
on_body(char *octets, size_t size, size_t n, void *arg)
{
	struct post *p = arg;
	long status = 0;

	n *= size;
	loop_timer_set(p->silence, p->want.silence_ms);
	(void)curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &status);
	p->octets += n;
	if (p->octets > p->want.max) {
		p->over = true;
		return 0;
	}
	if (status == 200 && !p->want.octets(p->want.arg, str_of(octets, n))) {
		p->refused = true;
		return 0;
	}
	return n;
}

/* libcurl keeps headers: a server must not send them without end. */
static size_t
on_header(char *octets, size_t size, size_t n, void *arg)
{
	struct post *p = arg;

	(void)octets;
	p->header_octets += size * n;
	p->over = p->over || p->header_octets > HEADERS_MAX;
	return p->over ? 0 : size * n;
}

static CURLcode
on_ssl(CURL *curl, void *ssl, void *arg)
{
	(void)curl, (void)arg;
	tls_context_lend(self.trust, ssl);
	return CURLE_OK;
}

static void
add_header(struct post *p, const char *line)
{
	p->headers = curl_slist_append(p->headers, line);
}

static void
add_headers(struct post *p)
{
	char line[KEY_MAX + 32];

	add_header(p, "Content-Type: application/json");
	add_header(p, "Expect:"); /* large bodies wait for no leave */
	if (self.key[0] != '\0') {
		snprintf(line, sizeof(line), "Authorization: Bearer %s", self.key);
		add_header(p, line);
		sodium_memzero(line, sizeof(line));
	}
}

#define SET(option, value) ok = ok && curl_easy_setopt(c, option, value) == CURLE_OK

static bool
set_up(struct post *p)
{
	bool ok = true, v6 = strchr(self.provider.host, ':') != NULL;
	char url[PROVIDER_HOST_SIZE + PROVIDER_PATH_SIZE + 100];
	CURL *c = p->curl;

	snprintf(url, sizeof(url), "%s://%s%s%s:%u%s%s", self.provider.tls ? "https" : "http",
	    v6 ? "[" : "", self.provider.host, v6 ? "]" : "", self.provider.port,
	    self.provider.path, p->path);
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROTOCOLS_STR, self.provider.tls ? "https" : "http");
	SET(CURLOPT_ERRORBUFFER, p->error);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROXY, ""); /* whatever the environment says */
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	SET(CURLOPT_OPENSOCKETFUNCTION, give_socket);
	SET(CURLOPT_OPENSOCKETDATA, p);
	SET(CURLOPT_SOCKOPTFUNCTION, is_connected);
	SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, p);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, p);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_POSTFIELDS, p->body);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)p->want.body.n);
	SET(CURLOPT_HTTPHEADER, p->headers);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
	SET(CURLOPT_CA_CACHE_TIMEOUT, 0L);
	SET(CURLOPT_CAINFO, NULL);
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_SSL_CTX_FUNCTION, on_ssl);
	/* Where the socket leads is not libcurl's to find out. */
	p->to = curl_slist_append(NULL, "::127.0.0.1:9");
	SET(CURLOPT_CONNECT_TO, p->to);
	return ok;
}

static void
opened(void *arg, struct ipc_in *m, const struct err *e)
{
	struct post *p = arg;

	OBJ(p, POST_MAGIC);
	p->opening = 0;
	if (m != NULL) {
		(void)ipc_get_str(m);
		p->fd = ipc_take_fd(m);
		if (ipc_end(m) < 0)
			err_set(&p->e, E_PROTO, "no answer of gk-connect's");
	} else {
		p->e = *e;
	}
	if (p->e.code == E_OK &&
	    ((p->curl = curl_easy_init()) == NULL || !set_up(p) ||
		(p->transfer = transfer_start(self.transfers, p->curl, on_done, p)) == NULL))
		err_set(&p->e, E_INTERNAL, "the request cannot begin");
	if (p->e.code != E_OK)
		loop_defer(&p->fail);
}

struct post *
post_start(const struct post_want *w)
{
	struct post *p = mem_alloc(sizeof(*p));
	struct ipc_out m;

	p->magic = POST_MAGIC;
	p->want = *w;
	p->path = mem_dup(w->path, strlen(w->path));
	p->body = mem_dup(w->body.p, w->body.n);
	p->want.body.p = p->body;
	p->fd = -1;
	p->silence = loop_timer_new(on_silence, p);
	loop_timer_set(p->silence, w->silence_ms);
	loop_defer_init(&p->fail, on_fail, p);
	add_headers(p);
	ipc_begin(&m, MSG_PROVIDER_OPEN);
	p->opening = ipc_call(svc_channel(PEER_CONNECT), &m, opened, p);
	return p;
}

void
post_cancel(struct post **p)
{
	if (*p == NULL)
		return;
	OBJ(*p, POST_MAGIC);
	release(*p);
	*p = NULL;
}
