/* address_fuzz.c - paths, canonical forms and homes keep their promises for any octets; lists never
 * fail. */
#include "mail/address.h"

#include "base/mem.h"
#include "mail/addrlist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted is accepted again, and its text does not change any more. */
static void
check_again(struct str text, struct arena *a)
{
	struct address again;
	struct err e;

	assume(address_parse(text, ADDRESS_UTF8 | ADDRESS_POSTMASTER, a, &again, &e) == 0);
	assume(str_eq(again.text, text));
}

static void
check_home(struct str text, struct arena *a)
{
	char home[ADDRESS_HOME_SIZE];
	struct str canonical;
	struct err e;

	if (address_canonical(text, a, &canonical, &e) < 0 || address_home(canonical, home, &e) < 0)
		return;
	assume(strlen(home) < ADDRESS_HOME_SIZE && strstr(home, "/.") == NULL && home[0] != '.' &&
	       home[0] != '/');
	assume(strchr(home, '/') == strrchr(home, '/'));
}

static void
check_list(struct str in, struct arena *a)
{
	struct addrlist l;
	int depth = 0;

	addrlist_parse(in, a, &l);
	assume(l.n <= ADDRLIST_MAX + 1);
	for (size_t i = 0; i < l.n; i++) {
		const struct addr *v = &l.v[i];

		if (v->host.p == NULL)
			depth += v->mailbox.p != NULL ? 1 : -1;
		assume(depth == 0 || depth == 1);
		assume(v->host.p == NULL || v->mailbox.p != NULL);
	}
	assume(depth == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size), path = in;
	struct arena a;
	struct address addr;
	struct err e;

	arena_init(&a);
	if (address_path(&path, ADDRESS_UTF8 | ADDRESS_NULL | ADDRESS_POSTMASTER, &a, &addr, &e) ==
	    0) {
		assume(addr.text.n + 2 <= ADDRESS_PATH_MAX);
		if (addr.text.n > 0)
			check_again(addr.text, &a);
	}
	check_home(in, &a);
	check_list(in, &a);
	arena_free(&a);
	return 0;
}
