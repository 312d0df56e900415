/* reply_test.c - replies in every split, their bounds, and what is handed on of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "delivery/remote/offer.h"

/* Reads in with a stop at `split`: what is not used stays, as in a stream. */
static enum reply_state
read_split(struct reply *r, struct str in, size_t split, size_t *used)
{
	enum reply_state s;
	size_t n;

	reply_init(r);
	s = reply_read(r, str_sub(in, 0, split), &n);
	*used = n;
	if (s == REPLY_MORE) {
		s = reply_read(r, str_from(in, n), &n);
		*used += n;
	}
	return s;
}

struct sample {
	const char *in;
	enum reply_state state;
	int code;
	const char *text;
	size_t left;
};

static const struct sample samples[] = {
    {"250 ok\r\n", REPLY_DONE, 250, "ok", 0},
    {"250\r\n", REPLY_DONE, 250, "", 0},
    {"250 \r\nrest", REPLY_DONE, 250, "", 4},
    {"250-a\r\n250-b\r\n250 c\r\n220 x\r\n", REPLY_DONE, 250, "a\nb\nc", 7},
    {"250-\r\n250\r\n", REPLY_DONE, 250, "\n", 0},
    {"550 bare LF\n", REPLY_DONE, 550, "bare LF", 0},
    {"550 a\rb\r\n", REPLY_DONE, 550, "a\rb", 0},
    {"250 ok", REPLY_MORE, 0, NULL, 6},
    {"250-a\r\n", REPLY_MORE, 250, "a", 0},
    {"250-a\r\n251 b\r\n", REPLY_BAD, 0, NULL, 0},
    {"100 x\r\n", REPLY_BAD, 0, NULL, 0},
    {"600 x\r\n", REPLY_BAD, 0, NULL, 0},
    {"25\r\n", REPLY_BAD, 0, NULL, 0},
    {"25x a\r\n", REPLY_BAD, 0, NULL, 0},
    {"250_a\r\n", REPLY_BAD, 0, NULL, 0},
    {"2500 a\r\n", REPLY_BAD, 0, NULL, 0},
    {"\r\n", REPLY_BAD, 0, NULL, 0},
};

static void
every_split_reads_the_same(void **state)
{
	struct reply r;
	size_t used;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		const struct sample *x = &samples[i];
		struct str in = str_z(x->in);

		for (size_t split = 0; split <= in.n; split++) {
			assert_int_equal(read_split(&r, in, split, &used), x->state);
			if (x->state == REPLY_DONE) {
				assert_int_equal(r.code, x->code);
				assert_true(str_eq_z(buf_view(&r.text), x->text));
				assert_int_equal(in.n - used, x->left);
			}
			reply_free(&r);
		}
	}
}

static void
replies_end(void **state)
{
	static char many[REPLY_TOTAL_MAX + 9000];
	struct reply r;
	size_t used, n = 0;

	(void)state;
	memset(many, 'x', sizeof(many));
	reply_init(&r);
	assert_int_equal(reply_read(&r, str_of(many, REPLY_LINE_MAX), &used), REPLY_BAD);
	while (n + 6 < sizeof(many)) {
		memcpy(many + n, "250-x\n", 6);
		n += 6;
	}
	reply_reset(&r);
	assert_int_equal(reply_read(&r, str_of(many, n), &used), REPLY_BAD);
	assert_true(r.lines == REPLY_LINES_MAX + 1);
	memset(many, 'x', sizeof(many));
	for (n = 0; n + 8000 < sizeof(many); n += 8000) {
		memcpy(many + n, "250-", 4);
		many[n + 7999] = '\n';
	}
	reply_reset(&r);
	assert_int_equal(reply_read(&r, str_of(many, n), &used), REPLY_BAD);
	reply_free(&r);
}

static void
words_are_handed_on(void **state)
{
	static const struct {
		const char *in, *enhanced, *words;
	} all[] = {
	    {"550 5.1.1 no such user\r\n", "5.1.1", "5.1.1 550 5.1.1 no such user"},
	    {"550-5.1.1 no\r\n550 5.1.1 user\r\n", "5.1.1", "5.1.1 550 5.1.1 no 5.1.1 user"},
	    {"550 4.1.1 no such user\r\n", "", "5.0.0 550 4.1.1 no such user"},
	    {"450 later\r\n", "", "4.0.0 450 later"},
	    {"550 5.1.1234 x\r\n", "", "5.0.0 550 5.1.1234 x"},
	    {"550 5.7.509\r\n", "5.7.509", "5.7.509 550 5.7.509"},
	    {"550 5.1\r\n", "", "5.0.0 550 5.1"},
	    {"250\r\n", "", "2.0.0 250"},
	    {"550 \033[31mr\xc3\xa9\ted\001\r\n", "", "5.0.0 550 ?[31mr?? ed?"},
	};
	struct arena a;
	struct reply r;
	size_t used;

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		reply_init(&r);
		assert_int_equal(reply_read(&r, str_z(all[i].in), &used), REPLY_DONE);
		assert_string_equal(arena_dupz(&a, reply_enhanced(&r)), all[i].enhanced);
		assert_string_equal(arena_dupz(&a, reply_words(&r, "x.0.0", &a)), all[i].words);
		reply_free(&r);
	}
	arena_free(&a);
}

static void
offers_are_read(void **state)
{
	static const char in[] =
	    "250-MX.example.org greets you\r\n250-pipelining\r\n250-SIZE 1000\r\n"
	    "250-AUTH CRAM-MD5  PLAIN\r\n250-AUTH=LOGIN\r\n250-SIZEX 7\r\n"
	    "250-8BITMIME \r\n250-X-STARTTLS\r\n250 DSN\r\n";
	struct offer o;
	struct reply r;
	size_t used;

	(void)state;
	reply_init(&r);
	assert_int_equal(reply_read(&r, str_z(in), &used), REPLY_DONE);
	offer_read(&r, &o);
	assert_int_equal(o.has, OFFER_ESMTP | OFFER_PIPELINING | OFFER_SIZE | OFFER_PLAIN |
				    OFFER_LOGIN | OFFER_8BITMIME | OFFER_DSN);
	assert_int_equal(o.size, 1000);
	assert_true(str_eq(offer_name(&r), STR("MX.example.org")));
	reply_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_split_reads_the_same),
	    cmocka_unit_test(replies_end),
	    cmocka_unit_test(words_are_handed_on),
	    cmocka_unit_test(offers_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
