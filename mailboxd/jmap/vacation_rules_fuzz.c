/*
 * vacation_rules_fuzz.c - whatever a header holds, whom an absent user's answer goes to and what it
 * refers to can be written into a command and a field.
 */
#include "base/mem.h"
#include "mail/address.h"
#include "mail/compose.h"
#include "mailboxd/jmap/vacation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_own(void *arg, struct str address)
{
	(void)arg;
	return str_ieq_z(address, "a@x.test");
}

static bool
is_line(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0')
			return false;
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vacation_answer w;
	struct address address;
	struct arena a;

	arena_init(&a);
	if (vacation_judge(str_of(data, size), is_own, NULL, &a, &w) == NULL) {
		assume(address_parse(w.to, ADDRESS_UTF8, &a, &address, NULL) == 0);
		assume(is_line(w.to) && is_line(w.from) && is_own(NULL, w.from));
		assume(!is_own(NULL, w.to));
		assume(w.id.n <= 500 && w.references.n < 20000);
	}
	arena_free(&a);
	return 0;
}
