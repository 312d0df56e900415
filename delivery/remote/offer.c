/* offer.c - the answer to EHLO. See offer.h. */
#include "delivery/remote/offer.h"

#include "base/mem.h"
#include "base/num.h"

static const struct {
	const char *name;
	uint32_t bit;
} known[] = {
    {"PIPELINING", OFFER_PIPELINING},
    {"CHUNKING", OFFER_CHUNKING},
    {"8BITMIME", OFFER_8BITMIME},
    {"SMTPUTF8", OFFER_SMTPUTF8},
    {"DSN", OFFER_DSN},
    {"STARTTLS", OFFER_STARTTLS},
    {"SIZE", OFFER_SIZE},
};

static void
read_mechanisms(struct str list, struct offer *out)
{
	struct str word;

	while (list.n > 0) {
		str_cut(&list, ' ', &word);
		if (str_ieq_z(word, "PLAIN"))
			out->has |= OFFER_PLAIN;
		else if (str_ieq_z(word, "LOGIN"))
			out->has |= OFFER_LOGIN;
		else if (str_ieq_z(word, "SCRAM-SHA-256"))
			out->has |= OFFER_SCRAM;
	}
}

static void
read_line(struct str line, struct offer *out)
{
	struct str word;

	line = str_trim(line);
	str_cut(&line, ' ', &word);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_ieq_z(word, known[i].name))
			out->has |= known[i].bit;
	/* A number that is none says nothing; neither does 0 (RFC 1870 4). */
	if (str_ieq_z(word, "SIZE"))
		num_parse(line, 0, UINT64_MAX, &out->size);
	/* "AUTH=LOGIN" is how some servers of the last century say it. */
	if (str_istarts(word, STR("AUTH=")))
		read_mechanisms(str_from(word, 5), out);
	if (str_istarts(word, STR("AUTH")))
		read_mechanisms(line, out);
}

void
offer_read(const struct reply *r, struct offer *out)
{
	struct str rest = buf_view(&r->text), line;

	*out = (struct offer){.has = OFFER_ESMTP};
	str_cut(&rest, '\n', &line); /* its name and a greeting */
	while (rest.n > 0) {
		str_cut(&rest, '\n', &line);
		read_line(line, out);
	}
}

struct str
offer_name(const struct reply *r)
{
	struct str rest = buf_view(&r->text), line, word;

	str_cut(&rest, '\n', &line);
	line = str_trim(line);
	str_cut(&line, ' ', &word);
	return word;
}
