/*
 * spf_tool.c - an SPF evaluator for tests that play DNS: our own, or, with the argument "libspf2",
 * that.
 *
 * Lines in: "check ADDRESS HELO SENDER RECEIVER" begins a case, "fact TYPE NAME STATUS [RECORD …]"
 * answers a question, "go" evaluates. Lines out: "ask TYPE NAME" for each wish, then "wait"; or
 * "result NAME EXPLANATION PROBLEM". Strings are in hexadecimal with an x in front.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "sender/spf.h"
#include "smtpd/screen/spf2.h"

#define WORDS_MAX 256

static struct arena memory;
static enum spf_result (*check)(
    const struct spf_query *q, struct facts *f, struct spf_answer *out) = spf_check;

static unsigned
digit(char c)
{
	return is_digit(c) ? (unsigned)(c - '0') : (unsigned)(to_lower(c) - 'a') + 10;
}

static struct str
unhex(struct str s)
{
	char *out = arena_alloc(&memory, s.n / 2 + 1);

	for (size_t i = 0; i + 2 < s.n + 1 && i / 2 < (s.n - 1) / 2; i += 2)
		out[i / 2] = (char)(digit(s.p[i + 1]) << 4 | digit(s.p[i + 2]));
	return str_of(out, (s.n - 1) / 2);
}

static void
put_hex(struct str s)
{
	printf(" x");
	for (size_t i = 0; i < s.n; i++)
		printf("%02x", (unsigned char)s.p[i]);
}

static unsigned
number(struct str s)
{
	uint64_t n = 0;

	assume(num_parse(s, 0, 65535, &n) == 0);
	return (unsigned)n;
}

static void
begin(struct spf_query *q, const struct str *w)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&q->peer;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&q->peer;
	char text[64];

	*q =
	    (struct spf_query){.helo = unhex(w[2]), .sender = unhex(w[3]), .receiver = unhex(w[4])};
	assume(str_cz(unhex(w[1]), text, sizeof(text)) == 0);
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		q->peer.ss_family = AF_INET;
	} else {
		assume(inet_pton(AF_INET6, text, &v6->sin6_addr) == 1);
		q->peer.ss_family = AF_INET6;
	}
}

static void
go(const struct spf_query *q, struct facts *f)
{
	struct spf_answer out;

	if (check(q, f, &out) == SPF_WAIT) {
		for (const struct fact *x = facts_wish(f, NULL); x != NULL; x = facts_wish(f, x)) {
			printf("ask %d", x->type);
			put_hex(x->name);
			puts("");
		}
		puts("wait");
	} else {
		printf("result %s", spf_result_name(out.result));
		put_hex(out.explanation);
		put_hex(out.problem);
		puts("");
	}
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct spf_query q = {0};
	struct facts f;
	char *line = NULL;
	size_t room = 0;
	ssize_t got;

	if (argc > 1 && str_eq_z(str_z(argv[1]), "libspf2"))
		check = spf2_check;
	arena_init(&memory);
	facts_init(&f, &memory);
	while ((got = getline(&line, &room, stdin)) > 0) {
		struct str rest = str_trim(str_of(line, (size_t)got)), w[WORDS_MAX];
		size_t n = 0;

		while (n < WORDS_MAX && str_cut(&rest, ' ', &w[n++]))
			continue;
		if (str_eq_z(w[0], "check") && n == 5) {
			arena_reset(&memory);
			facts_init(&f, &memory);
			begin(&q, w);
		} else if (str_eq_z(w[0], "fact") && n >= 4) {
			for (size_t i = 4; i < n; i++)
				w[i] = unhex(w[i]);
			facts_put(&f, unhex(w[2]), (enum fact_type)number(w[1]),
			    (enum fact_status)number(w[3]), w + 4, n - 4);
		} else if (str_eq_z(w[0], "go")) {
			go(&q, &f);
		} else {
			return 2;
		}
	}
	free(line);
	arena_free(&memory);
	return 0;
}
