/* srs_test.c - senders rewritten and led back, in the shape of the published examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/srs.h"

#define DAY 20000u

static const unsigned char key[SRS_KEY] = "a secret of this server", other[SRS_KEY] = "another";
static struct arena a;

static struct str
forward(const char *sender, const char *domain)
{
	struct str out;

	assert_int_equal(srs_forward(key, str_z(sender), str_z(domain), DAY, &a, &out, NULL), 0);
	return out;
}

static struct str
local_of(struct str address)
{
	return str_sub(address, 0, str_rchr(address, '@'));
}

static const char *
back(struct str local, uint64_t day)
{
	struct str out;
	struct err e;

	if (srs_reverse(key, local, day, &a, &out, &e) < 0)
		return e.code == E_DENIED ? "denied" : "no";
	return arena_dupz(&a, out);
}

/* user@source.com by forwarder.com: SRS0=HHHH=TT=source.com=user@forwarder.com. */
static void
the_first_hop(void **state)
{
	struct str s = forward("user@source.com", "forwarder.com");

	(void)state;
	assert_true(str_starts(s, STR("SRS0=")));
	assert_true(str_ends(s, STR("=source.com=user@forwarder.com")));
	assert_int_equal(s.n, 5 + 4 + 1 + 2 + strlen("=source.com=user@forwarder.com"));
	assert_string_equal(back(local_of(s), DAY), "user@source.com");
	/* A local part may hold the separator. */
	s = forward("a=b+c=@source.com", "forwarder.com");
	assert_string_equal(back(local_of(s), DAY), "a=b+c=@source.com");
}

/* Then by bouncer.com: SRS1=HHHH=forwarder.com==HHHH=TT=source.com=user@bouncer.com; by any further
 * one the same with another hash. */
static void
further_hops(void **state)
{
	struct str first = forward("user@source.com", "forwarder.com");
	struct str second = forward(arena_dupz(&a, first), "bouncer.com");
	struct str third = forward(arena_dupz(&a, second), "third.com");

	(void)state;
	assert_true(str_starts(second, STR("SRS1=")));
	assert_true(str_find(second, STR("=forwarder.com==")) < second.n);
	assert_true(str_ends(second, STR("=source.com=user@bouncer.com")));
	assert_string_equal(back(local_of(second), DAY), arena_dupz(&a, first));
	assert_true(str_find(third, STR("=forwarder.com==")) < third.n);
	assert_int_equal(third.n, second.n - strlen("bouncer.com") + strlen("third.com"));
	assert_string_equal(back(local_of(third), DAY), arena_dupz(&a, first));
}

static void
case_is_lost_on_the_way(void **state)
{
	struct str s = local_of(forward("user@source.com", "forwarder.com"));
	char *z = arena_dupz(&a, s);

	(void)state;
	for (char *p = z; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	assert_string_equal(back(str_z(z), DAY), "user@source.com");
}

static void
days_go_by(void **state)
{
	struct str s = local_of(forward("user@source.com", "forwarder.com"));

	(void)state;
	assert_string_equal(back(s, DAY + SRS_DAYS), "user@source.com");
	assert_string_equal(back(s, DAY + SRS_DAYS + 1), "denied");
	assert_string_equal(back(s, DAY - 1), "denied");
	/* The count goes round. */
	assert_string_equal(back(s, DAY + 1024), "user@source.com");
}

static void
what_was_changed_is_denied(void **state)
{
	struct str s = local_of(forward("user@source.com", "forwarder.com")), out;
	struct err e;

	(void)state;
	for (size_t i = 5; i < s.n; i++) {
		char *z = arena_dupz(&a, s);

		z[i] = z[i] == '0' ? '1' : '0';
		assert_string_not_equal(back(str_z(z), DAY), "user@source.com");
	}
	for (size_t n = 0; n < s.n; n++)
		assert_string_not_equal(back(str_sub(s, 0, n), DAY), "user@source.com");
	assert_int_equal(srs_reverse(other, s, DAY, &a, &out, &e), -1);
	assert_int_equal(e.code, E_DENIED);
	assert_string_equal(back(STR("user"), DAY), "no");
	assert_string_equal(back(STR("SRS0=="), DAY), "no");
	assert_string_equal(back(STR("SRS1=x=="), DAY), "no");
	assert_string_equal(back(STR("SRS0=aaaa=AA=x.test=forged"), DAY), "denied");
}

static void
what_cannot_be_rewritten(void **state)
{
	struct str out;
	struct err e;

	(void)state;
	assert_int_equal(srs_forward(key, STR(""), STR("f.com"), DAY, &a, &out, &e), -1);
	assert_int_equal(
	    srs_forward(key, STR("\"a b\"@x.com"), STR("f.com"), DAY, &a, &out, &e), -1);
	assert_int_equal(e.code, E_INVAL);
	assert_int_equal(
	    srs_forward(key, STR("a-local-part-of-good-length@a.domain.that.is.long.example.org"),
		STR("f.com"), DAY, &a, &out, &e),
	    -1);
	assert_int_equal(e.code, E_LIMIT);
}

static int
fresh(void **state)
{
	(void)state;
	arena_init(&a);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	arena_free(&a);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_first_hop, fresh, end),
	    cmocka_unit_test_setup_teardown(further_hops, fresh, end),
	    cmocka_unit_test_setup_teardown(case_is_lost_on_the_way, fresh, end),
	    cmocka_unit_test_setup_teardown(days_go_by, fresh, end),
	    cmocka_unit_test_setup_teardown(what_was_changed_is_denied, fresh, end),
	    cmocka_unit_test_setup_teardown(what_cannot_be_rewritten, fresh, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
