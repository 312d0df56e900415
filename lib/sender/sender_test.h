/* sender_test.h - a DNS of a few lines for tests of evaluators. */
#pragma once

#include <arpa/inet.h>

#include "base/mem.h"
#include "sender/facts.h"

/*
 * Lines "name TYPE value"; types A, AAAA, TXT (value to the end of the line), MX, PTR, and FAIL
 * (value: the type that gets no answer). A name without any line is NXDOMAIN.
 */
struct zone {
	const char *lines;
	unsigned asked; /* wishes answered */
	unsigned rounds;
};

static inline const char *
zone_type(enum fact_type t)
{
	return t == FACT_A      ? "A"
	       : t == FACT_AAAA ? "AAAA"
	       : t == FACT_TXT  ? "TXT"
	       : t == FACT_MX   ? "MX"
				: "PTR";
}

static inline struct str
zone_value(struct arena *a, enum fact_type t, struct str value)
{
	char text[64], octets[16];

	if (t != FACT_A && t != FACT_AAAA)
		return value;
	assume(str_cz(value, text, sizeof(text)) == 0);
	assume(inet_pton(t == FACT_A ? AF_INET : AF_INET6, text, octets) == 1);
	return arena_dup(a, str_of(octets, t == FACT_A ? 4 : 16));
}

static inline void
zone_answer_one(const struct zone *z, struct facts *f, const struct fact *wish)
{
	struct str rest = str_z(z->lines), line, name, type, records[64];
	enum fact_status status = FACT_NXDOMAIN;
	size_t n = 0;
	bool more;

	do {
		more = str_cut(&rest, '\n', &line);
		if (!str_cut(&line, ' ', &name) || !str_ieq(name, wish->name))
			continue;
		str_cut(&line, ' ', &type);
		if (status == FACT_NXDOMAIN)
			status = FACT_NODATA;
		if (str_eq_z(type, "FAIL") && str_eq_z(line, zone_type(wish->type)))
			status = FACT_FAILED;
		if (str_eq_z(type, zone_type(wish->type)) && n < ARRAY_LEN(records)) {
			records[n++] = zone_value(f->arena, wish->type, line);
			status = FACT_FOUND;
		}
	} while (more);
	facts_put(f, wish->name, wish->type, status, records, n);
}

/* Answers every wish. */
static inline void
zone_answer(struct zone *z, struct facts *f)
{
	const struct fact *wish;

	z->rounds++;
	while ((wish = facts_wish(f, NULL)) != NULL) {
		zone_answer_one(z, f, wish);
		z->asked++;
	}
}
