/*
 * spf_fuzz.c - SPF with hostile records. The first two lines are HELO and the sender; each line
 * after them answers a question: 't' fails, 'n' and 'x' are empty, else the records stand divided
 * by tabs.
 */
#include <stdint.h>

#include "sender/dmarc.h"
#include "sender/spf.h"

#define RECORDS_MAX 16

static struct str
take(struct str *s, char c)
{
	struct str head;

	str_cut(s, c, &head);
	return head;
}

static void
answer(struct facts *f, const struct fact *wish, struct str line)
{
	struct str records[RECORDS_MAX];
	size_t n = 0;

	if (line.n < 2) {
		facts_put(f, wish->name, wish->type,
		    line.n == 1 && line.p[0] == 't'   ? FACT_FAILED
		    : line.n == 1 && line.p[0] == 'n' ? FACT_NODATA
						      : FACT_NXDOMAIN,
		    NULL, 0);
		return;
	}
	while (n < RECORDS_MAX && line.n > 0)
		records[n++] = take(&line, '\t');
	facts_put(f, wish->name, wish->type, FACT_FOUND, records, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size);
	struct spf_query q = {.receiver = STR("mx.example.org"), .now = 1700000000};
	struct spf_answer spf;
	struct dmarc_answer dmarc;
	struct dmarc_query dq;
	const struct fact *wish;
	struct facts f;
	struct arena a;

	arena_init(&a);
	facts_init(&f, &a);
	q.helo = take(&in, '\n');
	q.sender = take(&in, '\n');
	q.peer.ss_family = size % 2 ? AF_INET : AF_INET6;
	while (spf_check(&q, &f, &spf) == SPF_WAIT) {
		while ((wish = facts_wish(&f, NULL)) != NULL)
			answer(&f, wish, take(&in, '\n'));
	}
	dq = (struct dmarc_query){.author = q.helo, .spf_domain = spf.domain, .spf = SPF_PASS};
	while (dmarc_check(&dq, &f, &dmarc) == DMARC_WAIT) {
		while ((wish = facts_wish(&f, NULL)) != NULL)
			answer(&f, wish, take(&in, '\n'));
	}
	arena_free(&a);
	return 0;
}
