/*
 * fixture.h - for the unit tests of this folder: a spool in a folder of its own, and messages in
 * it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/file.h"
#include "queue/queue.h"

#define FIXTURE_SEGMENT (1u << 20)

static char fixture_path[64];
static struct queue fixture;
static struct str fixture_approval; /* of messages that are appended */

/* What became of each record. */
struct told {
	int ok, failed;
	enum err_code code;
	struct journal_place place;
};

static inline void
fixture_told(void *arg, const struct journal_place *place, const struct err *e)
{
	struct told *t = arg;

	if (e) {
		t->failed++;
		t->code = e->code;
	} else {
		t->ok++;
		t->place = *place;
	}
}

static inline int
fixture_open(const char *boot, bool forced, struct err *e)
{
	struct queue *q = &fixture;

	memset(q, 0, sizeof(*q));
	q->o = (struct queue_options){.segment_size = FIXTURE_SEGMENT,
	    .retry_first = 1000,
	    .retry_max = 60000,
	    .concurrency = 4,
	    .remote = 100,
	    .destination_first = 5,
	    .destination_max = 20,
	    .max_waiting = 100000,
	    .lifetime = 5ull * 86400 * 1000,
	    .checkpoint_ms = 1000000,
	    .host = "mx.example.test"};
	q->dir = file_open(AT_FDCWD, fixture_path, O_RDONLY | O_DIRECTORY, 0, e);
	if (q->dir < 0 || file_mkdir(q->dir, "journal", 0700, e) < 0)
		return -1;
	q->journal_dir = file_open(q->dir, "journal", O_RDONLY | O_DIRECTORY, 0, e);
	message_table_init(&q->messages);
	spool_init(q);
	schedule_init(q);
	q->schedule.stopped = true; /* there is no gk-local here */
	result_init(q);
	return recover(q, boot, forced, e);
}

/* As kill -9 does: nothing more is written. */
static inline void
fixture_kill(void)
{
	struct queue *q = &fixture;

	schedule_done(q);
	message_table_done(&q->messages);
	journal_free(&q->journal);
	loop_timer_free(&q->results_timer);
	loop_timer_free(&q->withheld_timer);
	loop_timer_free(&q->space_timer);
	file_close(&q->journal_dir);
	file_close(&q->dir);
}

static inline int
fixture_setup(void **state)
{
	(void)state;
	file_fault = NULL;
	snprintf(fixture_path, sizeof(fixture_path), "/tmp/gk-queue-test.XXXXXX");
	return !mkdtemp(fixture_path) || loop_init(NULL) < 0;
}

static inline void
remove_files(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *f;
	int fd = d ? dirfd(d) : -1;

	while (d && (f = readdir(d)) != NULL)
		if (f->d_name[0] != '.')
			(void)(unlinkat(fd, f->d_name, 0) == 0 ||
			       unlinkat(fd, f->d_name, AT_REMOVEDIR) == 0);
	if (d)
		closedir(d);
}

static inline int
fixture_teardown(void **state)
{
	char path[80];

	(void)state;
	file_fault = NULL;
	snprintf(path, sizeof(path), "%s/journal", fixture_path);
	remove_files(path);
	remove_files(fixture_path);
	rmdir(fixture_path);
	return 0;
}

/* "00000000000000000007": an id that says which message it is. */
static inline struct str
fixture_mid(unsigned n, char out[ID_SIZE])
{
	snprintf(out, ID_SIZE, "%020u", n);
	return str_of(out, ID_LEN);
}

/* The n-th message's octets, which its reader can check. */
static inline void
fixture_octets(unsigned n, char *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		p[i] = (char)('a' + (n + i) % 26);
}

/* Appends message n of so many octets to these recipients, and m to the table. */
static inline struct message *
fixture_append_to(unsigned n, size_t size, struct str sender, struct envelope_rcpt *rcpts,
    uint32_t nrcpts, struct told *t)
{
	struct envelope env = {.arrived = clock_wall_us(),
	    .sender = sender,
	    .user = sender, /* as submitted */
	    .actor = STR("smtp"),
	    .approval = fixture_approval,
	    .rcpts = rcpts,
	    .nrcpts = nrcpts};
	struct record_message rm = {
	    .arrived = env.arrived, .size = size, .ntargets = message_targets(&env)};
	char mid[ID_SIZE], *octets = mem_alloc(size + 1);
	struct message *m;
	struct buf raw, *b;

	buf_init(&raw, ENVELOPE_MAX);
	env.mid = rm.mid = fixture_mid(n, mid);
	assert_int_equal(envelope_encode(&env, &raw, NULL), 0);
	rm.envelope = buf_view(&raw);
	fixture_octets(n, octets, size);
	m = message_new(&fixture.messages, &rm);
	assert_non_null(m);
	b = journal_begin(fixture.journal, RECORD_MESSAGE);
	record_put_message(b, &rm);
	buf_put(b, octets, size);
	journal_end(fixture.journal, JOURNAL_NOW, fixture_told, t);
	buf_free(&raw);
	free(octets);
	return m;
}

/* To two targets here, and one for the second recipient. */
static inline struct message *
fixture_append(unsigned n, size_t size, struct told *t)
{
	struct str targets[] = {STR("alice@example.test"), STR("bob@example.test")};
	struct envelope_rcpt rcpts[] = {
	    {.address = STR("all@example.test"), .targets = targets, .ntargets = 2, .nlocal = 2},
	    {.address = STR("bob@example.test"),
		.targets = targets + 1,
		.ntargets = 1,
		.nlocal = 1}};

	return fixture_append_to(n, size, STR("carol@example.test"), rcpts, 2, t);
}

/* To one address elsewhere. */
static inline struct message *
fixture_abroad(unsigned n, struct str sender, struct str address, struct told *t)
{
	struct envelope_rcpt rcpt = {.address = address, .targets = &address, .ntargets = 1};

	return fixture_append_to(n, 100, sender, &rcpt, 1, t);
}

static inline void
fixture_result(unsigned n, uint32_t target, enum record_outcome outcome, struct told *t)
{
	struct record_result r = {target, outcome, STR_NONE};
	char mid[ID_SIZE];

	record_put_result(
	    journal_begin(fixture.journal, RECORD_RESULT), fixture_mid(n, mid), &r, 1, STR_NONE);
	journal_end(fixture.journal, JOURNAL_NOW, fixture_told, t);
}

static inline void
fixture_record(enum record_type type, unsigned n, struct told *t)
{
	char mid[ID_SIZE];

	record_put_mid(journal_begin(fixture.journal, type), fixture_mid(n, mid));
	journal_end(fixture.journal, JOURNAL_NOW, fixture_told, t);
}

/* Turns until the journal has nothing to do. */
static inline void
fixture_settle(void)
{
	for (int i = 0; i < 2000 && (i < 2 || !journal_idle(fixture.journal)); i++)
		loop_once(5);
	assert_true(journal_idle(fixture.journal));
}

static inline struct message *
fixture_find(unsigned n)
{
	char mid[ID_SIZE];

	return message_find(&fixture.messages, fixture_mid(n, mid));
}

/* The message is known, with its envelope and the octets it was given. */
static inline void
fixture_check(unsigned n, size_t size)
{
	struct message *m = fixture_find(n);
	char *want = mem_alloc(size + 1);
	struct envelope env;
	struct arena a;
	struct str octets;

	assert_non_null(m);
	assert_int_equal(m->size, size);
	arena_init(&a);
	assert_int_equal(message_envelope(m, &a, &env, NULL, NULL), 0);
	assert_true(str_eq_z(env.sender, "carol@example.test"));
	assert_int_equal(message_read(m, size, &a, &octets, NULL), 0);
	fixture_octets(n, want, size);
	assert_int_equal(octets.n, size);
	assert_memory_equal(octets.p, want, size);
	arena_free(&a);
	free(want);
}
