/* agent_test.c - scopes and policies as words and as numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ipc/agent.h"

static void
test_scopes(void **state)
{
	uint32_t v = 0;
	struct err e;
	struct buf b;

	(void)state;
	assert_int_equal(agent_scopes_parse(STR("mail:send, mail:read"), &v, &e), 0);
	assert_int_equal(v, AGENT_READ | AGENT_SEND);
	buf_init(&b, 200);
	agent_scopes_put(v, &b);
	assert_string_equal(b.p, "mail:read,mail:send");
	buf_free(&b);
	assert_int_equal(agent_scopes_parse(STR("mail:read,mail:all"), &v, &e), -1);
	assert_int_equal(agent_scopes_parse(STR(" ,"), &v, &e), -1);
	assert_int_equal(v, AGENT_READ | AGENT_SEND);
}

static void
test_policy(void **state)
{
	uint32_t p = AGENT_POLICY_DEFAULT;
	struct err e;
	struct buf b;

	(void)state;
	assert_true(agent_policy_valid(p));
	assert_int_equal(agent_policy_get(p, AGENT_CLASS_SEND), AGENT_APPROVAL);
	assert_int_equal(agent_policy_get(p, AGENT_CLASS_DRAFT), AGENT_FREE);
	assert_int_equal(agent_policy_parse(STR("delete=free,send=never"), &p, &e), 0);
	buf_init(&b, 400);
	agent_policy_put(p, &b);
	assert_string_equal(b.p, "read=free,flag=free,draft=free,send=never,delete=free,"
				 "move=approval,forward=approval,vacation=approval");
	buf_free(&b);
	/* All or nothing, and never free to send. */
	assert_int_equal(agent_policy_parse(STR("delete=never,send=free"), &p, &e), -1);
	assert_int_equal(agent_policy_get(p, AGENT_CLASS_DELETE), AGENT_FREE);
	assert_int_equal(agent_policy_parse(STR("delete"), &p, &e), -1);
	assert_int_equal(agent_policy_parse(STR("shred=free"), &p, &e), -1);
	assert_false(agent_policy_valid(3u));
	assert_false(agent_policy_valid(0));
	assert_false(agent_policy_valid(AGENT_POLICY_DEFAULT | 1u << 31));
	assert_int_equal(agent_policy_get(3u, AGENT_CLASS_READ), AGENT_NEVER);
}

static void
test_names(void **state)
{
	(void)state;
	assert_true(agent_name_valid(STR("my-agent_2.0")));
	assert_false(agent_name_valid(STR("")));
	assert_false(agent_name_valid(STR("a b")));
	assert_false(agent_name_valid(STR("a\n")));
	assert_true(agent_session_valid(STR("0123456789abcdef")));
	assert_false(agent_session_valid(STR("0123456789ABCDEF")));
	assert_false(agent_session_valid(STR("0123")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_scopes),
	    cmocka_unit_test(test_policy),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
