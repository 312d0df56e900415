/*
 * approval.c - see approval.h. Nothing here is trusted to be well-formed but what it is asked for.
 */
#include "mail/approval.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ipc/wire.h"

/* Keeps digests of mail, of actions and of anything else apart. */
#define MAIL_CONTEXT   "gkmail approval: mail"
#define ACTION_CONTEXT "gkmail approval: action"

static int
compare(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return c != 0 ? c : a.n < b.n ? -1 : a.n > b.n;
}

static int
by_address(const void *va, const void *vb)
{
	const struct envelope_rcpt *a = va, *b = vb;
	int c = compare(a->address, b->address);

	if (c == 0)
		c = compare(a->orcpt, b->orcpt);
	return c != 0 ? c : a->notify < b->notify ? -1 : a->notify > b->notify;
}

static void
finish(const struct buf *b, unsigned char out[APPROVAL_DIGEST])
{
	(void)crypto_generichash(out, APPROVAL_DIGEST, (const unsigned char *)b->p, b->n, NULL, 0);
}

int
approval_digest(const struct approval *a, unsigned char out[APPROVAL_DIGEST], struct err *e)
{
	struct envelope_rcpt *sorted = mem_array((size_t)a->nrcpts + 1, sizeof(*sorted));
	struct buf b;
	int rc = 0;

	buf_init(&b, ENVELOPE_MAX);
	if (a->nrcpts > 0)
		memcpy(sorted, a->rcpts, a->nrcpts * sizeof(*sorted));
	qsort(sorted, a->nrcpts, sizeof(*sorted), by_address);
	wire_put_str(&b, STR(MAIL_CONTEXT));
	wire_put_u64(&b, APPROVAL_VERSION);
	wire_put_str(&b, a->user);
	wire_put_str(&b, a->session);
	wire_put_str(&b, a->sender);
	wire_put_str(&b, a->envid);
	wire_put_u64(&b, (uint64_t)a->ret);
	wire_put_u64(&b, a->nrcpts);
	for (uint32_t i = 0; i < a->nrcpts; i++) {
		wire_put_str(&b, sorted[i].address);
		wire_put_str(&b, sorted[i].orcpt);
		wire_put_u64(&b, sorted[i].notify);
	}
	wire_put_u64(&b, (uint64_t)a->hold);
	wire_put_str(&b, str_of(a->octets, APPROVAL_DIGEST));
	wire_put_u64(&b, a->size);
	if (b.over)
		rc = err_set(e, E_LIMIT, "an envelope over %u octets", ENVELOPE_MAX);
	else
		finish(&b, out);
	buf_free(&b);
	free(sorted);
	return rc;
}

void
approval_octets(struct str octets, unsigned char out[APPROVAL_DIGEST])
{
	(void)crypto_generichash(
	    out, APPROVAL_DIGEST, (const unsigned char *)octets.p, octets.n, NULL, 0);
}

void
approval_action(
    struct str user, struct str session, struct str action, unsigned char out[APPROVAL_DIGEST])
{
	unsigned char inner[APPROVAL_DIGEST];
	struct buf b;

	approval_octets(action, inner);
	buf_init(&b, ENVELOPE_MAX);
	wire_put_str(&b, STR(ACTION_CONTEXT));
	wire_put_u64(&b, APPROVAL_VERSION);
	wire_put_str(&b, str_sub(user, 0, ENVELOPE_MAX / 4));
	wire_put_str(&b, str_sub(session, 0, ENVELOPE_MAX / 4));
	wire_put_str(&b, str_of(inner, sizeof(inner)));
	finish(&b, out);
	buf_free(&b);
}

/* ---- what stands on top ---- */

static bool
is_return_path(struct str line, struct str sender)
{
	return line.n == sender.n + sizeof("Return-Path: <>\r\n") - 1 &&
	       str_starts(line, STR("Return-Path: <")) &&
	       str_eq(str_sub(line, sizeof("Return-Path: <") - 1, sender.n), sender);
}

/* The end of the field at `at`: where a line begins that does not go on with a blank. */
static size_t
field_end(struct str s, size_t at)
{
	for (;;) {
		size_t eol = str_chr(str_from(s, at), '\n');

		if (eol >= s.n - at)
			return s.n;
		at += eol + 1;
		if (at >= s.n || (s.p[at] != ' ' && s.p[at] != '\t'))
			return at;
	}
}

int
approval_prefix(struct str s, struct str sender, uint32_t return_path, size_t *out, struct err *e)
{
	static const struct str allowed[] = {STR_INIT("Received"), STR_INIT("DKIM-Signature")};
	size_t at = return_path;

	if (return_path > s.n || return_path > APPROVAL_PREFIX_MAX ||
	    (return_path > 0 && !is_return_path(str_sub(s, 0, return_path), sender)))
		return err_set(e, E_INVAL, "no Return-Path of this sender");
	for (bool more = true; more;) {
		struct str rest = str_from(s, at);
		size_t colon = str_chr(str_sub(rest, 0, 32), ':');

		more = false;
		for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
			more |= colon < rest.n && str_ieq(str_sub(rest, 0, colon), allowed[i]);
		if (more)
			at = field_end(s, at);
		if (at > APPROVAL_PREFIX_MAX)
			return err_set(e, E_LIMIT, "too much on top of it");
	}
	*out = at;
	return 0;
}
