/*
 * sts_file.c - policies of MTA-STS on disk. See sts_file.h.
 *
 * Owner: gk-remote alone writes the directory. Errors: a full disk costs only the memory of a
 * restart.
 */
#include "delivery/remote/sts_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "net/dns.h"

#define HEAD     "gkmail-sts 1\n"
#define TAIL     "end\n"
#define FILE_MAX (64u * 1024)
#define NEW_NAME ".new" /* no domain */

struct str
sts_file_text(const struct sts_kept *k, struct arena *a)
{
	struct str text;
	struct buf b;

	buf_init(&b, FILE_MAX);
	buf_printf(&b,
	    HEAD "id: " STR_FMT "\nfetched: %lld\nversion: STSv1\nmode: %s\nmax_age: %u\n",
	    STR_ARG(k->policy.id), (long long)k->fetched, sts_mode_name(k->policy.mode),
	    k->policy.max_age);
	for (size_t i = 0; i < k->policy.nmx; i++)
		buf_printf(&b, "mx: " STR_FMT "\n", STR_ARG(k->policy.mx[i]));
	buf_puts(&b, TAIL);
	text = arena_dup(a, buf_view(&b));
	buf_free(&b);
	return text;
}

/* "name: value" at the beginning of *text. */
static int
take(struct str *text, const char *name, struct str *value, struct err *e)
{
	struct str line, head;

	if (!str_cut(text, '\n', &line) || !str_cut(&line, ':', &head) || !str_eq_z(head, name))
		return err_set(e, E_INVAL, "no %s", name);
	*value = str_trim(line);
	return 0;
}

int
sts_file_parse(struct str text, struct arena *a, struct sts_kept *out, struct err *e)
{
	struct str id, fetched;
	uint64_t when;

	*out = (struct sts_kept){0};
	if (!str_starts(text, STR(HEAD)) || !str_ends(text, STR("\n" TAIL)) ||
	    text.n < sizeof(HEAD TAIL))
		return err_set(e, E_INVAL, "not a whole file of this version");
	text = str_sub(text, sizeof(HEAD) - 1, text.n - (sizeof(HEAD) - 1) - (sizeof(TAIL) - 1));
	if (take(&text, "id", &id, e) < 0 || take(&text, "fetched", &fetched, e) < 0)
		return -1;
	if (num_parse(fetched, 0, INT64_MAX / 2, &when) < 0 || !sts_is_id(id))
		return err_set(e, E_INVAL, "no time or id");
	if (sts_policy_parse(text, a, &out->policy, e) < 0)
		return -1;
	out->policy.id = arena_dup(a, id);
	out->fetched = (int64_t)when;
	return 0;
}

int
sts_file_write(int dir, struct str domain, const struct sts_kept *k, struct err *e)
{
	struct arena a;
	struct str text;
	int fd = -1, rc = -1;

	arena_init(&a);
	text = sts_file_text(k, &a);
	if ((fd = file_open(dir, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600, e)) >= 0 &&
	    file_write(fd, text.p, text.n, e) == 0 &&
	    file_rename(dir, NEW_NAME, dir, arena_dupz(&a, domain), e) == 0)
		rc = 0;
	file_close(&fd);
	arena_free(&a);
	return rc;
}

int
sts_file_remove(int dir, struct str domain, struct err *e)
{
	char name[DNS_NAME_MAX + 2];

	return str_cz(domain, name, sizeof(name)) < 0 ? 0 : file_unlink(dir, name, e);
}

int
sts_file_read_all(int dir, void (*fn)(void *arg, struct str domain, const struct sts_kept *k),
    void *arg, struct err *e)
{
	struct sts_kept k;
	struct dirent *de;
	struct arena a;
	struct str text;
	struct err why = {0};
	int fd = dup(dir);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d == NULL) {
		err_sys(e, "read the directory of MTA-STS policies");
		file_close(&fd);
		return -1;
	}
	arena_init(&a);
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		if (dns_is_host(str_z(de->d_name)) &&
		    file_read_all(dir, de->d_name, FILE_MAX, &a, &text, &why) == 0 &&
		    sts_file_parse(text, &a, &k, &why) == 0) {
			fn(arg, str_z(de->d_name), &k);
		} else {
			log_warn("sts.file", LZ("file", de->d_name), LE(&why));
			(void)file_unlink(dir, de->d_name, &why);
		}
		arena_reset(&a);
	}
	arena_free(&a);
	closedir(d);
	return 0;
}
