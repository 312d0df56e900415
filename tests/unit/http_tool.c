/*
 * http_tool.c - what net/http.h makes of the octets on standard input: a line for each request
 * (method, target, fields, octets of content), then "end", "more" or "refused STATUS WHY".
 */
#include <stdio.h>

#include "base/mem.h"
#include "net/http.h"

static char input[1 << 20];

static int
refused(const struct http_error *e)
{
	printf("refused %d %s\n", (int)e->status, e->why);
	return 0;
}

int
main(void)
{
	struct str in = str_of(input, fread(input, 1, sizeof(input), stdin)), content;
	struct http_error e;
	struct http_body b;
	struct http_head h;
	struct arena a;

	arena_init(&a);
	while (in.n > 0) {
		size_t seen = 0, used, octets = 0;
		int rc = http_head_read(in, &seen, &a, &h, &used, &e);

		if (rc < 0 || (rc == 1 && http_body_init(&b, &h, UINT64_MAX, &e) < 0))
			return refused(&e);
		if (rc == 0)
			break;
		in = str_from(in, used);
		do {
			rc = http_body_read(&b, in, &used, &content, &e);
			in = str_from(in, rc < 0 ? 0 : used);
			octets += content.n;
		} while (rc == 0 && in.n > 0);
		if (rc < 0)
			return refused(&e);
		printf(STR_FMT " " STR_FMT " %zu %zu\n", STR_ARG(h.method), STR_ARG(h.target),
		    h.nfields, octets);
		if (rc == 0)
			break;
		if (in.n == 0 || h.close)
			return puts("end"), 0;
	}
	puts("more");
	return 0;
}
