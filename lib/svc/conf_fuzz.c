/* conf_fuzz.c - any text as a configuration: an error with a message, or values that survive being
 * written out and read again, and a CONFIG message. */
#include "base/mem.h"
#include "svc/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
check(const struct conf *c)
{
	struct arena a;
	struct conf *d;
	struct str *v;
	struct err e;
	size_t n;

	arena_init(&a);
	n = conf_pack(c,
	    "server tls smtp submission imap mailbox queue delivery auth limits log route", &a, &v);
	d = conf_unpack(v, n, &e);
	assume(d != NULL);
	for (size_t k = 0; k < CONF_COUNT; k++)
		assume(
		    str_eq(conf_text(c, (enum conf_key)k, &a), conf_text(d, (enum conf_key)k, &a)));
	for (size_t t = 0; t < CONF_TABLES_COUNT; t++)
		assume(conf_count(c, (enum conf_table)t) == conf_count(d, (enum conf_table)t));
	for (size_t i = 0; i < conf_count(c, CONF_TABLE_ROUTE); i++)
		assume(str_eq(conf_row_text(c, CONF_ROUTE_HOST, i, &a),
		    conf_row_text(d, CONF_ROUTE_HOST, i, &a)));
	conf_free(&d);
	arena_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e = {0};
	struct conf *c = conf_parse(str_of(p, n), "t", &e);

	if (c == NULL) {
		assume(e.code != E_OK && e.text[0] == 't');
		return 0;
	}
	check(c);
	conf_free(&c);
	return 0;
}
