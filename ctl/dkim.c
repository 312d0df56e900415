/* dkim.c - gkmail dkim. Keys are made here, kept by master, and used by gk-sign. */
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "ctl/client.h"
#include "ctl/output.h"
#include "ctl/zone.h"
#include "svc/dkim_set.h"

#define ROW         5u
#define RSA         "rsa"
#define ED25519     "ed25519"
#define AT_ONE_TIME 8u /* keys of one domain that a verb touches */

/* ---- what is there ---- */

struct key {
	struct str domain, selector, state, kind, bits, record;
	struct str name; /* of the record */
};

static struct key
key_of(const struct str *row)
{
	struct key k = {
	    .selector = row[0], .state = row[1], .kind = row[2], .bits = row[3], .record = row[4]};

	(void)str_cut(&k.selector, ' ', &k.domain);
	k.name = arena_printf(
	    &ctl.arena, STR_FMT "._domainkey." STR_FMT, STR_ARG(k.selector), STR_ARG(k.domain));
	return k;
}

int
dkim_rows(struct str domain, struct rows *out, struct err *e)
{
	struct rows all;

	if (client_rows("sign", MSG_DKIM_LIST, ROW, &all, e) < 0)
		return -1;
	*out = (struct rows){.width = ROW, .v = all.v};
	for (size_t i = 0; i < all.n; i += ROW) {
		struct str rest = all.v[i], of;

		(void)str_cut(&rest, ' ', &of);
		if (domain.n > 0 && !str_eq(of, domain))
			continue;
		memmove(&out->v[out->n], &all.v[i], ROW * sizeof(*all.v));
		out->n += ROW;
	}
	return 0;
}

static bool
is_state(const struct key *k, enum dkim_state s)
{
	return str_eq_z(k->state, dkim_state_name(s));
}

static size_t
count(const struct rows *r, const char *kind, enum dkim_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i += ROW) {
		struct key k = key_of(&r->v[i]);

		n += is_state(&k, state) && (kind == NULL || str_eq_z(k.kind, kind));
	}
	return n;
}

/* A tag's value (RFC 6376 3.2) without blanks; `absent` when it is not there. */
static struct str
tag_of(struct str record, const char *tag, struct str absent)
{
	struct str one, name;
	bool more;

	do {
		char *p;
		size_t n = 0;

		more = str_cut(&record, ';', &one);
		if (!str_cut(&one, '=', &name) || !str_eq_z(str_trim(name), tag))
			continue;
		p = arena_dupz(&ctl.arena, one);
		for (size_t i = 0; i < one.n; i++)
			if (!is_space(one.p[i]))
				p[n++] = one.p[i];
		return str_of(p, n);
	} while (more);
	return absent;
}

bool
dkim_same_key(struct str ours, struct str served)
{
	struct str p = tag_of(ours, "p", STR("")), there = tag_of(served, "p", STR("-"));

	return str_eq(p, there) &&
	       str_eq(tag_of(ours, "k", STR(RSA)), tag_of(served, "k", STR(RSA)));
}

int
dkim_is_served(struct str name, struct str record, struct err *e)
{
	struct dns_answer r;

	if (zone_ask(name, DNS_TXT, &r, e) < 0)
		return -1;
	if (r.status == DNS_TEMP || r.status == DNS_BOGUS)
		return err_set(e, E_TEMP, STR_FMT ": %s (" STR_FMT ")", STR_ARG(name),
		    r.status == DNS_BOGUS ? "DNSSEC says that the answer is forged or broken"
					  : "the DNS does not answer now",
		    STR_ARG(r.why));
	for (size_t i = 0; i < r.n; i++)
		if (dkim_same_key(record, r.records[i].data))
			return 1;
	return 0;
}

/* ---- printing ---- */

static void
put_json(struct json *j, const struct key *k)
{
	json_open(j, NULL, '{');
	json_str(j, "domain", k->domain);
	json_str(j, "selector", k->selector);
	json_str(j, "state", k->state);
	json_str(j, "algorithm", k->kind);
	json_auto(j, "bits", k->bits);
	json_str(j, "name", k->name);
	json_str(j, "record", k->record);
	json_close(j, '}');
}

static void
print_json(const struct rows *r)
{
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '[');
	for (size_t i = 0; i < r->n; i += ROW) {
		struct key k = key_of(&r->v[i]);

		put_json(&j, &k);
	}
	json_close(&j, ']');
	json_print(&j);
}

/* Records of the keys in one state. */
static void
print_records(const struct rows *r, enum dkim_state state)
{
	for (size_t i = 0; i < r->n; i += ROW) {
		struct key k = key_of(&r->v[i]);

		if (is_state(&k, state)) {
			out_str(stdout, zone_txt(k.name, k.record));
			putchar('\n');
		}
	}
}

int
verb_dkim_list(struct err *e)
{
	struct str domain = STR(""), *cells;
	struct rows r;
	size_t n = 5;

	if (args_end(0, 1, e) < 0 || (ctl.nargs == 1 && zone_domain(ctl.args[0], &domain, e) < 0) ||
	    dkim_rows(domain, &r, e) < 0)
		return -1;
	if (ctl.json) {
		print_json(&r);
		return 0;
	}
	cells = arena_array(&ctl.arena, r.n + 5, sizeof(*cells));
	cells[0] = STR("DOMAIN"), cells[1] = STR("SELECTOR"), cells[2] = STR("STATE"),
	cells[3] = STR("ALGORITHM"), cells[4] = STR("BITS");
	for (size_t i = 0; i < r.n; i += ROW) {
		struct key k = key_of(&r.v[i]);

		cells[n++] = k.domain, cells[n++] = k.selector, cells[n++] = k.state;
		cells[n++] = k.kind, cells[n++] = k.bits;
	}
	out_table(cells, n, 5);
	return 0;
}

/* ---- making keys ---- */

static struct str
make_pem(const char *kind, uint64_t bits, struct err *e)
{
	EVP_PKEY *pkey = strcmp(kind, ED25519) == 0
			     ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
			     : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
	BIO *bio = BIO_new(BIO_s_mem());
	struct str out = STR_NONE;
	char *p;
	long n;

	if (pkey == NULL || bio == NULL ||
	    PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) != 1) {
		err_set(e, E_INTERNAL, "OpenSSL makes no %s key", kind);
	} else {
		n = BIO_get_mem_data(bio, &p);
		out = arena_dup(&ctl.arena, str_of(p, (size_t)n));
	}
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return out;
}

static int
add(struct str domain, struct str selector, enum dkim_state state, struct str pem, struct err *e)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_DKIM_ADD);
	ipc_put_str(&m, domain);
	ipc_put_str(&m, selector);
	ipc_put_u32(&m, state);
	ipc_put_str(&m, pem);
	if (client_do(NULL, &m, e) < 0)
		return err_wrap(e, "selector " STR_FMT, STR_ARG(selector));
	return 0;
}

static bool
is_taken(const struct rows *r, struct str selector)
{
	for (size_t i = 0; i < r->n; i += ROW)
		if (str_eq(key_of(&r->v[i]).selector, selector))
			return true;
	return false;
}

/* "s20261122-rsa", or what was asked for; with a letter behind the day where that is taken. */
static struct str
new_selector(const struct rows *r, const char *asked, const char *kind, bool several)
{
	time_t now = (time_t)(clock_wall_us() / 1000000);
	const char *tail = !several ? "" : strcmp(kind, RSA) == 0 ? "-rsa" : "-ed";
	struct str s;
	struct tm tm;
	char day[16];

	if (asked != NULL)
		return arena_printf(&ctl.arena, "%s%s", asked, tail);
	gmtime_r(&now, &tm);
	strftime(day, sizeof(day), "s%Y%m%d", &tm);
	s = arena_printf(&ctl.arena, "%s%s", day, tail);
	for (char c = 'b'; is_taken(r, s) && c <= 'z'; c++)
		s = arena_printf(&ctl.arena, "%s%c%s", day, c, tail);
	return s;
}

struct wish {
	struct str domain;
	const char *selector; /* NULL: by the day */
	bool rsa, ed25519;
	uint64_t bits;
};

static int
make(const struct wish *w, const struct rows *there, enum dkim_state state, struct err *e)
{
	static const char *const kinds[] = {RSA, ED25519};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct str selector, pem;

		if (!(i == 0 ? w->rsa : w->ed25519))
			continue;
		selector = new_selector(there, w->selector, kinds[i], w->rsa && w->ed25519);
		if (!dkim_is_selector(selector))
			return args_wrong(e,
			    "%.63s: a selector is made of letters in lower case, digits and "
			    "hyphens",
			    w->selector);
		if ((pem = make_pem(kinds[i], w->bits, e)).p == NULL ||
		    add(w->domain, selector, state, pem, e) < 0)
			return -1;
	}
	return 0;
}

/* Ours, this server's own name, or one above that. */
static int
check_domain(struct str domain, struct err *e)
{
	const struct conf *c = client_conf(e);
	struct rows r;
	struct str host;

	if (c == NULL || client_rows("authd", MSG_DOMAIN_LIST, 5, &r, e) < 0)
		return -1;
	for (size_t i = 0; i < r.n; i += 5)
		if (str_ieq(r.v[i], domain))
			return 0;
	host = conf_str(c, CONF_SERVER_HOST_NAME);
	if (str_ieq(host, domain) || (str_chr(domain, '.') < domain.n && str_ends(host, domain) &&
					 host.n > domain.n && host.p[host.n - domain.n - 1] == '.'))
		return 0;
	return err_set(e, E_NOTFOUND,
	    STR_FMT " is no domain of this server; gkmail domain add " STR_FMT " makes it one",
	    STR_ARG(domain), STR_ARG(domain));
}

static int
take_algorithm(struct wish *w, const char *given, struct err *e)
{
	const struct conf *c = client_conf(e);

	if (c == NULL)
		return -1;
	if (given == NULL)
		given = conf_z(c, CONF_DKIM_ALGORITHM);
	w->rsa = strcmp(given, RSA) == 0 || strcmp(given, "both") == 0;
	w->ed25519 = strcmp(given, ED25519) == 0 || strcmp(given, "both") == 0;
	w->bits = conf_num(c, CONF_DKIM_RSA_BITS);
	return w->rsa || w->ed25519
		   ? 0
		   : args_wrong(e, "%.40s: the algorithm is rsa, ed25519 or both", given);
}

/* What the domain has now, after a change. */
static int
show(struct str domain, enum dkim_state state, const char *words, struct err *e)
{
	struct rows r;

	if (dkim_rows(domain, &r, e) < 0)
		return -1;
	if (ctl.json) {
		print_json(&r);
		return 0;
	}
	fputs(words, stdout);
	print_records(&r, state);
	return 0;
}

int
verb_dkim_generate(struct err *e)
{
	const char *selector = args_value("--selector"), *algorithm = args_value("--algorithm");
	struct wish w = {.selector = selector};
	struct rows r;

	if (args_end(1, 1, e) < 0 || take_algorithm(&w, algorithm, e) < 0 ||
	    zone_domain(ctl.args[0], &w.domain, e) < 0 || check_domain(w.domain, e) < 0 ||
	    dkim_rows(w.domain, &r, e) < 0)
		return -1;
	if ((w.rsa && count(&r, RSA, DKIM_ACTIVE) > 0) ||
	    (w.ed25519 && count(&r, ED25519, DKIM_ACTIVE) > 0))
		return err_set(e, E_EXISTS,
		    STR_FMT " has keys that sign already; gkmail dkim rotate " STR_FMT
			    " replaces them",
		    STR_ARG(w.domain), STR_ARG(w.domain));
	if (make(&w, &r, DKIM_ACTIVE, e) < 0)
		return -1;
	return show(w.domain, DKIM_ACTIVE,
	    "; Mail of this domain is signed from now on. Publish this in its zone:\n", e);
}

int
dkim_first(struct str domain, bool *made, struct err *e)
{
	struct wish w = {.domain = domain};
	struct rows r;

	if (take_algorithm(&w, NULL, e) < 0 || dkim_rows(domain, &r, e) < 0)
		return -1;
	*made = count(&r, NULL, DKIM_ACTIVE) == 0;
	return *made ? make(&w, &r, DKIM_ACTIVE, e) : 0;
}

/* ---- rotation ---- */

static int
change(struct str domain, const struct str *keys, size_t n, struct err *e)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_DKIM_CHANGE);
	ipc_put_str(&m, domain);
	ipc_put_list(&m, keys, n);
	return client_do(NULL, &m, e);
}

/* Those that wait sign; of each kind that they are of, those that signed do no more. */
static int
switch_over(struct str domain, const struct rows *r, struct err *e)
{
	struct str keys[AT_ONE_TIME * 2];
	size_t n = 0;

	for (size_t i = 0; i < r->n; i += ROW) {
		struct key k = key_of(&r->v[i]);
		bool next = is_state(&k, DKIM_NEXT);

		if (!next && !(is_state(&k, DKIM_ACTIVE) &&
				 count(r, arena_dupz(&ctl.arena, k.kind), DKIM_NEXT) > 0))
			continue;
		if (n + 2 > ARRAY_LEN(keys))
			return err_set(e, E_LIMIT, "too many keys; remove old ones first");
		keys[n++] = k.selector;
		keys[n++] = str_z(dkim_state_name(next ? DKIM_ACTIVE : DKIM_RETIRED));
	}
	if (change(domain, keys, n, e) < 0)
		return -1;
	return show(domain, DKIM_ACTIVE,
	    "; The new keys sign from now on. Keep the old records for a week, while mail signed\n"
	    "; with them is under way, then: gkmail dkim remove. Records of the new ones:\n",
	    e);
}

/* 1: all are served; 0: not yet, which was explained. */
static int
all_served(const struct rows *r, struct err *e)
{
	int all = 1;

	for (size_t i = 0; i < r->n; i += ROW) {
		struct key k = key_of(&r->v[i]);
		int served;

		if (!is_state(&k, DKIM_NEXT))
			continue;
		if ((served = dkim_is_served(k.name, k.record, e)) < 0)
			return -1;
		if (served == 0 && !ctl.json) {
			if (all == 1)
				puts(
				    "; The DNS does not serve this yet; until it does the old keys "
				    "sign:");
			out_str(stdout, zone_txt(k.name, k.record));
			putchar('\n');
		}
		all = all && served;
	}
	return all;
}

static int
begin_rotation(struct wish *w, const struct rows *r, struct err *e)
{
	w->rsa = count(r, RSA, DKIM_ACTIVE) > 0;
	w->ed25519 = count(r, ED25519, DKIM_ACTIVE) > 0;
	if (!w->rsa && !w->ed25519)
		return err_set(e, E_NOTFOUND,
		    STR_FMT " has no keys; gkmail dkim generate " STR_FMT " makes some",
		    STR_ARG(w->domain), STR_ARG(w->domain));
	return make(w, r, DKIM_NEXT, e);
}

int
verb_dkim_rotate(struct err *e)
{
	bool at_once = args_flag("--now");
	struct wish w = {.selector = args_value("--selector")};
	const struct conf *c = client_conf(e);
	struct rows r;
	int served = 1;

	if (c == NULL || args_end(1, 1, e) < 0 || zone_domain(ctl.args[0], &w.domain, e) < 0 ||
	    dkim_rows(w.domain, &r, e) < 0)
		return -1;
	w.bits = conf_num(c, CONF_DKIM_RSA_BITS);
	if (count(&r, NULL, DKIM_NEXT) == 0) {
		if (begin_rotation(&w, &r, e) < 0)
			return -1;
		if (!at_once)
			return show(w.domain, DKIM_NEXT,
			    "; New keys are made; the old ones sign on. Publish this, then give "
			    "the "
			    "same\n"
			    "; command again: when the DNS serves it, the new ones sign.\n",
			    e);
		if (dkim_rows(w.domain, &r, e) < 0)
			return -1;
	} else if (!at_once && (served = all_served(&r, e)) < 0) {
		return -1;
	}
	if (served == 1)
		return switch_over(w.domain, &r, e);
	if (ctl.json)
		print_json(&r);
	return EXIT_LATER;
}

/* ---- removal ---- */

int
verb_dkim_remove(struct err *e)
{
	bool force = args_flag("--force");
	struct str domain, keys[2] = {STR_NONE, STR("")};
	struct rows r;

	if (args_end(2, 2, e) < 0 || zone_domain(ctl.args[0], &domain, e) < 0 ||
	    dkim_rows(domain, &r, e) < 0)
		return -1;
	keys[0] = str_z(ctl.args[1]);
	for (size_t i = 0; i < r.n && !force; i += ROW) {
		struct key k = key_of(&r.v[i]);

		if (str_eq(k.selector, keys[0]) && is_state(&k, DKIM_ACTIVE))
			return err_set(e, E_DENIED,
			    "%.63s signs mail of " STR_FMT "; gkmail dkim rotate replaces it, "
			    "--force removes it all the same",
			    ctl.args[1], STR_ARG(domain));
	}
	if (change(domain, keys, 2, e) < 0)
		return client_about(e, ctl.args[1]);
	return show(domain, DKIM_STATES, "; Removed. Its record may go from the zone.\n", e);
}
