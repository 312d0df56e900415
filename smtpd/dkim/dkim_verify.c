/* dkim_verify.c - DKIM signatures of a message, by libopendkim. See dkim_verify.h. */
#include "smtpd/dkim/dkim_verify.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "smtpd/dkim/dkim_input.h"

struct dkim_verifier {
	DKIM *dkim;
	struct dkim_input in;
	struct facts *facts; /* while dkim_verifier_end() runs */
	bool ended;
};

static DKIM_LIB *library;

const char *
dkim_result_name(enum dkim_result r)
{
	static const char *const names[] = {[DKIM_WAIT] = "wait",
	    [DKIM_NONE] = "none",
	    [DKIM_PASS] = "pass",
	    [DKIM_FAIL] = "fail",
	    [DKIM_POLICY] = "policy",
	    [DKIM_NEUTRAL] = "neutral",
	    [DKIM_TEMPERROR] = "temperror",
	    [DKIM_PERMERROR] = "permerror"};

	return names[r];
}

/* RFC 6376 3.6.2: the key record of a signature. */
static DKIM_CBSTAT
look_up_key(DKIM *dkim, DKIM_SIGINFO *sig, u_char *buf, size_t size)
{
	struct dkim_verifier *v = dkim_get_user_context(dkim);
	const struct fact *key;
	char name[512];
	int n = snprintf(name, sizeof(name), "%s._domainkey.%s", (char *)dkim_sig_getselector(sig),
	    (char *)dkim_sig_getdomain(sig));

	if (n < 0 || (size_t)n >= sizeof(name) || !facts_name_ok(str_z(name)))
		return DKIM_CBSTAT_NOTFOUND;
	if ((key = facts_get(v->facts, str_z(name), FACT_TXT)) == NULL)
		return DKIM_CBSTAT_TRYAGAIN;
	if (key->status == FACT_FAILED)
		return DKIM_CBSTAT_ERROR;
	/* Several are undefined (3.6.2.2), and one that does not fit is no key. */
	if (key->n != 1 || str_cz(key->records[0], (char *)buf, size) < 0)
		return DKIM_CBSTAT_NOTFOUND;
	return DKIM_CBSTAT_CONTINUE;
}

static DKIM_CBSTAT
limit_signatures(DKIM *dkim, DKIM_SIGINFO **sigs, int n)
{
	(void)dkim;
	for (int i = (int)DKIM_SIGNATURES_MAX; i < n; i++)
		dkim_sig_ignore(sigs[i]);
	return DKIM_CBSTAT_CONTINUE;
}

static int
open_library(void)
{
	u_int flags = DKIM_LIBFLAGS_DELAYSIGPROC;

	if (library != NULL)
		return 0;
	if ((library = dkim_init(NULL, NULL)) == NULL)
		return -1;
	dkim_options(library, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof(flags));
	dkim_set_key_lookup(library, look_up_key);
	dkim_set_prescreen(library, limit_signatures);
	return 0;
}

struct dkim_verifier *
dkim_verifier_new(const char *id)
{
	struct dkim_verifier *v;
	DKIM_STAT st;
	DKIM *dkim;

	if (open_library() < 0 ||
	    (dkim = dkim_verify(library, (const u_char *)id, NULL, &st)) == NULL)
		return NULL;
	v = mem_alloc(sizeof(*v));
	v->dkim = dkim;
	dkim_input_init(&v->in, &v->dkim, 1);
	dkim_set_user_context(dkim, v);
	return v;
}

void
dkim_verifier_free(struct dkim_verifier **v)
{
	if (*v == NULL)
		return;
	dkim_input_free(&(*v)->in);
	dkim_free((*v)->dkim);
	free(*v);
	*v = NULL;
}

int
dkim_verifier_feed(struct dkim_verifier *v, struct str octets, struct err *e)
{
	return dkim_input_feed(&v->in, octets, e);
}

static enum dkim_result
failed(struct dkim_signature *out, enum dkim_result r, const char *why)
{
	out->problem = str_z(why);
	return r;
}

/* What an error of the library means to RFC 8601. */
static enum dkim_result
by_error(struct dkim_signature *out, int error)
{
	const char *why = dkim_sig_geterrorstr(error);

	switch (error) {
	case DKIM_SIGERROR_KEYFAIL:
		return failed(out, DKIM_TEMPERROR, why);
	case DKIM_SIGERROR_BADSIG:
	case DKIM_SIGERROR_EXPIRED:
	case DKIM_SIGERROR_FUTURE:
		return failed(out, DKIM_FAIL, why);
	default:
		return failed(out, DKIM_PERMERROR, why);
	}
}

static enum dkim_result
judge(DKIM_SIGINFO *sig, DKIM_STAT st, struct dkim_signature *out)
{
	unsigned flags = dkim_sig_getflags(sig);
	int error = dkim_sig_geterror(sig);
	dkim_alg_t algorithm;
	unsigned bits;

	if (st == DKIM_STAT_KEYFAIL || st == DKIM_STAT_CBERROR)
		return failed(out, DKIM_TEMPERROR, "no answer for the key");
	if (error == DKIM_SIGERROR_UNKNOWN || (error == DKIM_SIGERROR_OK && st != DKIM_STAT_OK))
		return failed(out, DKIM_PERMERROR, dkim_getresultstr(st));
	if (error != DKIM_SIGERROR_OK)
		return by_error(out, error);
	if (dkim_sig_getbh(sig) != DKIM_SIGBH_MATCH)
		return failed(out, DKIM_FAIL, "the body was altered");
	if (!(flags & DKIM_SIGFLAG_PASSED))
		return failed(out, DKIM_FAIL, "the header was altered");
	if (dkim_sig_getsignalg(sig, &algorithm) != DKIM_STAT_OK ||
	    (algorithm != DKIM_SIGN_RSASHA256 && algorithm != DKIM_SIGN_ED25519SHA256))
		return failed(out, DKIM_POLICY, "rsa-sha1 is not accepted");
	/* RFC 8301 3.2. DKIM_OPTS_MINKEYBITS lets short ones through. */
	if (algorithm == DKIM_SIGN_RSASHA256 &&
	    (dkim_sig_getkeysize(sig, &bits) != DKIM_STAT_OK || bits < 1024))
		return failed(out, DKIM_POLICY, "the key is too short");
	if (dkim_sig_gettagvalue(sig, 0, (u_char *)"l") != NULL)
		return failed(out, DKIM_POLICY, "l= leaves room for text that is not signed");
	return DKIM_PASS;
}

static struct str
dup_z(struct arena *a, const unsigned char *z)
{
	return arena_dup(a, str_z((const char *)z));
}

static void
describe(DKIM_SIGINFO *sig, struct arena *a, struct dkim_signature *out)
{
	const unsigned char *b = dkim_sig_gettagvalue(sig, 0, (u_char *)"b");

	out->domain = dup_z(a, dkim_sig_getdomain(sig));
	out->selector = dup_z(a, dkim_sig_getselector(sig));
	out->algorithm = dup_z(a, dkim_sig_getalgorithm(sig));
	out->identifier = str_sub(dup_z(a, b), 0, 8);
	out->problem = arena_dup(a, out->problem);
}

/* DKIM_WAIT, or *out is filled in. */
static enum dkim_result
one(struct dkim_verifier *v, DKIM_SIGINFO *sig, struct arena *a, struct dkim_signature *out)
{
	DKIM_STAT st = DKIM_STAT_OK;

	if (dkim_sig_geterror(sig) == DKIM_SIGERROR_UNKNOWN ||
	    dkim_sig_geterror(sig) == DKIM_SIGERROR_OK)
		st = dkim_sig_process(v->dkim, sig);
	if (st == DKIM_STAT_CBTRYAGAIN)
		return DKIM_WAIT;
	out->result = judge(sig, st, out);
	describe(sig, a, out);
	return out->result;
}

enum dkim_result
dkim_verifier_end(struct dkim_verifier *v, struct facts *f, struct arena *a,
    const struct dkim_signature **out, size_t *n)
{
	struct dkim_signature found[DKIM_SIGNATURES_MAX] = {0}, *all;
	enum dkim_result result = DKIM_NONE;
	DKIM_SIGINFO **sigs;
	int nsigs = 0;

	*n = 0;
	v->facts = f;
	if (!v->ended) {
		dkim_input_end(&v->in, NULL);
		dkim_eom(v->dkim, NULL); /* bodies' hashes; signatures one by one below */
		v->ended = true;
	}
	if (dkim_getsiglist(v->dkim, &sigs, &nsigs) != DKIM_STAT_OK)
		return DKIM_NONE;
	for (int i = 0; i < nsigs && (unsigned)i < DKIM_SIGNATURES_MAX; i++) {
		enum dkim_result r = one(v, sigs[i], a, &found[i]);

		/* The others are gone through all the same: their keys are wished for at once. */
		if (r == DKIM_WAIT || result == DKIM_WAIT)
			result = DKIM_WAIT;
		else if (result != DKIM_PASS)
			result = r == DKIM_PASS ? DKIM_PASS : DKIM_FAIL;
		*n = (unsigned)i + 1;
	}
	if (result == DKIM_WAIT)
		return result;
	all = arena_array(a, *n + 1, sizeof(*all));
	memcpy(all, found, *n * sizeof(*all));
	*out = all;
	return result;
}
