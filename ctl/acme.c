/* acme.c - gkmail acme: the certificate that gk-acme gets from an authority. */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "ctl/client.h"
#include "ctl/output.h"

#define WAIT_S  1500 /* an order takes no longer */
#define FACTS   20u
#define POLL_NS 200000000

struct acme {
	struct str v[FACTS]; /* key, value, … */
	size_t n;
};

static struct str
fact(const struct acme *a, const char *key)
{
	for (size_t i = 0; i + 1 < a->n; i += 2)
		if (str_eq_z(a->v[i], key))
			return a->v[i + 1];
	return STR("");
}

static int
get(struct acme *a, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	uint32_t n;

	ipc_begin(&m, MSG_ACME_STATUS);
	if (client_call("acme", &m, &in, e) < 0)
		return -1;
	a->n = 0;
	for (n = ipc_get_list(&in); n > 0; n--) {
		struct str one = arena_dup(&ctl.arena, ipc_get_item(&in));

		if (a->n < FACTS)
			a->v[a->n++] = one;
	}
	return ipc_end(&in) < 0 ? err_set(e, E_PROTO, "unreadable answer") : 0;
}

static bool
is_off(const struct acme *a)
{
	return str_eq_z(fact(a, "challenge"), "off");
}

static void
line(const char *label, struct str value)
{
	if (value.n == 0)
		return;
	printf("%-12s", label);
	out_str(stdout, value);
	putchar('\n');
}

static void
print_text(const struct acme *a)
{
	if (is_off(a)) {
		puts("acme.challenge is off: no certificate is asked for.");
		return;
	}
	line("directory", fact(a, "directory"));
	line("challenge", fact(a, "challenge"));
	line("names", fact(a, "names"));
	line("issued", fact(a, "from"));
	line("until", fact(a, "until"));
	if (fact(a, "until").n == 0)
		puts("There is none yet; another one is served.");
	line("now", fact(a, "now"));
	if (fact(a, "now").n == 0)
		line("next", fact(a, "next"));
	if (!str_eq_z(fact(a, "failures"), "0")) {
		line("failures", fact(a, "failures"));
		line("error", fact(a, "error"));
	}
}

static int
print(const struct acme *a)
{
	struct json j;

	if (ctl.json) {
		json_init(&j);
		json_open(&j, NULL, '{');
		for (size_t i = 0; i + 1 < a->n; i += 2)
			json_auto(&j, arena_dupz(&ctl.arena, a->v[i]), a->v[i + 1]);
		json_close(&j, '}');
		json_print(&j);
	} else {
		print_text(a);
	}
	return str_eq_z(fact(a, "failures"), "0") ? EXIT_DONE : EXIT_FAIL;
}

int
verb_acme_status(struct err *e)
{
	struct acme a;

	if (args_end(0, 0, e) < 0 || get(&a, e) < 0)
		return -1;
	return print(&a);
}

int
verb_acme_renew(struct err *e)
{
	const struct timespec pause = {.tv_nsec = POLL_NS};
	int64_t end = clock_wall() + WAIT_S;
	struct acme a;
	struct str before;
	struct ipc_out m;

	if (args_end(0, 0, e) < 0 || get(&a, e) < 0)
		return -1;
	before = fact(&a, "ended");
	ipc_begin(&m, MSG_ACME_RENEW);
	if (client_do("acme", &m, e) < 0)
		return -1;
	do {
		nanosleep(&pause, NULL);
		if (get(&a, e) < 0)
			return -1;
	} while (str_eq(fact(&a, "ended"), before) && !is_off(&a) && clock_wall() < end);
	if (is_off(&a))
		return err_set(e, E_DENIED, "acme.challenge is off now: it was given up");
	if (str_eq(fact(&a, "ended"), before))
		return err_set(e, E_TEMP, "it still goes on; gkmail acme status tells");
	return print(&a);
}
