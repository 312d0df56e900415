/* anchor.c - the seed of the trust anchor, and when to begin anew. See anchor.h. */
#include "dnsd/anchor.h"

#include <fcntl.h>

#include "base/log.h"
#include "io/file.h"

#define SEED_FILE "root.seed"
#define NEW_FILE  "root.new"
#define SEED_MAX  65536u

/* https://data.iana.org/root-anchors/root-anchors.xml: KSK-2017 and KSK-2024. */
static const char built_in[] =
    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"
    ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16\n";

static int
seed(int fd, struct arena *a, struct str *out, struct err *e)
{
	char *p = arena_alloc(a, SEED_MAX);
	size_t n;

	*out = STR(built_in);
	if (fd < 0)
		return 0;
	if (file_pread_some(fd, p, SEED_MAX, 0, &n, e) < 0)
		return err_wrap(e, "dns.trust_anchor");
	if (n == 0 || n == SEED_MAX)
		return err_set(e, E_INVAL, "dns.trust_anchor: %s", n == 0 ? "empty" : "too large");
	*out = str_of(p, n);
	return 0;
}

static int
replace(const char *name, struct str text, struct err *e)
{
	int fd = file_open(AT_FDCWD, NEW_FILE, O_WRONLY | O_CREAT | O_TRUNC, 0600, e), rc = -1;

	if (fd < 0)
		return -1;
	if (file_write(fd, text.p, text.n, e) == 0 && file_sync(fd, "dnsd.anchor", e) == 0)
		rc = file_rename(AT_FDCWD, NEW_FILE, AT_FDCWD, name, e);
	file_close(&fd);
	return rc;
}

static bool
has_keys(void)
{
	struct err none;
	uint64_t size = 0;
	int fd = file_open(AT_FDCWD, ANCHOR_FILE, O_RDONLY, 0, &none);
	bool has = fd >= 0 && file_size(fd, &size, &none) == 0 && size > 0;

	file_close(&fd);
	return has;
}

int
anchor_prepare(int fd, struct err *e)
{
	struct str now, before;
	struct arena a;
	struct err none;
	int rc = -1;

	arena_init(&a);
	if (seed(fd, &a, &now, e) < 0)
		goto out;
	if (file_read_all(AT_FDCWD, SEED_FILE, SEED_MAX, &a, &before, &none) == 0 &&
	    str_eq(before, now) && has_keys()) {
		rc = 0;
		goto out;
	}
	/* In this order: a root.seed never claims more than root.key holds. */
	if (replace(ANCHOR_FILE, now, e) < 0 || replace(SEED_FILE, now, e) < 0)
		goto out;
	log_info("dns.anchor", LZ("from", fd < 0 ? "built-in" : "dns.trust_anchor"));
	rc = 0;
out:
	arena_free(&a);
	return rc;
}
