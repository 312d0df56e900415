/*
 * https.c - small texts by HTTPS. See https.h.
 *
 * libcurl says which sockets it waits for and when it wants to be woken; the loop does so
 * (libcurl-multi(3), "multi_socket"). It is told to forget all that a browser would remember.
 *
 * Owner: the one policy. Errors: E_TEMP with what libcurl says, or what is wrong with the answer.
 */
#include "delivery/remote/https.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/tls.h"

#define GET_MAGIC   0x48474554u
#define HEADERS_MAX (32u * 1024)
#define CONNECT_MS  10000L

struct https {
	CURLM *multi;
	struct loop_timer *timer;
	struct tls_context *trust;
	LIST_HEAD(, https_get) fetches;
};

/* A socket of libcurl's. */
struct watch {
	struct https *https;
	int fd;
	struct loop_io *io;
};

struct https_get {
	unsigned magic;
	struct https *https;
	CURL *curl;
	struct curl_slist *resolve, *headers_out;
	struct buf body;
	size_t headers;
	const char *type;
	char error[CURL_ERROR_SIZE];
	https_fn fn;
	void (*answered)(void *arg, unsigned status, const struct err *e); /* of a POST */
	void *arg;
	struct loop_defer fail; /* could not even begin */
	LIST_ENTRY(https_get) link;
};

/* ---- libcurl on the loop ---- */

static void
get_free(struct https_get *g)
{
	loop_defer_cancel(&g->fail);
	LIST_REMOVE(g, link);
	if (g->curl != NULL) {
		curl_multi_remove_handle(g->https->multi, g->curl);
		curl_easy_cleanup(g->curl);
	}
	curl_slist_free_all(g->resolve);
	curl_slist_free_all(g->headers_out);
	buf_free(&g->body);
	g->magic = 0;
	free(g);
}

/* "text/plain; charset=utf-8" is text/plain. */
static bool
has_type(const struct https_get *g)
{
	struct str type, rest;
	char *z = NULL;

	(void)curl_easy_getinfo(g->curl, CURLINFO_CONTENT_TYPE, &z);
	rest = str_z(z);
	(void)str_cut(&rest, ';', &type);
	return str_ieq_z(str_trim(type), g->type);
}

static void
finish(struct https_get *g, CURLcode code)
{
	struct err e = {0};
	long status = 0;

	(void)curl_easy_getinfo(g->curl, CURLINFO_RESPONSE_CODE, &status);
	if (g->body.over)
		err_set(&e, E_TEMP, "the answer is too large");
	else if (code != CURLE_OK)
		err_set(
		    &e, E_TEMP, "%s", g->error[0] != '\0' ? g->error : curl_easy_strerror(code));
	else if (g->answered == NULL && status != 200)
		err_set(&e, E_TEMP, "HTTP status %ld", status);
	else if (g->answered == NULL && !has_type(g))
		err_set(&e, E_TEMP, "the answer is not %s", g->type);
	if (g->answered != NULL)
		g->answered(
		    g->arg, e.code == E_OK ? (unsigned)status : 0, e.code == E_OK ? NULL : &e);
	else
		g->fn(g->arg, e.code == E_OK ? buf_view(&g->body) : STR_NONE,
		    e.code == E_OK ? NULL : &e);
	get_free(g);
}

/* Whoever is called back may begin and cancel fetches: each message is taken afresh. */
static void
take_finished(struct https *h)
{
	struct https_get *g = NULL;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		assume(curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &g) == CURLE_OK);
		OBJ(g, GET_MAGIC);
		finish(g, m->data.result);
	}
}

static void
act(struct https *h, curl_socket_t fd, int events)
{
	int running;

	(void)curl_multi_socket_action(h->multi, fd, events, &running);
	take_finished(h);
}

static void
on_timer(void *arg)
{
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void
on_io(void *arg, unsigned events)
{
	struct watch *w = arg;

	/* w may be gone when this returns. */
	act(w->https, w->fd, events == LOOP_READ ? CURL_CSELECT_IN : CURL_CSELECT_OUT);
}

static int
want_socket(CURL *curl, curl_socket_t fd, int what, void *arg, void *socket)
{
	struct https *h = arg;
	struct watch *w = socket;
	unsigned events = 0;

	(void)curl;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL) {
			loop_io_free(&w->io);
			free(w);
		}
		return 0;
	}
	events |= (what & CURL_POLL_IN) ? LOOP_READ : 0;
	events |= (what & CURL_POLL_OUT) ? LOOP_WRITE : 0;
	if (w == NULL) {
		w = mem_alloc(sizeof(*w));
		w->https = h;
		w->fd = fd;
		w->io = loop_io_new(fd, events, on_io, w);
		(void)curl_multi_assign(h->multi, fd, w);
	} else {
		loop_io_want(w->io, events);
	}
	return 0;
}

static int
want_timer(CURLM *multi, long ms, void *arg)
{
	struct https *h = arg;

	(void)multi;
	if (ms < 0)
		loop_timer_stop(h->timer);
	else
		loop_timer_set(h->timer, (uint64_t)ms);
	return 0;
}

struct https *
https_new(struct err *e)
{
	struct https *h = mem_alloc(sizeof(*h));

	/* OpenSSL was made ready by tls.c, without its configuration file. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (h->multi = curl_multi_init()) == NULL) {
		free(h);
		err_set(e, E_INTERNAL, "libcurl cannot be used");
		return NULL;
	}
	LIST_INIT(&h->fetches);
	h->timer = loop_timer_new(on_timer, h);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	return h;
}

void
https_free(struct https **h)
{
	struct https *x = *h;
	struct https_get *g, *next;

	if (x == NULL)
		return;
	for (g = LIST_FIRST(&x->fetches); g != NULL; g = next) {
		next = LIST_NEXT(g, link);
		get_free(g);
	}
	curl_multi_cleanup(x->multi);
	loop_timer_free(&x->timer);
	tls_context_free(&x->trust);
	free(x);
	*h = NULL;
}

int
https_trust(struct https *h, int authorities_fd, struct err *e)
{
	struct tls_context *fresh = tls_client_new(authorities_fd, e);

	if (fresh == NULL)
		return -1;
	tls_context_free(&h->trust);
	h->trust = fresh;
	return 0;
}

/* ---- one fetch ---- */

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct https_get *g = arg;

	buf_put(&g->body, p, size * n);
	return g->body.over ? 0 : size * n;
}

/* libcurl keeps headers: a server must not send them without end. */
static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	struct https_get *g = arg;

	(void)p;
	g->headers += size * n;
	return g->headers > HEADERS_MAX ? 0 : size * n;
}

static CURLcode
on_ssl(CURL *curl, void *ssl, void *arg)
{
	struct https_get *g = arg;

	(void)curl;
	tls_context_lend(g->https->trust, ssl);
	return CURLE_OK;
}

/* "host:port:address,[address6]" */
static struct curl_slist *
addresses(const struct https_want *w)
{
	struct curl_slist *list;
	struct buf b;

	buf_init(&b, 4096);
	buf_printf(&b, "+" STR_FMT ":%u:", STR_ARG(w->host), w->port);
	for (size_t i = 0; i < w->naddresses; i++)
		buf_printf(&b,
		    str_chr(w->addresses[i], ':') < w->addresses[i].n ? "%s[" STR_FMT "]"
								      : "%s" STR_FMT,
		    i > 0 ? "," : "", STR_ARG(w->addresses[i]));
	buf_putc(&b, '\0');
	list = b.over ? NULL : curl_slist_append(NULL, b.p);
	buf_free(&b);
	return list;
}

#define SET(option, value) ok = ok && curl_easy_setopt(c, option, value) == CURLE_OK

/* Only what cannot be said otherwise is left to libcurl's defaults. */
static bool
set_up(struct https_get *g, const struct https_want *w)
{
	CURL *c = g->curl;
	bool ok = true;
	char url[4096];

	if ((size_t)snprintf(url, sizeof(url), "https://" STR_FMT ":%u%s", STR_ARG(w->host),
		w->port, w->path) >= sizeof(url))
		return false;
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_RESOLVE, g->resolve);
	SET(CURLOPT_PRIVATE, g);
	SET(CURLOPT_ERRORBUFFER, g->error);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROXY, ""); /* whatever the environment says */
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_FOLLOWLOCATION, 0L); /* RFC 8461 3.3 */
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_TIMEOUT_MS, (long)w->ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	SET(CURLOPT_MAXFILESIZE, (long)w->max);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, g);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, g);
	/* RFC 8461 3.3: the certificate must be the host's, by the web's authorities. Those are
	 * ours to say, so that no file is opened. */
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
	SET(CURLOPT_CA_CACHE_TIMEOUT, 0L);
	SET(CURLOPT_CAINFO, NULL);
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_SSL_CTX_FUNCTION, on_ssl);
	SET(CURLOPT_SSL_CTX_DATA, g);
	return ok;
}

static void
fail(void *arg)
{
	struct https_get *g = arg;
	struct err e;

	OBJ(g, GET_MAGIC);
	err_set(&e, E_TEMP, "the fetch cannot begin");
	if (g->answered != NULL)
		g->answered(g->arg, 0, &e);
	else
		g->fn(g->arg, STR_NONE, &e);
	get_free(g);
}

static bool
set_up_post(struct https_get *g, const struct https_want *w)
{
	CURL *c = g->curl;
	bool ok = true;

	for (size_t i = 0; i < ARRAY_LEN(w->headers) && w->headers[i] != NULL; i++)
		g->headers_out = curl_slist_append(g->headers_out, w->headers[i]);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_HTTPHEADER, g->headers_out);
	SET(CURLOPT_POSTFIELDSIZE, (long)w->body.n);
	SET(CURLOPT_COPYPOSTFIELDS, w->body.p);
	return ok;
}

static struct https_get *
begin(struct https *h, const struct https_want *w, bool post, void *arg)
{
	struct https_get *g = mem_alloc(sizeof(*g));

	g->magic = GET_MAGIC;
	g->https = h;
	g->type = w->type;
	g->arg = arg;
	buf_init(&g->body, w->max);
	loop_defer_init(&g->fail, fail, g);
	LIST_INSERT_HEAD(&h->fetches, g, link);
	g->resolve = addresses(w);
	g->curl = curl_easy_init();
	/* Nothing of it happens before the loop's next turn. */
	if (g->resolve == NULL || g->curl == NULL || h->trust == NULL || !set_up(g, w) ||
	    (post && !set_up_post(g, w)) || curl_multi_add_handle(h->multi, g->curl) != CURLM_OK)
		loop_defer(&g->fail);
	return g;
}

struct https_get *
https_get(struct https *h, const struct https_want *w, https_fn fn, void *arg)
{
	struct https_get *g = begin(h, w, false, arg);

	g->fn = fn;
	return g;
}

struct https_get *
https_post(struct https *h, const struct https_want *w,
    void (*fn)(void *arg, unsigned status, const struct err *e), void *arg)
{
	struct https_get *g = begin(h, w, true, arg);

	g->answered = fn;
	return g;
}

void
https_cancel(struct https_get **g)
{
	if (*g == NULL)
		return;
	OBJ(*g, GET_MAGIC);
	get_free(*g);
	*g = NULL;
}
