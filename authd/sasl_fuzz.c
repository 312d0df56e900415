/*
 * sasl_fuzz.c - hostile octets for a SASL exchange: PLAIN, LOGIN, SCRAM with and without binding.
 *
 * Input: one octet chooses mechanism and binding, then messages, each behind its length in two
 * octets.
 */
#include <stdint.h>

#include "authd/sasl.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int
name(void *arg, struct str given, struct arena *a, struct str *out)
{
	(void)arg;
	if (str_chr(given, '@') == given.n)
		return -1;
	*out = arena_dup(a, given);
	return 0;
}

/* Half of all users exist. */
static int
secrets(void *arg, struct str user, struct arena *a, struct sasl_secrets *out, struct err *e)
{
	(void)arg;
	if (user.n % 7 == 6)
		return err_set(e, E_IO, "disk on fire");
	out->salt = STR("0123456789abcdef");
	out->iterations = 4096;
	out->n = user.n % 2;
	out->keys = arena_array(a, 1, sizeof(*out->keys));
	return 0;
}

static const struct sasl_lookup lookup = {.name = name, .secrets = secrets};

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct scram_binding binding = {.exporter = STR("")};
	enum sasl_result r = SASL_CHALLENGE;
	struct sasl s;

	if (n == 0)
		return 0;
	if (p[0] & 0x80) {
		binding.exporter = STR("exporter");
		binding.plus_offered = true;
	}
	if (p[0] & 0x40)
		binding.end_point = STR("end point");
	sasl_init(&s, (enum sasl_mech)(p[0] % SASL_MECHS), &binding, &lookup);
	if (p[0] & 0x20)
		r = sasl_begin(&s);
	p++;
	n--;
	while (r == SASL_CHALLENGE && n >= 2) {
		size_t len = (size_t)p[0] << 8 | p[1];
		char *copy; /* its own allocation, so that reading past the end is seen */

		p += 2;
		n -= 2;
		if (len > n)
			len = n;
		copy = mem_dup(p, len);
		r = sasl_feed(&s, str_of(copy, len));
		free(copy);
		p += len;
		n -= len;
	}
	if (r == SASL_CHECK)
		assume(s.password.n <= 1024);
	if (r == SASL_DONE)
		assume(s.mech == SASL_SCRAM_SHA_256 || s.mech == SASL_SCRAM_SHA_256_PLUS);
	sasl_done(&s);
	return 0;
}
