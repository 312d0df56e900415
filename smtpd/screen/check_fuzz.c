/* check_fuzz.c - any message, from anybody, with a DNS that says anything: it ends in a verdict,
 * and what is to stand on top are header fields of bounded size. */
#include <stdint.h>

#include "base/mem.h"
#include "smtpd/screen/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the message calls a record is what the DNS says: lines "\x01text" of its body. */
static void
answer(struct facts *f, const struct fact *wish, struct str said, unsigned n)
{
	static const struct str address = STR_INIT("\xc0\x00\x02\x01"),
				sixteen = STR_INIT("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01");
	struct str record = said, line;

	for (unsigned i = 0; i < n % 5 && str_cut(&record, '\x01', &line); i++)
		continue;
	(void)str_cut(&record, '\n', &line);
	if (wish->type == FACT_A)
		facts_put(f, wish->name, wish->type, FACT_FOUND, &address, 1);
	else if (wish->type == FACT_AAAA)
		facts_put(f, wish->name, wish->type, FACT_FOUND, &sixteen, 1);
	else if (n % 7 == 0)
		facts_put(f, wish->name, wish->type, FACT_FAILED, NULL, 0);
	else if (wish->type == FACT_TXT)
		facts_put(f, wish->name, wish->type, FACT_FOUND, &line, 1);
	else
		facts_put(f, wish->name, wish->type, FACT_NXDOMAIN, NULL, 0);
}

static void
look_at_fields(struct str fields)
{
	struct str line;
	bool first = true;

	assume(fields.n <= RESULTS_MAX && str_is_utf8(fields));
	while (fields.n > 0) {
		size_t end = str_find(fields, STR("\r\n"));

		assume(end < fields.n && end > 0 && end <= 998);
		line = str_sub(fields, 0, end);
		for (size_t i = 0; i < line.n; i++)
			assume(!is_cntl(line.p[i]) || line.p[i] == '\t');
		assume(str_trim(line).n > 0);
		assume(!first || str_starts(line, STR("Authentication-Results: ")));
		first = false;
		fields = str_from(fields, end + 2);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size), sender, helo;
	struct check_query q = {
	    .mid = STR("m"), .host = STR("mx.test"), .junk_score = 6, .now = 1795348800};
	const struct check_result *r;
	const struct fact *wish;
	struct check *c;
	unsigned n = 0, step;

	if (size < 3)
		return 0;
	q.enforce = (enum check_enforce)(data[0] % 3);
	q.refuse_spf_fail = data[0] & 8;
	q.iprev = (enum screen_iprev)(data[0] / 16 % 3);
	step = data[1] + 1u;
	in = str_from(in, 2);
	(void)str_cut(&in, '\n', &sender);
	(void)str_cut(&in, '\n', &helo);
	q.sender = str_sub(sender, 0, 320);
	q.helo = str_sub(helo, 0, 255);
	q.peer.ss_family = data[0] & 4 ? AF_INET6 : AF_INET;
	c = check_new(&q);
	for (size_t at = 0; at < in.n; at += step)
		check_feed(c, str_sub(in, at, step));
	while (check_run(c, &r) == CHECK_WAIT)
		while ((wish = facts_wish(check_facts(c), NULL)) != NULL)
			answer(check_facts(c), wish, in, ++n);
	look_at_fields(r->fields);
	for (size_t i = 0; i < r->text.n; i++)
		assume(r->text.p[i] >= ' ' && r->text.p[i] <= '~');
	check_free(&c);
	return 0;
}
