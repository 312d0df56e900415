/*
 * watch_test.c - changes as they come (mcpd/watch.c): what is told, a pipe given back and opened
 * anew, and what becomes of it where the owner, authd or their parent refuse, make no sense or go.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include "mcpd/scene.h"

#include <cmocka.h>

static struct mcp_agent_hold hold;
static struct watch *watch;
static unsigned ready, changed, lost;
static enum err_code why;

static void
on_ready(void *arg)
{
	(void)arg;
	ready++;
}

static void
on_changed(void *arg)
{
	(void)arg;
	changed++;
}

static void
on_lost(void *arg, const struct err *e)
{
	(void)arg;
	lost++;
	why = e->code;
	watch_free(&watch);
}

static void
on_held(void *arg, const struct err *e)
{
	(void)arg;
	(void)e;
}

static void
turns(unsigned n, uint64_t ms)
{
	for (unsigned i = 0; i < n; i++) {
		loop_once(2);
		clock_advance(ms);
	}
}

#define UNTIL(what)                                          \
	do {                                                 \
		for (int i_ = 0; i_ < 2000 && !(what); i_++) \
			turns(1, 0);                         \
		assert_true(what);                           \
	} while (0)
/* The same while time passes. */
#define UNTIL_LATER(what)                                    \
	do {                                                 \
		for (int i_ = 0; i_ < 2000 && !(what); i_++) \
			turns(1, 50);                        \
		assert_true(what);                           \
	} while (0)

static int
up(void **state)
{
	if (scene_up(state) < 0)
		return -1;
	ready = changed = lost = 0;
	hold = (struct mcp_agent_hold){.fn = on_held};
	mcp_agent_take(&hold, STR(SCENE_TOKEN), STR("192.0.2.1"), STR("test"), STR(""), false);
	for (int i = 0; i < 1000 && hold.agent == NULL; i++)
		loop_once(2);
	return hold.agent != NULL ? 0 : -1;
}

static int
down(void **state)
{
	watch_free(&watch);
	mcp_agent_drop(&hold);
	return scene_down(state);
}

static void
begin(void)
{
	static const struct watch_events events = {
	    .ready = on_ready, .changed = on_changed, .lost = on_lost};

	watch = watch_new(hold.agent, "Mailbox,Email", &events, NULL);
}

/* The owner's end that watches now; NULL: none does. */
static struct scene_pipe *
pipe_now(void)
{
	for (size_t i = 0; i < scene.nowners; i++)
		if (scene.owner[i].frames != NULL && scene.owner[i].push && !scene.owner[i].left)
			return &scene.owner[i];
	return NULL;
}

static struct scene_pipe *
the_pipe(void)
{
	struct scene_pipe *o = pipe_now();

	assume(o != NULL);
	return o;
}

/* It waits without a pipe. */
static void
until_resting(void)
{
	unsigned before = scene.watched;

	UNTIL_LATER(scene.watched > before);
	UNTIL(pipe_now() == NULL);
	for (size_t i = 0; i < scene.nowners; i++)
		UNTIL(scene.owner[i].frames == NULL);
}

/* ---- what is told ---- */

static void
test_told(void **state)
{
	(void)state;
	begin();
	assert_int_equal(ready, 0);
	UNTIL(ready == 1);
	assert_int_equal(changed, 0);
	for (unsigned i = 1; i < 4; i++) {
		owner_tells();
		UNTIL(changed == i);
	}
	turns(20, 0);
	assert_int_equal(ready, 1);
	assert_int_equal(changed, 3);
	assert_int_equal(scene.tickets, 1);
	assert_int_equal(lost, 0);
}

/* Who only waits keeps no owner: it is woken, has another pipe, and is not ready anew. */
static void
test_rests(void **state)
{
	uint64_t conn;

	(void)state;
	begin();
	UNTIL(ready == 1);
	conn = the_pipe()->conn;
	until_resting();
	assert_int_equal(scene.tickets, 1);
	watch_wake(conn);
	UNTIL(pipe_now() != NULL);
	assert_true(the_pipe()->conn != conn);
	assert_int_equal(scene.tickets, 2);
	/* The parent hears that the number is over. */
	UNTIL(scene.unwatched == 1);
	owner_tells();
	UNTIL(changed == 1);
	assert_int_equal(ready, 1);
	/* And again. */
	until_resting();
	assert_int_equal(lost, 0);
}

/* Woken between OWNER_WATCH and LEFT: it comes back at once. */
static void
test_woken_early(void **state)
{
	uint64_t conn;
	unsigned before;

	(void)state;
	begin();
	UNTIL(ready == 1);
	conn = the_pipe()->conn;
	before = scene.watched;
	scene.mode = OWNER_SILENT; /* says no LEFT */
	UNTIL_LATER(scene.watched > before);
	watch_wake(conn);
	turns(5, 0);
	assert_int_equal(scene.tickets, 1);
	scene.mode = OWNER_GOOD;
	(void)pipe_put(the_pipe()->frames, PIPE_LEFT, NULL, 0);
	the_pipe()->left = true;
	UNTIL(scene.tickets == 2 && pipe_now() != NULL);
	assert_int_equal(lost, 0);
}

/* One that there is not is answered: the parent forgets it. */
static void
test_wake_of_none(void **state)
{
	(void)state;
	begin();
	UNTIL(ready == 1);
	watch_wake(12345);
	watch_wake(the_pipe()->conn); /* it does not rest */
	UNTIL(scene.unwatched == 2);
	turns(5, 0);
	assert_int_equal(scene.tickets, 1);
	assert_int_equal(lost, 0);
}

/* ---- what goes wrong ---- */

/* A pipe that ends is opened anew, and what was told last is said: nothing is missed. */
static void
test_owner_goes(void **state)
{
	(void)state;
	begin();
	UNTIL(ready == 1);
	frames_free(&the_pipe()->frames);
	UNTIL_LATER(pipe_now() != NULL);
	assert_int_equal(scene.tickets, 2);
	owner_tells();
	UNTIL(changed == 1);
	assert_int_equal(ready, 1);
	assert_int_equal(lost, 0);
}

/* In the middle of what it tells: that is not told. */
static void
test_owner_goes_amid(void **state)
{
	(void)state;
	begin();
	UNTIL(ready == 1);
	(void)pipe_put(the_pipe()->frames, PIPE_TEXT, NULL, 0);
	frames_cut(the_pipe()->frames, PIPE_DATA, STR("{\"@type\":"));
	turns(5, 0);
	frames_free(&the_pipe()->frames);
	UNTIL_LATER(pipe_now() != NULL);
	assert_int_equal(changed, 0);
	owner_tells();
	UNTIL(changed == 1);
}

static void
test_no_sense(void **state)
{
	static const unsigned kinds[] = {PIPE_END, PIPE_DATA, PIPE_HEAD, PIPE_LEFT, 200};

	(void)state;
	begin();
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		UNTIL_LATER(pipe_now() != NULL && scene.tickets == i + 1);
		frames_put(the_pipe()->frames, kinds[i], STR(""));
		UNTIL(pipe_now() == NULL);
	}
	UNTIL_LATER(pipe_now() != NULL);
	assert_int_equal(changed, 0);
	assert_int_equal(lost, 0);
}

/* It is tried some times, and given up. */
static void
gives_up(enum scene_owner mode, unsigned tries)
{
	scene.mode = mode;
	begin();
	UNTIL_LATER(lost == 1);
	assert_null(watch);
	assert_int_equal(scene.tickets, tries);
	assert_int_equal(ready, 0);
}

static void
test_refused(void **state)
{
	(void)state;
	gives_up(OWNER_REFUSES, 9);
	assert_int_equal(why, E_TEMP);
}

static void
test_somebody_elses(void **state)
{
	(void)state;
	gives_up(OWNER_OTHER, 9);
	assert_int_equal(why, E_PROTO);
}

/* authd says no: at once. */
static void
test_no_ticket(void **state)
{
	(void)state;
	scene.temp = true;
	gives_up(OWNER_GOOD, 1);
	assert_int_equal(why, E_DENIED);
}

/* Who drains tries nothing again. */
static void
test_draining(void **state)
{
	(void)state;
	begin();
	UNTIL(ready == 1);
	scene.draining = true;
	frames_free(&the_pipe()->frames);
	UNTIL(lost == 1);
	assert_int_equal(scene.tickets, 1);
}

/* ---- it ends ---- */

static void
test_agent_gone(void **state)
{
	(void)state;
	begin();
	UNTIL(ready == 1);
	watch_agent_gone(hold.agent);
	assert_int_equal(lost, 1);
	assert_int_equal(why, E_DENIED);
	assert_null(watch);
}

static void
test_kicked(void **state)
{
	(void)state;
	begin();
	UNTIL(ready == 1);
	assert_false(watch_kick(7));
	assert_int_equal(lost, 0);
	assert_true(watch_kick(the_pipe()->conn));
	assert_int_equal(lost, 1);
	assert_int_equal(why, E_DENIED);
}

/* Nobody would wake those that rest; those with a pipe go on. */
static void
test_parent_gone(void **state)
{
	(void)state;
	begin();
	UNTIL(ready == 1);
	watch_lost();
	turns(5, 0);
	assert_int_equal(scene.tickets, 1);
	until_resting();
	watch_lost();
	UNTIL_LATER(pipe_now() != NULL);
	assert_int_equal(scene.tickets, 2);
	assert_int_equal(lost, 0);
}

/* At any time: nothing is told any more, and a parent that knows of it hears that it is over. */
static void
test_freed(void **state)
{
	(void)state;
	begin();
	watch_free(&watch);
	begin();
	UNTIL(ready == 1);
	watch_free(&watch);
	watch_free(&watch);
	turns(5, 0);
	assert_int_equal(scene.unwatched, 0);
	begin();
	UNTIL(ready == 2);
	until_resting();
	watch_free(&watch);
	UNTIL(scene.unwatched == 1);
	turns(50, 100);
	assert_int_equal(changed + lost, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_told), TEST(test_rests),
	    TEST(test_woken_early), TEST(test_wake_of_none), TEST(test_owner_goes),
	    TEST(test_owner_goes_amid), TEST(test_no_sense), TEST(test_refused),
	    TEST(test_somebody_elses), TEST(test_no_ticket), TEST(test_draining),
	    TEST(test_agent_gone), TEST(test_kicked), TEST(test_parent_gone), TEST(test_freed)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
