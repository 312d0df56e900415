/* dmarc.c - gkmail dmarc: reports about our domains, and those to others. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "ctl/client.h"
#include "ctl/output.h"

#define LIST_WIDTH    9
#define SOURCES_WIDTH 8
#define WAITING_WIDTH 6

/* Fields of a question's next page, after rows that came. */
typedef void (*put_fn)(struct ipc_out *m, const struct rows *rows);

static struct {
	struct str domain;
	uint64_t since;
} wanted;

static uint64_t
number(struct str s)
{
	uint64_t n = 0;

	(void)num_parse(s, 0, INT64_MAX, &n);
	return n;
}

static void
put_list(struct ipc_out *m, const struct rows *rows)
{
	ipc_put_str(m, wanted.domain);
	ipc_put_u64(m, rows->n > 0 ? number(rows->v[rows->n - rows->width]) : 0);
}

static void
put_sources(struct ipc_out *m, const struct rows *rows)
{
	ipc_put_str(m, wanted.domain);
	ipc_put_u64(m, wanted.since);
	ipc_put_u64(m, rows->n / rows->width);
}

static void
put_waiting(struct ipc_out *m, const struct rows *rows)
{
	ipc_put_u64(m, rows->n > 0 ? number(rows->v[rows->n - rows->width]) : 0);
}

static void
put_nothing(struct ipc_out *m, const struct rows *rows)
{
	(void)m;
	(void)rows;
}

/* One page behind those that are there. 1: more follow. */
static int
page(enum ipc_type type, put_fn put, struct rows *rows, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	uint32_t more, n;
	struct str *v;

	ipc_begin(&m, type);
	put(&m, rows);
	if (client_call("screen", &m, &in, e) < 0)
		return -1;
	more = ipc_get_u32(&in);
	n = ipc_get_list(&in);
	v = arena_array(&ctl.arena, rows->n + n + 1, sizeof(*v));
	for (size_t i = 0; i < rows->n; i++)
		v[i] = rows->v[i];
	for (uint32_t i = 0; i < n; i++)
		v[rows->n + i] = arena_dup(&ctl.arena, ipc_get_item(&in));
	if (ipc_end(&in) < 0 || n % rows->width != 0)
		return err_set(e, E_PROTO, "unreadable answer");
	rows->v = v;
	rows->n += n;
	return more != 0 && n > 0;
}

static int
fetch(enum ipc_type type, put_fn put, size_t width, struct rows *rows, struct err *e)
{
	int more;

	*rows = (struct rows){.width = width};
	while ((more = page(type, put, rows, e)) > 0)
		continue;
	return more;
}

/* "2026-01-31T12:00:00Z" of seconds; nothing stays nothing. */
static struct str
time_text(struct str seconds)
{
	char text[CLOCK_RFC3339_SIZE];

	if (seconds.n == 0)
		return seconds;
	clock_rfc3339((int64_t)(number(seconds) * 1000000), text);
	return arena_printf(&ctl.arena, "%.19sZ", text);
}

static void
print_rows(const struct rows *rows, const char *const *keys, bool (*is_time)(size_t column))
{
	struct str *cells = arena_array(&ctl.arena, rows->n + rows->width, sizeof(*cells));
	struct json j;

	if (ctl.json) {
		json_init(&j);
		json_open(&j, NULL, '[');
		for (size_t i = 0; i < rows->n; i++) {
			size_t column = i % rows->width;

			if (column == 0)
				json_open(&j, NULL, '{');
			if (is_time(column))
				json_str(&j, keys[column], time_text(rows->v[i]));
			else
				json_auto(&j, keys[column], rows->v[i]);
			if (column == rows->width - 1)
				json_close(&j, '}');
		}
		json_close(&j, ']');
		json_print(&j);
		return;
	}
	for (size_t i = 0; i < rows->width; i++)
		cells[i] = str_z(keys[i]);
	for (size_t i = 0; i < rows->n; i++)
		cells[rows->width + i] =
		    is_time(i % rows->width) ? time_text(rows->v[i]) : rows->v[i];
	out_table(cells, rows->n + rows->width, rows->width);
}

static bool
third_or_fourth(size_t column)
{
	return column == 3 || column == 4;
}

static bool
second_or_third(size_t column)
{
	return column == 2 || column == 3;
}

static bool
none(size_t column)
{
	(void)column;
	return false;
}

int
verb_dmarc_list(struct err *e)
{
	static const char *const keys[LIST_WIDTH] = {"id", "domain", "organization", "begin", "end",
	    "messages", "passed", "sender", "verified"};
	struct rows rows;

	wanted.domain = str_z(args_value("--domain"));
	if (args_end(0, 0, e) < 0 || fetch(MSG_DMARC_LIST, put_list, LIST_WIDTH, &rows, e) < 0)
		return -1;
	print_rows(&rows, keys, third_or_fourth);
	return 0;
}

int
verb_dmarc_show(struct err *e)
{
	static const char *const keys[SOURCES_WIDTH] = {
	    "domain", "source", "messages", "passed", "dkim", "spf", "refused", "reporters"};
	const char *days = args_value("--days");
	uint64_t n = 30;
	struct rows rows;

	wanted.domain = str_z(args_value("--domain"));
	if (args_end(0, 0, e) < 0)
		return -1;
	if (days != NULL && num_parse(str_z(days), 1, 36500, &n) < 0)
		return args_wrong(e, "--days takes a number of days");
	wanted.since = (uint64_t)clock_wall() - n * 86400;
	if (fetch(MSG_DMARC_SOURCES, put_sources, SOURCES_WIDTH, &rows, e) < 0)
		return -1;
	print_rows(&rows, keys, none);
	return 0;
}

int
verb_dmarc_report(struct err *e)
{
	static const char *const keys[WAITING_WIDTH] = {
	    "id", "domain", "begin", "end", "messages", "state"};
	bool now = args_flag("--now");
	struct rows rows;

	if (args_end(0, 0, e) < 0)
		return -1;
	rows = (struct rows){.width = WAITING_WIDTH};
	if (now && page(MSG_DMARC_SEND, put_nothing, &rows, e) < 0)
		return -1;
	if (!now && fetch(MSG_DMARC_WAITING, put_waiting, WAITING_WIDTH, &rows, e) < 0)
		return -1;
	print_rows(&rows, keys, second_or_third);
	return 0;
}
