/* Unit tests of summary.c: what is taken of mails, what never is, and bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aid/grammar/summary.h"
#include "base/mem.h"

static struct buf out;

static int
setup(void **state)
{
	(void)state;
	buf_init(&out, 1u << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_free(&out);
	return 0;
}

static void
test_english(void **state)
{
	static const char mail[] =
	    "Hello Alice,\n\n"
	    "The budget of the garden project has to be approved before Friday 27 November.\n"
	    "We had lovely weather at the weekend. The children played outside until late.\n\n"
	    "Could you look at the project budget and confirm the 4,200 euros for\n"
	    "the new garden fence? My aunt says that fences are overrated.\n\n"
	    "Kind regards,\nBob\n"
	    "-- \nBob Smith, Garden Projects Ltd, budget budget budget budget project garden.\n";

	(void)state;
	assert_int_equal(summary_make(STR(mail), 2, 1000, &out), 2);
	assert_string_equal(buf_view(&out).p,
	    "The budget of the garden project has to be approved before Friday 27 November.\n"
	    "Could you look at the project budget and confirm the 4,200 euros for the new garden "
	    "fence?\n");
}

static void
test_french(void **state)
{
	static const char mail[] = "Bonjour \xc3\xa0 tous,\n\n"
				   "La r\xc3\xa9union du comit\xc3\xa9 est d\xc3\xa9plac\xc3\xa9"
				   "e au jeudi 3 d\xc3\xa9"
				   "cembre \xc3\xa0 14 h. Il fait "
				   "un temps superbe ici. Merci de confirmer votre pr\xc3\xa9sence "
				   "\xc3\xa0 la r\xc3\xa9union avant mardi.\n"
				   "Mon chat dort sur le clavier.\n\nCordialement,\nClaire\n\n"
				   "Le 20 nov. 2026 \xc3\xa0 10:00, Bob a \xc3\xa9"
				   "crit :\n"
				   "> La r\xc3\xa9union du comit\xc3\xa9 aura-t-elle lieu ? La "
				   "r\xc3\xa9union est importante.\n";

	(void)state;
	assert_int_equal(summary_make(STR(mail), 2, 1000, &out), 2);
	assert_string_equal(buf_view(&out).p,
	    "La r\xc3\xa9union du comit\xc3\xa9 est d\xc3\xa9plac\xc3\xa9"
	    "e au jeudi 3 d\xc3\xa9"
	    "cembre \xc3\xa0 14 h.\n"
	    "Merci de confirmer votre pr\xc3\xa9sence \xc3\xa0 la r\xc3\xa9union avant mardi.\n");
}

static void
test_nothing(void **state)
{
	static const char *const texts[] = {"", "\n\n", "> only a quote\n", "-- \nsignature", "Hi!",
	    "\xff\xfe\x00", "...", "? ! ."};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(summary_make(str_z(texts[i]), 3, 1000, &out), 0);
	assert_int_equal(out.n, 0);
}

static void
test_bounds(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 1u << 22);
	for (unsigned i = 0; i < 20000; i++)
		buf_printf(&text, "Sentence number%u tells something about summaries. ", i);
	assert_int_equal(summary_make(buf_view(&text), 3, 1000, &out), 3);
	buf_reset(&out);
	assert_int_equal(summary_make(buf_view(&text), 100, 120, &out), 2);
	assert_true(out.n <= 120);
	buf_reset(&text);
	/* One sentence without end is cut, as UTF-8. */
	for (unsigned i = 0; i < 5000; i++)
		buf_puts(&text, "\xc3\xa9t\xc3\xa9"
				"s ");
	buf_reset(&out);
	assert_int_equal(summary_make(buf_view(&text), 1, 1000, &out), 1);
	assert_true(str_is_utf8(buf_view(&out)) && out.n <= 401);
	buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_english, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_french, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bounds, setup, teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
