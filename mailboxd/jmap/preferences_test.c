/* preferences_test.c - Preferences: one object, bounded, merged by patches, told of by its state.
 */
#include "mailboxd/jmap/jmap_test_in.h"

#include "store/object.h"

static void
set(const char *patch)
{
	struct str args = arena_printf(&scratch, "{\"update\":{\"singleton\":%s}}", patch);

	call("Preferences/set", args.p);
}

static void
nothing_is_preferred_at_first(void **state)
{
	(void)state;
	call("Preferences/get", "{}");
	expect("/list", "[{\"id\":\"singleton\",\"theme\":null,\"accent\":null,\"density\":null,"
			"\"language\":null,\"undoSeconds\":null,\"assistant\":null,"
			"\"imagesFrom\":{}}]");
}

static void
what_two_devices_set_is_kept_together(void **state)
{
	(void)state;
	set("{\"theme\":\"dark\",\"undoSeconds\":20,\"imagesFrom/bob@x.test\":true}");
	expect("/notUpdated", "null");
	set("{\"accent\":\"rose\",\"imagesFrom/a~1b@x.test\":true}");
	call("Preferences/get", "{\"ids\":[\"singleton\"],\"properties\":[\"theme\",\"accent\","
				"\"undoSeconds\",\"assistant\",\"imagesFrom\"]}");
	expect("/list/0/theme", "\"dark\"");
	expect("/list/0/accent", "\"rose\"");
	expect("/list/0/undoSeconds", "20");
	expect("/list/0/imagesFrom", "{\"bob@x.test\":true,\"a/b@x.test\":true}");
	set("{\"theme\":null,\"imagesFrom/bob@x.test\":null}");
	close_all();
	open_all();
	call("Preferences/get", "{}");
	expect("/list/0/theme", "null");
	expect("/list/0/imagesFrom", "{\"a/b@x.test\":true}");
}

static void
its_state_tells_of_each_change(void **state)
{
	uint64_t before = jmap->modseq[JMAP_PREFERENCES_TYPE];

	(void)state;
	set("{\"theme\":\"dark\"}");
	assert_true(jmap->modseq[JMAP_PREFERENCES_TYPE] > before);
	assert_string_equal(jmap_type_name(JMAP_PREFERENCES_TYPE), "Preferences");
}

static void
rubbish_is_refused(void **state)
{
	static const struct {
		const char *patch, *property;
	} bad[] = {{"{\"theme\":7}", "[\"theme\"]"}, {"{\"theme\":\"\"}", "[\"theme\"]"},
	    {"{\"language\":\"123456789012345678901234567890123\"}", "[\"language\"]"},
	    {"{\"undoSeconds\":-1}", "[\"undoSeconds\"]"},
	    {"{\"undoSeconds\":3601}", "[\"undoSeconds\"]"},
	    {"{\"undoSeconds\":\"10\"}", "[\"undoSeconds\"]"},
	    {"{\"assistant\":1}", "[\"assistant\"]"}, {"{\"imagesFrom\":[]}", "[\"imagesFrom\"]"},
	    {"{\"imagesFrom/x\":false}", "[\"imagesFrom\"]"},
	    {"{\"colour\":\"red\"}", "[\"colour\"]"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		set(bad[i].patch);
		expect("/notUpdated/singleton/type", "\"invalidProperties\"");
		expect("/notUpdated/singleton/properties", bad[i].property);
	}
	call("Preferences/set", "{\"create\":{\"k\":{}},\"destroy\":[\"singleton\"]}");
	expect("/notCreated/k/type", "\"singleton\"");
	expect("/notDestroyed/singleton/type", "\"singleton\"");
}

static void
senders_are_bounded(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	for (unsigned n = 1000; n <= 1001; n++) {
		buf_reset(&b);
		buf_puts(&b, "{\"imagesFrom\":{");
		for (unsigned i = 0; i < n; i++)
			(void)buf_printf(&b, "%s\"%u@x.test\":true", i > 0 ? "," : "", i);
		buf_puts(&b, "}}");
		set(arena_dupz(&scratch, buf_view(&b)));
		if (n == 1000)
			expect("/notUpdated", "null");
		else
			expect("/notUpdated/singleton/properties", "[\"imagesFrom\"]");
	}
	buf_free(&b);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(nothing_is_preferred_at_first),
	    TEST(what_two_devices_set_is_kept_together),
	    TEST(its_state_tells_of_each_change),
	    TEST(rubbish_is_refused),
	    TEST(senders_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
