/* date_fuzz.c - what is read as a date can be written and read again. */
#include "mail/date.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(struct date d)
{
	char text[DATE_IMAP_SIZE];
	struct date again;

	date_imap(d.utc, d.zone, text);
	assume(strlen(text) == DATE_IMAP_SIZE - 1);
	assume(date_imap_parse(str_z(text), &again) == 0);
	/* A year past four digits has no IMAP form. */
	assume((again.utc == d.utc && again.zone == d.zone) || again.utc == 0);
	(void)date_day(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size);
	struct date d;
	int64_t day;

	if (date_parse(in, &d) == 0)
		check(d);
	if (date_imap_parse(in, &d) == 0)
		check(d);
	(void)date_day_parse(in, &day);
	return 0;
}
