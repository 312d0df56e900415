/* dkim_tool.c - verifies the DKIM signatures of the message in standard input with the key records
 * of a file, a line "NAME RECORD" each. A line a signature: result, domain, selector, algorithm. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "smtpd/dkim/dkim_verify.h"

static void
answer(struct facts *f, const struct fact *wish, const char *path)
{
	FILE *in = fopen(path, "re");
	char line[4096];

	assume(in != NULL);
	while (fgets(line, sizeof(line), in) != NULL) {
		struct str record = str_trim(str_z(line)), name;

		if (str_cut(&record, ' ', &name) && str_ieq(name, wish->name))
			facts_put(f, wish->name, wish->type, FACT_FOUND, &record, 1);
	}
	fclose(in);
	if (wish->status == FACT_WISHED)
		facts_put(f, wish->name, wish->type, FACT_NXDOMAIN, NULL, 0);
}

int
main(int argc, char **argv)
{
	static char octets[1 << 20];
	const struct dkim_signature *sigs;
	struct dkim_verifier *v = dkim_verifier_new("tool");
	const struct fact *wish;
	struct facts f;
	struct arena a;
	struct err e;
	size_t n;

	if (argc != 2 || v == NULL)
		return 2;
	arena_init(&a);
	facts_init(&f, &a);
	if (dkim_verifier_feed(v, str_of(octets, fread(octets, 1, sizeof(octets), stdin)), &e) <
	    0) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	while (dkim_verifier_end(v, &f, &a, &sigs, &n) == DKIM_WAIT)
		while ((wish = facts_wish(&f, NULL)) != NULL)
			answer(&f, wish, argv[1]);
	for (size_t i = 0; i < n; i++)
		printf("%s " STR_FMT " " STR_FMT " " STR_FMT "\n", dkim_result_name(sigs[i].result),
		    STR_ARG(sigs[i].domain), STR_ARG(sigs[i].selector), STR_ARG(sigs[i].algorithm));
	dkim_verifier_free(&v);
	arena_free(&a);
	return 0;
}
