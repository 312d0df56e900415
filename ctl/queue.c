/* queue.c - gkmail queue. */
#include <inttypes.h>
#include <stdio.h>

#include "ctl/client.h"
#include "ctl/output.h"

#define WIDTH 9

static const char *const keys[WIDTH] = {
    "mid", "state", "arrived", "size", "sender", "recipients", "destination", "next", "error"};

/* --sender and --destination. True when one was given. */
static bool
take_filter(struct str filter[2])
{
	const char *sender = args_value("--sender"), *destination = args_value("--destination");

	filter[0] = str_z(sender ? sender : "");
	filter[1] = str_z(destination ? destination : "");
	return filter[0].n > 0 || filter[1].n > 0;
}

static void
rows_json(const struct rows *r, const char *const *names, const bool *numbers)
{
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '[');
	for (size_t i = 0; i < r->n; i++) {
		size_t k = i % r->width;

		if (k == 0)
			json_open(&j, NULL, '{');
		if (numbers[k])
			json_auto(&j, names[k], r->v[i]);
		else
			json_str(&j, names[k], r->v[i]);
		if (k + 1 == r->width)
			json_close(&j, '}');
	}
	json_close(&j, ']');
	json_print(&j);
}

static void
rows_table(const struct rows *r, const struct str *heading)
{
	struct str *cells = arena_array(&ctl.arena, r->n + r->width, sizeof(*cells));

	memcpy(cells, heading, r->width * sizeof(*cells));
	for (size_t i = 0; i < r->n; i++)
		cells[r->width + i] = r->v[i].n > 0 ? r->v[i] : STR("-");
	out_table(cells, r->n + r->width, r->width);
}

int
verb_queue_list(struct err *e)
{
	static const bool numbers[WIDTH] = {[3] = true, [5] = true};
	static const struct str heading[WIDTH] = {STR_INIT("MID"), STR_INIT("STATE"),
	    STR_INIT("ARRIVED"), STR_INIT("SIZE"), STR_INIT("SENDER"), STR_INIT("RCPTS"),
	    STR_INIT("DESTINATION"), STR_INIT("NEXT TRY"), STR_INIT("WHY")};
	struct str filter[2];
	struct rows r;

	(void)take_filter(filter);
	if (args_end(0, 0, e) < 0 ||
	    client_rows_of("queue", MSG_QUEUE_LIST, filter, 2, WIDTH, &r, e) < 0)
		return -1;
	if (ctl.json) {
		rows_json(&r, keys, numbers);
		return 0;
	}
	if (r.n == 0) {
		puts(filter[0].n + filter[1].n > 0 ? "None." : "The queue is empty.");
		return 0;
	}
	for (size_t i = 0; i < r.n; i += WIDTH) {
		r.v[i + 3] = out_size(r.v[i + 3], &ctl.arena);
		if (r.v[i + 4].n == 0)
			r.v[i + 4] = STR("<>");
	}
	rows_table(&r, heading);
	return 0;
}

#define DESTINATION_WIDTH 6

int
verb_queue_destinations(struct err *e)
{
	static const char *const names[DESTINATION_WIDTH] = {
	    "destination", "concurrency", "running", "waiting", "dead_until", "error"};
	static const bool numbers[DESTINATION_WIDTH] = {[1] = true, [2] = true, [3] = true};
	static const struct str heading[DESTINATION_WIDTH] = {STR_INIT("DESTINATION"),
	    STR_INIT("AT A TIME"), STR_INIT("RUNNING"), STR_INIT("WAITING"), STR_INIT("DEAD UNTIL"),
	    STR_INIT("WHY")};
	struct rows r;

	if (args_end(0, 0, e) < 0 ||
	    client_rows("queue", MSG_QUEUE_DESTINATIONS, DESTINATION_WIDTH, &r, e) < 0)
		return -1;
	if (ctl.json)
		rows_json(&r, names, numbers);
	else
		rows_table(&r, heading);
	return 0;
}

static bool
is_number(struct str key)
{
	return str_eq_z(key, "size") || str_eq_z(key, "attempts") || str_eq_z(key, "segment");
}

/* Facts are key, value pairs; each "rcpt" begins a recipient, to which what follows belongs. */
static void
show_json(const struct str *facts, uint32_t n)
{
	bool in_rcpts = false;
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '{');
	for (uint32_t i = 0; i + 1 < n; i += 2) {
		if (str_eq_z(facts[i], "rcpt")) {
			if (in_rcpts)
				json_close(&j, '}');
			else
				json_open(&j, "recipients", '[');
			in_rcpts = true;
			json_open(&j, NULL, '{');
			json_str(&j, "address", facts[i + 1]);
		} else if (is_number(facts[i])) {
			json_auto(&j, arena_dupz(&ctl.arena, facts[i]), facts[i + 1]);
		} else {
			json_str(&j, arena_dupz(&ctl.arena, facts[i]), facts[i + 1]);
		}
	}
	if (in_rcpts) {
		json_close(&j, '}');
		json_close(&j, ']');
	}
	json_close(&j, '}');
	json_print(&j);
}

static void
show_text(const struct str *facts, uint32_t n)
{
	for (uint32_t i = 0; i + 1 < n; i += 2) {
		bool rcpt = str_eq_z(facts[i], "rcpt");

		printf("%s%-14.*s", rcpt ? "\n" : "", STR_ARG(facts[i]));
		out_str(stdout, facts[i + 1]);
		putchar('\n');
	}
}

int
verb_queue_show(struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	struct str *facts;
	uint32_t n;

	if (args_end(1, 1, e) < 0)
		return -1;
	ipc_begin(&m, MSG_QUEUE_SHOW);
	ipc_put_z(&m, ctl.args[0]);
	if (client_call("queue", &m, &in, e) < 0)
		return client_about(e, ctl.args[0]);
	n = ipc_get_list(&in);
	facts = arena_array(&ctl.arena, (size_t)n + 1, sizeof(*facts));
	for (uint32_t i = 0; i < n; i++)
		facts[i] = ipc_get_item(&in);
	if (ipc_end(&in) < 0)
		return err_set(e, E_PROTO, "unreadable answer");
	if (ctl.json)
		show_json(facts, n);
	else
		show_text(facts, n);
	return 0;
}

/* The same for each message named; with --sender or --destination, for all of theirs. */
static int
touch(enum ipc_type type, const char *what, struct err *e)
{
	static char all[] = "all", *every[] = {all};
	uint64_t count = 0;
	struct str filter[2];
	struct ipc_out m;
	struct ipc_in in;
	struct json j;

	bool filtered = take_filter(filter);

	if (args_end(filtered ? 0 : 1, -1, e) < 0)
		return -1;
	if (ctl.nargs == 0) {
		ctl.args = every;
		ctl.nargs = 1;
	}
	for (int i = 0; i < ctl.nargs; i++) {
		ipc_begin(&m, type);
		ipc_put_z(&m, ctl.args[i]);
		ipc_put_str(&m, filter[0]);
		ipc_put_str(&m, filter[1]);
		if (client_call("queue", &m, &in, e) < 0)
			return client_about(e, ctl.args[i]);
		count += ipc_get_u64(&in);
		if (ipc_end(&in) < 0)
			return err_set(e, E_PROTO, "unreadable answer");
	}
	if (!ctl.json) {
		printf("%" PRIu64 " message%s %s\n", count, count == 1 ? "" : "s", what);
		return 0;
	}
	json_init(&j);
	json_open(&j, NULL, '{');
	json_num(&j, "count", count);
	json_close(&j, '}');
	json_print(&j);
	return 0;
}

int
verb_queue_flush(struct err *e)
{
	return touch(MSG_QUEUE_FLUSH, "to be tried now", e);
}

int
verb_queue_hold(struct err *e)
{
	return touch(MSG_QUEUE_HOLD, "held", e);
}

int
verb_queue_release(struct err *e)
{
	return touch(MSG_QUEUE_RELEASE, "released", e);
}

int
verb_queue_delete(struct err *e)
{
	return touch(MSG_QUEUE_DELETE, "deleted", e);
}
