/* Unit tests of audit_own.c: whose calls are told, page by page over files of a log, whatever place
 * somebody says it goes on from. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "authd/audit_file.h"
#include "authd/audit_own.h"
#include "base/mem.h"
#include "svc/svc.h"

#define ROOM (16u << 20)

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	(void)peer;
	return NULL;
}

const struct conf *
svc_conf(void)
{
	return NULL;
}

static struct audit_files files;
static struct chain end;
static char folder[64];
static struct arena arena;

static int
up(void **state)
{
	struct audit_found found;

	(void)state;
	arena_init(&arena);
	(void)snprintf(folder, sizeof(folder), "/tmp/gkown.XXXXXX");
	if (mkdtemp(folder) == NULL || chdir(folder) < 0 || sodium_init() < 0)
		return -1;
	return audit_files_open(&files, ROOM, &end, &found, NULL);
}

static int
down(void **state)
{
	const struct dirent *d;
	char path[300];
	DIR *list = opendir("audit");

	(void)state;
	audit_files_close(&files);
	while (list != NULL && (d = readdir(list)) != NULL) {
		(void)snprintf(path, sizeof(path), "audit/%s", d->d_name);
		(void)unlink(path);
	}
	closedir(list);
	arena_free(&arena);
	return rmdir("audit") == 0 && chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

/* n records of a user, arguments so long; tool: its first number, counting. */
static void
add(const char *kind, const char *user, const char *agent, unsigned from, unsigned n, size_t octets)
{
	struct chain next = end;
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	for (unsigned i = 0; i < n; i++) {
		struct buf line;

		buf_init(&line, CHAIN_LINE_MAX);
		chain_begin(&next, &line);
		buf_printf(&line,
		    ",\"at\":\"2026-11-23T10:00:00.%03uZ\",\"kind\":\"%s\",\"user\":\"%s\","
		    "\"agent\":\"%s\",\"session\":\"s\",\"peer\":\"::1\",\"tool\":\"t%u\","
		    "\"arguments\":\"",
		    (from + i) % 1000, kind, user, agent, from + i);
		for (size_t k = 0; k < octets; k++)
			buf_putc(&line, 'x');
		buf_puts(
		    &line, "\",\"decision\":\"free\",\"outcome\":\"ok\",\"result\":12,\"ms\":3");
		chain_end(&next, &line);
		assert_int_equal(buf_str(&b, buf_view(&line)), 0);
		buf_free(&line);
	}
	assert_int_equal(audit_files_write(&files, buf_view(&b), end.seq + 1, &next, NULL), 0);
	end = next;
	buf_free(&b);
}

static struct audit_own q;

static void
look(const char *user, const char *agent, const char *since, struct audit_place from)
{
	struct err e;

	q = (struct audit_own){.user = str_z(user),
	    .agent = str_z(agent),
	    .since = since,
	    .dir = files.dir,
	    .end = {files.number, files.size},
	    .from = from,
	    .arena = &arena};
	assert_int_equal(audit_own_read(&q, &e), 0);
	assert_int_equal(q.n % AUDIT_OWN_COLUMNS, 0);
}

static const char *
column(size_t row, size_t n)
{
	assert_true(row * AUDIT_OWN_COLUMNS < q.n);
	return arena_dupz(&arena, q.rows[row * AUDIT_OWN_COLUMNS + n]);
}

#define AT_FIRST ((struct audit_place){0})
#define EVER     "2000"

static void
test_own_alone(void **state)
{
	(void)state;
	look("a@x.test", "", EVER, AT_FIRST);
	assert_int_equal(q.n, 0);
	assert_int_equal(q.next.file, 0);
	add("tool", "a@x.test", "desk", 1, 2, 10);
	add("tool", "b@x.test", "desk", 3, 2, 10);
	add("agent-made", "a@x.test", "desk", 5, 1, 10);
	add("tool", "a@x.test", "loft", 6, 1, 10);
	/* Its name within another's arguments. */
	add("tool", "b@x.test", "x\\\",\\\"user\\\":\\\"a@x.test", 7, 1, 10);
	look("a@x.test", "", EVER, AT_FIRST);
	assert_int_equal(q.n, 3 * AUDIT_OWN_COLUMNS);
	assert_string_equal(column(0, 4), "t6");
	assert_string_equal(column(0, 1), "loft");
	assert_string_equal(column(0, 5), "xxxxxxxxxx");
	assert_string_equal(column(0, 6), "free");
	assert_string_equal(column(0, 8), "12");
	assert_string_equal(column(0, 9), "3");
	assert_string_equal(column(1, 4), "t2");
	assert_string_equal(column(2, 4), "t1");
	assert_int_equal(q.next.file, 0);
	look("a@x.test", "desk", EVER, AT_FIRST);
	assert_int_equal(q.n, 2 * AUDIT_OWN_COLUMNS);
	/* Who had the address before. */
	look("a@x.test", "", "2026-11-23T10:00:00.002Z", AT_FIRST);
	assert_int_equal(q.n, 2 * AUDIT_OWN_COLUMNS);
	assert_string_equal(column(1, 4), "t2");
}

/* Each once, in order, over several files, with others' between. */
static void
test_pages(void **state)
{
	struct audit_place from = AT_FIRST;
	unsigned wanted = 700, pages = 0;
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 7; i++) {
		add("tool", "a@x.test", "desk", i * 100 + 1, 100, 500);
		add("tool", "b@x.test", "desk", 0, 300, 4000);
	}
	assert_true(files.number > 1);
	do {
		look("a@x.test", "", EVER, from);
		assert_true(q.n <= AUDIT_OWN_ROWS * AUDIT_OWN_COLUMNS);
		for (size_t i = 0; i < q.n / AUDIT_OWN_COLUMNS; i++) {
			(void)snprintf(name, sizeof(name), "t%u", wanted--);
			assert_string_equal(column(i, 4), name);
		}
		from = q.next;
		pages++;
	} while (from.file != 0 && pages < 1000);
	assert_int_equal(wanted, 0);
	assert_true(pages >= 14);
}

/* Of long arguments there are fewer: an answer is one message. */
static void
test_long_arguments(void **state)
{
	size_t octets = 0;

	(void)state;
	add("tool", "a@x.test", "desk", 1, 60, 4000);
	look("a@x.test", "", EVER, AT_FIRST);
	for (size_t i = 0; i < q.n; i++)
		octets += q.rows[i].n + 4;
	assert_true(octets < (48u << 10));
	assert_int_equal(strlen(column(0, 5)), 1000);
	assert_int_not_equal(q.next.file, 0);
}

/* It comes from the page. */
static void
test_any_place(void **state)
{
	size_t all;

	(void)state;
	add("tool", "a@x.test", "desk", 1, 40, 50);
	look("a@x.test", "", EVER, AT_FIRST);
	all = q.n;
	assert_int_equal(all, 40 * AUDIT_OWN_COLUMNS);
	for (uint64_t at = 0; at <= files.size + 10; at++) {
		look("a@x.test", "", EVER, (struct audit_place){1, at});
		assert_true(q.n <= all);
		assert_int_equal(q.next.file, 0);
	}
	look("a@x.test", "", EVER, (struct audit_place){1, UINT64_MAX});
	assert_int_equal(q.n, all);
	look("a@x.test", "", EVER, (struct audit_place){77, 5});
	assert_int_equal(q.n, 0);
	assert_int_equal(q.next.file, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_own_alone), TEST(test_pages),
	    TEST(test_long_arguments), TEST(test_any_place)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
