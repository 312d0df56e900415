/* Any octets as a command: framed, then parsed, then its set resolved and its names encoded again.
 */
#include <stdint.h>

#include "base/mem.h"
#include "mail/mutf7.h"
#include "mailboxd/imap/parse.h"
#include "net/imap_frame.h"

static const struct imap_frame_limits limits = {1u << 16, 4096, imap_parse_wants_message};

static void
one(struct str text)
{
	struct imap_cmd cmd;
	struct arena a;
	struct err e;
	struct str wire, back;

	arena_init(&a);
	if (imap_parse(text, &a, &cmd, &e) == 0) {
		imap_set_resolve(&cmd.set, 1000);
		imap_set_has(&cmd.set, 7);
		/* A reference of LIST need not be a name. */
		if (cmd.verb != VERB_LIST && cmd.verb != VERB_LSUB && cmd.mailbox.n > 0 &&
		    mutf7_encode(cmd.mailbox, &a, &wire) == 0) {
			assume(mutf7_decode(wire, &a, &back) == 0);
			assume(str_eq(back, cmd.mailbox));
		}
	}
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size);
	struct imap_frame f;
	size_t used;

	imap_frame_init(&f, &limits);
	while (in.n > 0) {
		enum imap_frame_end end = imap_frame_feed(&f, in, &used);

		in = str_from(in, used);
		if (end == FRAME_MORE)
			break;
		if (end == FRAME_CONTINUE)
			continue;
		one(buf_view(&f.text));
		imap_frame_reset(&f);
	}
	imap_frame_free(&f);
	one(str_of(data, size));
	return 0;
}
