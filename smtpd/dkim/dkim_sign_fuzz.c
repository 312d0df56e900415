/* dkim_sign_fuzz.c - a message in pieces is signed as it is in one; a canonical body is its own
 * canonical form. The first octet says how long the pieces are. */
#include "base/mem.h"
#include "smtpd/dkim/dkim_canon.h"
#include "smtpd/dkim/dkim_sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
			  "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
			  "-----END PRIVATE KEY-----\n"; /* RFC 8463 A.2 */

static void
put(void *arg, const char *p, size_t n)
{
	buf_put(arg, p, n);
}

static void
canon(struct str in, struct buf *out)
{
	struct dkim_canon_body b;

	dkim_canon_body_init(&b, put, out);
	dkim_canon_body_feed(&b, in);
	dkim_canon_body_end(&b);
}

static int
sign(const struct dkim_key *key, struct str in, size_t step, struct buf *out)
{
	struct dkim_signer *s = dkim_signer_new();
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < in.n; at += step)
		rc = dkim_signer_feed(s, str_sub(in, at, step), NULL);
	if (rc == 0)
		rc = dkim_signer_end(s, &key, 1, 1, out, NULL);
	dkim_signer_free(&s);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dkim_key *key;
	struct buf whole, pieces, once, twice;
	struct str in;
	int rc;

	if (key == NULL)
		key = dkim_key_new(STR("example.org"), STR("s"), STR(pem), NULL);
	assume(key != NULL);
	if (size == 0)
		return 0;
	in = str_of(data + 1, size - 1);
	buf_init(&whole, 1u << 16);
	buf_init(&pieces, 1u << 16);
	buf_init(&once, 2 * size + 2);
	buf_init(&twice, 2 * size + 2);
	rc = sign(key, in, in.n + 1, &whole);
	assume(sign(key, in, data[0] + 1u, &pieces) == rc);
	assume(rc < 0 || (whole.n > 0 && str_eq(buf_view(&whole), buf_view(&pieces))));
	canon(in, &once);
	canon(buf_view(&once), &twice);
	assume(!once.over && str_eq(buf_view(&once), buf_view(&twice)));
	buf_free(&whole);
	buf_free(&pieces);
	buf_free(&once);
	buf_free(&twice);
	return 0;
}
