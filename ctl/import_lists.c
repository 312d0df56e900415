/* import_lists.c - see import.h: names and lists as other programs keep them. */
#include "ctl/import.h"

#include "base/num.h"
#include "mail/mutf7.h"

int
import_keyword_line(struct str line, unsigned *letter, struct str *name)
{
	struct str number;
	uint64_t v;

	line = str_trim(line);
	if (!str_cut(&line, ' ', &number) || num_parse(number, 0, 25, &v) < 0)
		return -1;
	*letter = (unsigned)v;
	*name = str_trim(line);
	return name->n > 0 && str_chr(*name, ' ') == name->n ? 0 : -1;
}

/* Modified UTF-7, or else what stands there. */
static struct str
decoded(struct str s, struct arena *a)
{
	struct str out;

	return mutf7_decode(s, a, &out) == 0 ? out : arena_dup(a, s);
}

struct str
import_folder_name(struct str entry, char separator, struct arena *a)
{
	struct str out = decoded(entry, a);
	char *p = arena_dupz(a, out);

	for (size_t i = 0; i < out.n; i++)
		if (p[i] == separator)
			p[i] = '/';
	return str_of(p, out.n);
}

int
import_subscribed_line(struct str line, bool *tabs, struct arena *a, struct str *name)
{
	size_t n;

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	/* The head of Dovecot's version 2, and the empty line behind it. */
	if (str_starts(line, STR("V\t"))) {
		*tabs = true;
		return -1;
	}
	if (line.n == 0)
		return -1;
	/* Courier writes INBOX in front of all. */
	if (!*tabs && str_starts(line, STR("INBOX.")))
		line = str_from(line, 6);
	n = str_chr(line, '/');
	*name = import_folder_name(line, *tabs ? '\t' : n < line.n ? '/' : '.', a);
	return 0;
}
