/*
 * transfers.c - libcurl on the loop. See transfers.h.
 *
 * Owner of a transfer: who started it, until fn() or transfer_cancel(). Errors: a CURLcode.
 */
#include "net/transfers.h"

#include <stdlib.h>

#include "base/mem.h"
#include "io/loop.h"

#define TRANSFER_MAGIC 0x7472616eu

struct transfers {
	CURLM *multi;
	struct loop_timer *timer;
};

struct transfer {
	unsigned magic;
	struct transfers *all;
	CURL *curl;
	transfer_fn fn;
	void *arg;
};

/* A socket of libcurl's. */
struct watch {
	struct transfers *all;
	int fd;
	struct loop_io *io;
};

/* Whoever is called back may begin and cancel transfers: each message is taken afresh. */
static void
take_finished(struct transfers *t)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(t->multi, &left)) != NULL) {
		struct transfer *x = NULL;
		CURLcode code = m->data.result;
		transfer_fn fn;
		void *arg;

		if (m->msg != CURLMSG_DONE)
			continue;
		assume(curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x) == CURLE_OK);
		OBJ(x, TRANSFER_MAGIC);
		fn = x->fn;
		arg = x->arg;
		transfer_cancel(&x);
		fn(arg, code);
	}
}

static void
act(struct transfers *t, curl_socket_t fd, int events)
{
	int running;

	(void)curl_multi_socket_action(t->multi, fd, events, &running);
	take_finished(t);
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
	act(w->all, w->fd, events == LOOP_READ ? CURL_CSELECT_IN : CURL_CSELECT_OUT);
}

static int
want_socket(CURL *curl, curl_socket_t fd, int what, void *arg, void *socket)
{
	struct transfers *t = arg;
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
		w->all = t;
		w->fd = fd;
		w->io = loop_io_new(fd, events, on_io, w);
		(void)curl_multi_assign(t->multi, fd, w);
	} else {
		loop_io_want(w->io, events);
	}
	return 0;
}

static int
want_timer(CURLM *multi, long ms, void *arg)
{
	struct transfers *t = arg;

	(void)multi;
	if (ms < 0)
		loop_timer_stop(t->timer);
	else
		loop_timer_set(t->timer, (uint64_t)ms);
	return 0;
}

struct transfers *
transfers_new(struct err *e)
{
	struct transfers *t = mem_alloc(sizeof(*t));

	/* OpenSSL was made ready by tls.c, without its configuration file. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (t->multi = curl_multi_init()) == NULL) {
		free(t);
		err_set(e, E_INTERNAL, "libcurl cannot be used");
		return NULL;
	}
	t->timer = loop_timer_new(on_timer, t);
	curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t);
	curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t);
	curl_multi_setopt(t->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	return t;
}

void
transfers_free(struct transfers **t)
{
	struct transfers *x = *t;

	if (x == NULL)
		return;
	curl_multi_cleanup(x->multi);
	loop_timer_free(&x->timer);
	free(x);
	*t = NULL;
}

struct transfer *
transfer_start(struct transfers *t, CURL *curl, transfer_fn fn, void *arg)
{
	struct transfer *x = mem_alloc(sizeof(*x));

	*x = (struct transfer){
	    .magic = TRANSFER_MAGIC, .all = t, .curl = curl, .fn = fn, .arg = arg};
	if (curl_easy_setopt(curl, CURLOPT_PRIVATE, x) != CURLE_OK ||
	    curl_multi_add_handle(t->multi, curl) != CURLM_OK) {
		free(x);
		return NULL;
	}
	return x;
}

void
transfer_cancel(struct transfer **x)
{
	if (*x == NULL)
		return;
	OBJ(*x, TRANSFER_MAGIC);
	curl_multi_remove_handle((*x)->all->multi, (*x)->curl);
	(*x)->magic = 0;
	free(*x);
	*x = NULL;
}
