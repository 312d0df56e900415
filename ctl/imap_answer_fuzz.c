/* imap_answer_fuzz.c - a hostile IMAP server: responses are gathered under the limits of gkmail
 * import, and what is read of one lies in it. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ctl/imap_answer.h"
#include "net/imap_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
lies_in(struct str s, struct str all)
{
	assume(s.n == 0 || (s.p >= all.p && s.p + s.n <= all.p + all.n));
}

static void
read_one(struct str response)
{
	struct imap_answer x;
	struct str quoted;
	struct arena a;

	arena_init(&a);
	if (imap_answer_read(response, STR("g1"), &a, &x) == 0) {
		lies_in(x.text, response);
		lies_in(x.flags, response);
		lies_in(x.attributes, response);
		assume(x.date >= 0 && x.name.n <= response.n && x.body.n <= response.n);
		assume(str_chr(x.flags, '(') == x.flags.n && str_chr(x.flags, '"') == x.flags.n);
		if (x.kind == IMAP_LIST && imap_answer_quote(x.name, &a, &quoted) == 0)
			assume(quoted.n >= x.name.n + 2);
		(void)imap_answer_has(x.attributes, "\\Sent");
	}
	arena_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct imap_frame_limits limits = {.command = 8192, .literal = 4096};
	struct str rest = str_of(data, size);
	enum imap_frame_end end = FRAME_MORE;
	struct imap_frame f;
	size_t used;

	imap_frame_init(&f, &limits);
	while (rest.n > 0 && end != FRAME_REFUSED) {
		end = imap_frame_feed(&f, rest, &used);
		rest = str_from(rest, used);
		assume(f.text.n <= limits.command);
		if (end == FRAME_DONE) {
			read_one(buf_view(&f.text));
			imap_frame_reset(&f);
		} else if (end == FRAME_MORE && used == 0) {
			break;
		}
	}
	imap_frame_free(&f);
	return 0;
}
