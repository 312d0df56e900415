/* forged_fuzz.c - what is cut are whole lines, each once, and afterwards nothing of ours is left;
 * what gk-screen may say on top never ends a header. */
#include "smtpd/forged.h"

#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "mail/header.h"
#include "smtpd/screening.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size), header = str_sub(in, 0, header_length(in));
	struct forged found[FORGED_MAX];
	struct buf rest;
	size_t n, at = 0;
	bool more;

	n = forged_find(header, STR("mx.test"), true, found, &more);
	buf_init(&rest, size);
	for (size_t i = 0; i < n; i++) {
		assume(found[i].at >= at && found[i].n > 0 && found[i].n <= header.n - found[i].at);
		buf_str(&rest, str_sub(header, at, found[i].at - at));
		at = found[i].at + found[i].n;
	}
	buf_str(&rest, str_from(header, at));
	assume(!rest.over);
	if (!more)
		assume(forged_find(buf_view(&rest), STR("mx.test"), true, found, &more) == 0);
	buf_free(&rest);
	if (in.n > 0 && screening_fields_ok(in))
		assume(header_length(in) == in.n && str_ends(in, STR("\r\n")));
	return 0;
}
