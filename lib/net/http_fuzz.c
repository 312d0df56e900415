/* http_fuzz.c - requests, read at once and in two pieces: both ways the same, and what is taken is
 * what it says. */
#include <stdint.h>

#include "base/mem.h"
#include "net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nobody behind us could read it in another way. */
static void
check_head(const struct http_head *h)
{
	size_t lengths = 0, codings = 0, hosts = 0;

	for (size_t i = 0; i < h->nfields; i++) {
		lengths += str_ieq_z(h->fields[i].name, "content-length");
		codings += str_ieq_z(h->fields[i].name, "transfer-encoding");
		hosts += str_ieq_z(h->fields[i].name, "host");
		for (size_t k = 0; k < h->fields[i].value.n; k++)
			assume(
			    !is_cntl(h->fields[i].value.p[k]) || h->fields[i].value.p[k] == '\t');
	}
	assume(lengths + codings <= 1 && hosts <= 1);
	assume((h->framing == HTTP_CHUNKED) == (codings == 1));
	assume(h->path.n > 0 && str_chr(h->target, ' ') == h->target.n);
}

static void
check_body(const struct http_head *h, struct str in)
{
	struct http_error e;
	struct str content;
	struct http_body whole, parts;
	size_t used, total = 0, n = 0;
	int rc, one;

	if (http_body_init(&whole, h, 1u << 20, &e) < 0)
		return;
	parts = whole;
	for (rc = 0; rc == 0 && total < in.n; total += used)
		if ((rc = http_body_read(&whole, str_from(in, total), &used, &content, &e)) < 0)
			break;
	for (one = 0; one == 0 && n < in.n; n += used)
		if ((one = http_body_read(&parts, str_sub(in, n, 1), &used, &content, &e)) < 0)
			break;
	assume(in.n == 0 || (rc == one && (rc < 0 || total == n)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size), out;
	struct http_head h, again;
	struct http_error e;
	size_t seen = 0, used = 0, used2 = 0;
	struct arena a;
	int rc, one;

	arena_init(&a);
	rc = http_head_read(in, &seen, &a, &h, &used, &e);
	seen = 0;
	one = http_head_read(str_sub(in, 0, size / 2), &seen, &a, &again, &used2, &e);
	if (one == 0)
		one = http_head_read(in, &seen, &a, &again, &used2, &e);
	assume(rc == one && (rc != 1 || used == used2));
	if (rc == 1) {
		check_head(&h);
		check_body(&h, str_from(in, used));
		(void)http_decode(h.path, false, &a, &out);
	}
	arena_free(&a);
	return 0;
}
