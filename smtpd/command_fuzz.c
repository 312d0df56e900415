/* command_fuzz.c - hostile command lines, as they come in pieces. */
#include <stdint.h>

#include "base/mem.h"
#include "smtpd/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool
inside(struct str s, struct str line)
{
	return s.n == 0 || (s.p >= line.p && s.p + s.n <= line.p + line.n);
}

static void
one(struct str line)
{
	struct command c;

	(void)command_parse(line, &c);
	assume(inside(c.arg, line) && inside(c.path, line) && inside(c.envid, line));
	assume(inside(c.orcpt, line) && inside(c.mech, line) && inside(c.initial, line));
	assume(command_verb_name(c.verb) != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str in = str_of(p, n), line;
	size_t used;

	one(in);
	for (;;) {
		enum line_result r = command_line(in, false, &line, &used);

		if (r == LINE_MORE)
			break;
		assume(used > 0 && used <= in.n);
		/* What comes later changes nothing of a line that is whole. */
		if (r != LINE_TOO_LONG) {
			struct str again;
			size_t used_again;

			assume(command_line(str_sub(in, 0, used), false, &again, &used_again) == r);
			assume(used_again == used);
			one(line);
		}
		in = str_from(in, used);
	}
	return 0;
}
