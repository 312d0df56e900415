/*
 * https.c - small texts by HTTPS. See https.h.
 *
 * libcurl (net/transfers.h) is told to forget all that a browser would remember.
 *
 * Owner: the one policy. Errors: E_TEMP with what libcurl says, or what is wrong with the answer.
 */
#include "net/https.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/tls.h"
#include "net/transfers.h"

#define GET_MAGIC   0x48474554u
#define HEADERS_MAX (32u * 1024)
#define CONNECT_MS  10000L

struct https {
	struct transfers *transfers;
	struct tls_context *trust;
	LIST_HEAD(, https_get) fetches;
};

struct https_get {
	unsigned magic;
	struct https *https;
	CURL *curl;
	struct transfer *transfer;
	struct curl_slist *resolve, *headers_out;
	struct buf body;
	size_t headers;
	const char *type;
	char error[CURL_ERROR_SIZE];
	/* One of them. */
	https_fn fn;
	void (*answered)(void *arg, unsigned status, const struct err *e); /* of a POST */
	https_answer_fn called;
	void *arg;
	struct loop_defer fail; /* could not even begin */
	LIST_ENTRY(https_get) link;
};

static void
get_free(struct https_get *g)
{
	loop_defer_cancel(&g->fail);
	LIST_REMOVE(g, link);
	transfer_cancel(&g->transfer);
	curl_easy_cleanup(g->curl);
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

/* e NULL: it went well. The last thing that happens to g. */
static void
tell(struct https_get *g, unsigned status, const struct err *e)
{
	const struct https_answer a = {.status = status, .body = buf_view(&g->body), .get = g};

	if (g->called != NULL)
		g->called(g->arg, e == NULL ? &a : NULL, e);
	else if (g->answered != NULL)
		g->answered(g->arg, e == NULL ? status : 0, e);
	else
		g->fn(g->arg, e == NULL ? a.body : STR_NONE, e);
	get_free(g);
}

static void
finish(void *arg, CURLcode code)
{
	struct https_get *g = arg;
	struct err e = {0};
	long status = 0;

	OBJ(g, GET_MAGIC);
	g->transfer = NULL;
	(void)curl_easy_getinfo(g->curl, CURLINFO_RESPONSE_CODE, &status);
	if (g->body.over)
		err_set(&e, E_TEMP, "the answer is too large");
	else if (code != CURLE_OK)
		err_set(
		    &e, E_TEMP, "%s", g->error[0] != '\0' ? g->error : curl_easy_strerror(code));
	else if (g->fn != NULL && status != 200)
		err_set(&e, E_TEMP, "HTTP status %ld", status);
	else if (g->fn != NULL && !has_type(g))
		err_set(&e, E_TEMP, "the answer is not %s", g->type);
	tell(g, (unsigned)status, e.code == E_OK ? NULL : &e);
}

struct str
https_field(const struct https_answer *a, const char *name)
{
	struct curl_header *h;

	OBJ(a->get, GET_MAGIC);
	if (curl_easy_header(a->get->curl, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK ||
	    h->amount != 1)
		return STR_NONE;
	return str_z(h->value);
}

struct https *
https_new(struct err *e)
{
	struct https *h = mem_alloc(sizeof(*h));

	if ((h->transfers = transfers_new(e)) == NULL) {
		free(h);
		return NULL;
	}
	LIST_INIT(&h->fetches);
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
	transfers_free(&x->transfers);
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
	tell(g, 0, &e);
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
begin(struct https *h, const struct https_want *w, const char *method, void *arg)
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
	if (g->resolve == NULL || g->curl == NULL || h->trust == NULL || !set_up(g, w) ||
	    (strcmp(method, "POST") == 0 && !set_up_post(g, w)) ||
	    (strcmp(method, "HEAD") == 0 &&
		curl_easy_setopt(g->curl, CURLOPT_NOBODY, 1L) != CURLE_OK) ||
	    (g->transfer = transfer_start(h->transfers, g->curl, finish, g)) == NULL)
		loop_defer(&g->fail);
	return g;
}

struct https_get *
https_get(struct https *h, const struct https_want *w, https_fn fn, void *arg)
{
	struct https_get *g = begin(h, w, "GET", arg);

	g->fn = fn;
	return g;
}

struct https_get *
https_post(struct https *h, const struct https_want *w,
    void (*fn)(void *arg, unsigned status, const struct err *e), void *arg)
{
	struct https_get *g = begin(h, w, "POST", arg);

	g->answered = fn;
	return g;
}

struct https_get *
https_call(
    struct https *h, const struct https_want *w, const char *method, https_answer_fn fn, void *arg)
{
	struct https_get *g = begin(h, w, method, arg);

	g->called = fn;
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
