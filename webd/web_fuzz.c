/* web_fuzz.c - any octets on a connection, in any pieces: HTTP/1.1 or HTTP/2 by the first octet.
 * Handlers answer at once, later, in parts, or never; every exchange ends once. */
#include <stdint.h>

#include "base/log.h"
#include "webd/web_scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static size_t begun, ended;
static struct exchange *waiting;

static void
on_body(struct exchange *x, void *arg, struct str in, bool end)
{
	(void)arg;
	if (!exchange_begun(x))
		exchange_begin(x, 200, "application/json", EXCHANGE_UNKNOWN);
	exchange_write(x, in);
	if (end)
		exchange_end(x);
	else if (in.n % 3 == 0)
		exchange_pause(x);
	waiting = x;
}

static void
on_gone(struct exchange *x, void *arg)
{
	(void)arg;
	if (waiting == x)
		waiting = NULL;
	ended++;
}

static const struct exchange_events events = {.body = on_body, .gone = on_gone};

static void
run_echo(struct exchange *x)
{
	begun++;
	exchange_listen(x, &events, NULL);
	waiting = x;
}

static void
run_socket(struct exchange *x)
{
	begun++;
	exchange_listen(x, &events, NULL);
	if (exchange_upgrade(x, STR("")) == 0)
		exchange_write(x, STR("hello"));
}

static void
run_at_once(struct exchange *x)
{
	struct str s;

	begun++;
	exchange_listen(x, &events, NULL);
	(void)exchange_cookie(x, "a");
	(void)exchange_parameter(x, "a", &s);
	(void)exchange_segment(x, 0, &s);
	exchange_json(x, 200, exchange_base(x));
}

static const struct route routes[] = {
    {"/e", METHOD_POST | METHOD_GET, run_echo, 5000, 0},
    {"/s", METHOD_GET, run_socket, 0, 0},
    {"/w/", METHOD_GET | METHOD_PUT | METHOD_DELETE, run_at_once, 1000, ROUTE_WHOLE},
    {"/j", METHOD_POST, run_at_once, 1000, ROUTE_WHOLE | ROUTE_JSON | ROUTE_OUR_ORIGIN},
    {0},
};

/* In place of routes.c: other areas' handlers speak with gk-authd. */
const struct route *
routes_find(struct str path, unsigned method, unsigned *status, unsigned *allow)
{
	*status = 404;
	*allow = 0;
	for (const struct route *r = routes; r->path; r++) {
		struct str own = str_z(r->path);

		if (!(str_ends(own, STR("/")) ? str_starts(path, own) : str_eq(path, own)))
			continue;
		*status = 405;
		*allow |= r->methods;
		if (r->methods & method)
			return r;
	}
	return NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char waste[65536];
	size_t piece = n > 0 ? 1 + (p[0] >> 1) * 8u : 1;
	int fd;

	if (!scene_conf) {
		log_set_level(LOG_LEVEL_ERROR);
		scene_begin();
	}
	begun = ended = 0;
	fd = scene_open(n > 0 && p[0] & 1 ? &http2_protocol : &http1_protocol);
	for (size_t at = 1; at < n; at += piece) {
		if (send(fd, p + at, n - at < piece ? n - at : piece, MSG_NOSIGNAL) < 0)
			break;
		loop_once(0);
		loop_once(0);
		if (waiting)
			exchange_resume(waiting);
		while (read(fd, waste, sizeof(waste)) > 0)
			;
	}
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 5; i++) {
		loop_once(0);
		while (read(fd, waste, sizeof(waste)) > 0)
			;
	}
	close(fd);
	for (int i = 0; i < 5; i++)
		loop_once(0);
	assume(exchange_count() == 0 && begun == ended);
	return 0;
}
