/* Fuzzes what a request shows for itself: what was read lies where it may, and is text. */
#include "base/mem.h"
#include "webd/webauth.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

int
LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
	struct credential c;
	struct arena a;

	arena_init(&a);
	credential_read(str_of(p, n), STR_NONE, &a, &c);
	assume(c.kind != CREDENTIAL_NONE && c.kind != CREDENTIAL_COOKIE);
	if (c.kind == CREDENTIAL_BASIC) {
		assume(c.user.n > 0 && c.password.n > 0);
		assume(str_is_utf8(c.user) && str_is_utf8(c.password));
		assume(str_chr(c.user, ':') == c.user.n);
	}
	credential_read(STR_NONE, str_of(p, n), &a, &c);
	assume(c.kind == CREDENTIAL_COOKIE || c.kind == CREDENTIAL_BAD);
	arena_free(&a);
	return 0;
}
