/* letter_fuzz.c - any octets as a message: what comes out is one that names its author, keeps blind
 * copies blind and the body as it was. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "mail/header.h"
#include "sendmail/sendmail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Silent here. */
int
complain(int code, const char *fmt, ...)
{
	(void)fmt;
	return code;
}

static void
check(struct str text)
{
	struct header_field f;
	struct str header = str_sub(text, 0, header_length(text));

	if (!header_find(header, STR("From"), &f) || header_find(header, STR("Bcc"), &f) ||
	    header_find(header, STR("Resent-Bcc"), &f) || !str_ends(header, STR("\r\n")))
		abort();
	while (header_next(&header, &f))
		if (f.name.n == 0)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct account who = {.address = STR("cron@mail.x.test"),
	    .host = STR("mail.x.test"),
	    .any = size > 0 && data[0] & 1};
	char *to[] = {(char[]){"root"}};
	struct options o = {.from_header = size > 0 && data[0] & 2, .to = to, .nto = 1};
	struct letter l = {0};
	struct arena a;
	struct buf raw;
	FILE *f;

	if (size == 0 || size > 65536 || (f = tmpfile()) == NULL)
		return 0;
	arena_init(&a);
	buf_init(&raw, 1u << 20);
	buf_init(&l.text, 1u << 20);
	fwrite(data + 1, 1, size - 1, f);
	fflush(f);
	rewind(f);
	if (letter_read(fileno(f), data[0] & 4, &raw) == EX_OK &&
	    letter_make(buf_view(&raw), &o, &who, &a, &l) == EX_OK)
		check(buf_view(&l.text));
	fclose(f);
	buf_free(&l.text);
	buf_free(&raw);
	arena_free(&a);
	return 0;
}
