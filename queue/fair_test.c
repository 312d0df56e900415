/* fair_test.c - parties take turns, and the greediest loses its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "queue/fair.h"

#define FLOOD 50u

static struct fair line;
static struct fair_item flood[FLOOD], one, two;

static void
begin(void)
{
	fair_init(&line);
	for (size_t i = 0; i < FLOOD; i++) {
		flood[i].party = NULL;
		fair_add(&line, STR("flood"), &flood[i]);
	}
}

static void
end(void)
{
	struct fair_item *i;

	while ((i = fair_next(&line)) != NULL)
		fair_take(&line, i);
	assert_int_equal(line.n, 0);
}

static void
a_flood_does_not_hold_others(void **state)
{
	struct fair_item *turns[] = {&flood[0], &one, &two, &flood[1], &flood[2]};

	(void)state;
	begin();
	fair_add(&line, STR("one"), &one);
	fair_add(&line, STR("two"), &two);
	for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
		assert_ptr_equal(fair_next(&line), turns[i]);
		fair_take(&line, turns[i]);
	}
	/* Who comes back waits for the others once. */
	fair_add(&line, STR("one"), &one);
	fair_take(&line, fair_next(&line));
	assert_ptr_equal(fair_next(&line), &one);
	end();
}

static void
what_leaves_out_of_turn_keeps_the_order(void **state)
{
	(void)state;
	begin();
	fair_add(&line, STR("one"), &one);
	fair_take(&line, &flood[3]);
	assert_ptr_equal(fair_next(&line), &flood[0]);
	fair_take(&line, &one);
	assert_ptr_equal(fair_next(&line), &flood[0]);
	assert_int_equal(line.n, FLOOD - 1);
	end();
}

static void
the_greediest_gives_way(void **state)
{
	(void)state;
	begin();
	assert_ptr_equal(fair_greediest(&line, STR("one")), &flood[FLOOD - 1]);
	assert_null(fair_greediest(&line, STR("flood")));
	end();
	/* Equals do not push each other out. */
	fair_init(&line);
	fair_add(&line, STR("one"), &one);
	assert_null(fair_greediest(&line, STR("two")));
	fair_add(&line, STR("one"), &two);
	assert_ptr_equal(fair_greediest(&line, STR("two")), &two);
	end();
}

static void
count(void *arg, struct fair_item *i)
{
	assert_non_null(i->party);
	(*(size_t *)arg)++;
}

static void
each_is_seen(void **state)
{
	size_t n = 0;

	(void)state;
	begin();
	fair_add(&line, STR("one"), &one);
	fair_each(&line, count, &n);
	assert_int_equal(n, FLOOD + 1);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_flood_does_not_hold_others),
	    cmocka_unit_test(what_leaves_out_of_turn_keeps_the_order),
	    cmocka_unit_test(the_greediest_gives_way),
	    cmocka_unit_test(each_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
