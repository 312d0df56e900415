/* keys.c - see keys.h. */
#include "smtpd/sign/keys.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "svc/dkim_set.h"
#include "svc/svc.h"

#define PAGE        60u    /* keys of a list, at most 1,000 octets each */
#define DOMAINS_MAX 60000u /* octets of SIGN_DOMAINS */

struct key {
	struct dkim_key *key;
	enum dkim_state state;
};

static struct {
	struct key *v; /* by domain, then selector */
	size_t n;
	char host[256];
} keys;

/* ---- loading ---- */

static int
compare(struct str ad, struct str as, struct str bd, struct str bs)
{
	int c = str_cmp(ad, bd);

	return c != 0 ? c : str_cmp(as, bs);
}

static int
by_name(const void *pa, const void *pb)
{
	const struct key *a = pa, *b = pb;

	return compare(dkim_key_domain(a->key), dkim_key_selector(a->key), dkim_key_domain(b->key),
	    dkim_key_selector(b->key));
}

static void
free_keys(struct key *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dkim_key_free(&v[i].key);
	free(v);
}

/* More signatures than a message may have would be left out in silence. */
static int
check_counts(const struct key *v, size_t n, struct err *e)
{
	size_t active = 0;

	for (size_t i = 0; i < n; i++) {
		struct str domain = dkim_key_domain(v[i].key);

		if (i > 0 && !str_eq(domain, dkim_key_domain(v[i - 1].key)))
			active = 0;
		active += v[i].state == DKIM_ACTIVE;
		if (active > DKIM_KEYS_MAX)
			return err_set(e, E_INVAL, "more than %u keys sign for " STR_FMT,
			    DKIM_KEYS_MAX, STR_ARG(domain));
	}
	return 0;
}

static int
take_set(struct str set, struct err *e)
{
	struct dkim_entry *entries;
	struct key *v = NULL;
	struct arena a;
	size_t n = 0, made = 0;
	int rc = -1;

	arena_init(&a);
	if (dkim_set_get(set, &a, &entries, &n, e) < 0)
		goto out;
	v = mem_array(n + 1, sizeof(*v));
	for (; made < n; made++) {
		const struct dkim_entry *entry = &entries[made];

		v[made].state = entry->state;
		v[made].key = dkim_key_new(entry->domain, entry->selector, entry->pem, e);
		if (v[made].key == NULL)
			goto out;
	}
	qsort(v, n, sizeof(*v), by_name);
	if (check_counts(v, n, e) < 0)
		goto out;
	free_keys(keys.v, keys.n);
	keys.v = v;
	keys.n = n;
	v = NULL;
	made = 0;
	rc = 0;
out:
	free_keys(v, made);
	arena_free(&a);
	return rc;
}

int
keys_load(struct str host, struct err *e)
{
	int fd = svc_file("dkim.keys"), rc = -1;
	off_t size = lseek(fd, 0, SEEK_END); /* confined, we have no stat() */
	char *p = NULL;

	if (size < 0)
		return err_set(e, E_INTERNAL, "master gave no keys");
	if (size > (off_t)DKIM_SET_MAX)
		return err_set(e, E_LIMIT, "too many keys");
	p = mem_alloc((size_t)size + 1);
	if (file_pread(fd, p, (size_t)size, 0, e) == 0 && take_set(str_of(p, (size_t)size), e) == 0)
		rc = 0;
	explicit_bzero(p, (size_t)size);
	free(p);
	if (rc == 0 && str_cz(host, keys.host, sizeof(keys.host)) < 0)
		keys.host[0] = '\0';
	return rc;
}

void
keys_done(void)
{
	free_keys(keys.v, keys.n);
	keys.v = NULL;
	keys.n = 0;
}

/* ---- finding ---- */

/* The first key that is not before (domain, selector). */
static size_t
find(struct str domain, struct str selector)
{
	size_t low = 0, high = keys.n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct dkim_key *k = keys.v[mid].key;

		if (compare(dkim_key_domain(k), dkim_key_selector(k), domain, selector) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static size_t
exactly_of(struct str domain, const struct dkim_key *out[DKIM_KEYS_MAX])
{
	size_t n = 0;

	for (size_t i = find(domain, STR(""));
	     i < keys.n && n < DKIM_KEYS_MAX && str_eq(dkim_key_domain(keys.v[i].key), domain); i++)
		if (keys.v[i].state == DKIM_ACTIVE)
			out[n++] = keys.v[i].key;
	return n;
}

/* d=example.org is in line with From: …@mail.example.org (RFC 9989 4.4, relaxed); only for this
 * server's own name, as other domains below may be other people's. */
size_t
keys_of(struct str domain, const struct dkim_key *out[DKIM_KEYS_MAX])
{
	size_t n = exactly_of(domain, out);
	struct str label;

	if (!str_ieq_z(domain, keys.host))
		return n;
	while (n == 0 && str_cut(&domain, '.', &label))
		n = exactly_of(domain, out);
	return n;
}

/* ---- telling ---- */

void
keys_tell(struct ipc_chan *smtpd)
{
	const struct dkim_key *found[DKIM_KEYS_MAX];
	struct str *v = mem_array(keys.n + 1, sizeof(*v)), host = str_z(keys.host);
	size_t n = 0, octets = 0;
	struct ipc_out m;

	for (size_t i = 0; i < keys.n; i++) {
		struct str domain = dkim_key_domain(keys.v[i].key);

		if (keys.v[i].state == DKIM_ACTIVE && (n == 0 || !str_eq(v[n - 1], domain))) {
			v[n++] = domain;
			octets += domain.n + 4;
		}
	}
	if (keys_of(host, found) > 0) {
		v[n++] = host;
		octets += host.n + 4;
	}
	ipc_begin(&m, MSG_SIGN_DOMAINS);
	ipc_put_u32(&m, octets > DOMAINS_MAX);
	ipc_put_list(&m, v, octets > DOMAINS_MAX ? 0 : n);
	ipc_send(smtpd, &m);
	free(v);
}

static void
put_row(const struct key *k, struct arena *a, struct str *row)
{
	struct str domain = dkim_key_domain(k->key), selector = dkim_key_selector(k->key);
	struct buf record;

	buf_init(&record, 4096);
	dkim_key_record(k->key, &record);
	row[0] = arena_printf(a, STR_FMT " " STR_FMT, STR_ARG(domain), STR_ARG(selector));
	row[1] = str_z(dkim_state_name(k->state));
	row[2] = str_z(dkim_key_kind(k->key));
	row[3] = arena_printf(a, "%u", dkim_key_bits(k->key));
	row[4] = arena_dup(a, buf_view(&record));
	buf_free(&record);
}

void
keys_list(struct ipc_chan *c, struct ipc_in *m)
{
	struct str after = ipc_get_str(m), domain, rows[PAGE * 5];
	struct ipc_out out;
	struct arena a;
	size_t i, n = 0;

	if (ipc_end(m) < 0)
		return;
	(void)str_cut(&after, ' ', &domain);
	arena_init(&a);
	i = find(domain, after);
	if (i < keys.n && str_eq(dkim_key_domain(keys.v[i].key), domain) &&
	    str_eq(dkim_key_selector(keys.v[i].key), after))
		i++;
	for (; i < keys.n && n < PAGE; i++, n++)
		put_row(&keys.v[i], &a, &rows[n * 5]);
	ipc_begin(&out, MSG_DKIM_LIST_R);
	ipc_put_u32(&out, i < keys.n);
	ipc_put_list(&out, rows, n * 5);
	ipc_reply(c, m->id, &out);
	arena_free(&a);
}
