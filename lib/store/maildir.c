/*
 * maildir.c - see maildir.h. Allocates nothing.
 */
#include "store/maildir.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/num.h"
#include "io/file.h"

#define PART_MAX 128 /* octets of a local part or domain as a directory name */

/* ---- homes ---- */

/* May s be a directory name of its own below mail/? */
static bool
is_safe_part(struct str s)
{
	if (s.n == 0 || s.n > PART_MAX || s.p[0] == '.' || !str_is_utf8(s))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '/' || is_cntl(s.p[i]))
			return false;
	return true;
}

int
maildir_home(struct str user, char out[MAILDIR_HOME_SIZE], struct err *e)
{
	size_t at = str_rchr(user, '@');
	struct str local = str_sub(user, 0, at), domain;

	if (at == user.n)
		return err_set(e, E_INVAL, "user without a domain");
	domain = str_from(user, at + 1);
	if (!is_safe_part(local) || !is_safe_part(domain))
		return err_set(e, E_INVAL, "a user whose name cannot be a directory");
	(void)snprintf(
	    out, MAILDIR_HOME_SIZE, STR_FMT "/" STR_FMT, STR_ARG(domain), STR_ARG(local));
	return 0;
}

/* Makes home/sub and syncs what holds its name. */
static int
make_below(int dir, const char *home, const char *sub, struct err *e)
{
	char path[MAILDIR_HOME_SIZE + 64];

	(void)snprintf(path, sizeof path, "%s%s", home, sub);
	return file_mkdir(dir, path, 0700, e);
}

static int
sync_path(int dir, const char *path, struct err *e)
{
	int fd = file_open(dir, path, O_RDONLY | O_DIRECTORY, 0, e);
	int rc = fd < 0 ? -1 : file_sync_dir(fd, "store.home", e);

	file_close(&fd);
	return rc;
}

int
maildir_home_make(int dir, struct str user, struct err *e)
{
	static const char *const subs[] = {
	    "", "/Maildir", "/Maildir/cur", "/Maildir/new", "/Maildir/tmp", "/db"};
	char home[MAILDIR_HOME_SIZE], domain[MAILDIR_HOME_SIZE], last[MAILDIR_HOME_SIZE + 32];
	struct stat st;

	if (maildir_home(user, home, e) < 0)
		return -1;
	/* Only an owner makes the lock, and none starts before all below has been synced once. What
	 * is merely there may have been made just before a crash, its names not yet durable. */
	(void)snprintf(last, sizeof last, "%s/db/lock", home);
	if (fstatat(dir, last, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (str_cz(str_sub(str_z(home), 0, str_chr(str_z(home), '/')), domain, sizeof domain) < 0)
		return err_set(e, E_INTERNAL, "home path");
	if (file_mkdir(dir, domain, 0700, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof subs / sizeof subs[0]; i++)
		if (make_below(dir, home, subs[i], e) < 0)
			return -1;
	/* A home whose own name is lost takes every durable message in it along. */
	(void)snprintf(last, sizeof last, "%s/Maildir", home);
	if (sync_path(dir, last, e) < 0 || sync_path(dir, home, e) < 0 ||
	    sync_path(dir, domain, e) < 0 || sync_path(dir, ".", e) < 0)
		return -1;
	return 0;
}

int
maildir_junk_make(int dir, struct str user, struct err *e)
{
	static const char *const subs[] = {"", "/cur", "/new", "/tmp"};
	char home[MAILDIR_HOME_SIZE], folder[MAILDIR_HOME_SIZE + 32];

	if (maildir_home(user, home, e) < 0)
		return -1;
	(void)snprintf(folder, sizeof folder, "%s/Maildir/.Junk", home);
	for (size_t i = 0; i < sizeof subs / sizeof subs[0]; i++)
		if (make_below(dir, folder, subs[i], e) < 0)
			return -1;
	return 0;
}

/* ---- message files ---- */

static const char letter_of[] = "DFPRST"; /* in the order of the MAILDIR_ bits, and of ASCII */

static uint32_t
letter_bit(char c)
{
	const char *at;

	if (c >= 'a' && c <= 'z')
		return 1u << (6 + (c - 'a'));
	at = c ? strchr(letter_of, c) : NULL;
	return at ? 1u << (at - letter_of) : 0;
}

/* The value behind a mark like ",S=" in a base, ended by ',' or the end; empty where there is none.
 */
static struct str
find_mark(struct str base, struct str mark)
{
	size_t at = str_find(base, mark);
	struct str rest = str_from(base, num_min(at + mark.n, base.n)), value;

	(void)str_cut(&rest, ',', &value);
	return value;
}

int
maildir_parse(struct str name, struct maildir_name *out)
{
	struct maildir_name m = {0};
	struct str rest = name, info, first;
	uint64_t time;

	if (name.n == 0 || name.n >= MAILDIR_NAME_SIZE || name.p[0] == '.')
		return -1;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '/' || is_cntl(name.p[i]))
			return -1;
	m.has_info = str_cut(&rest, ':', &m.base);
	info = m.has_info ? rest : STR_NONE;
	rest = m.base;
	(void)str_cut(&rest, '.', &first);
	if (num_parse(first, 0, INT64_MAX / 1000000, &time) < 0)
		return -1;
	m.time = (int64_t)time;
	if (first.n < m.base.n) {
		(void)str_cut(&rest, '.', &m.id);
		m.id = str_sub(m.id, 0, str_chr(m.id, ','));
	}
	m.has_size = num_parse(find_mark(m.base, STR(",S=")), 0, INT64_MAX, &m.size) == 0;
	m.email = find_mark(m.base, STR(",E="));
	/* Experimental forms of info ("1,") say nothing to us. */
	if (str_starts(info, STR("2,")))
		for (size_t i = 2; i < info.n && info.p[i] != ','; i++)
			m.letters |= letter_bit(info.p[i]);
	*out = m;
	return 0;
}

void
maildir_base_copy(char out[MAILDIR_NAME_SIZE], int64_t time, struct str id, struct str host,
    struct str email, uint64_t size)
{
	char clean[65];
	size_t n = 0;

	for (size_t i = 0; i < host.n && n < sizeof clean - 1; i++) {
		char c = to_lower(host.p[i]);

		clean[n++] = is_alnum(c) || c == '-' || c == '.' ? c : '_';
	}
	clean[n] = 0;
	(void)snprintf(out, MAILDIR_NAME_SIZE, "%lld." STR_FMT ".%s%s" STR_FMT ",S=%llu",
	    (long long)num_max(time, 0), STR_ARG(str_sub(id, 0, 64)), n ? clean : "localhost",
	    email.n ? ",E=" : "", STR_ARG(str_sub(email, 0, 64)), (unsigned long long)size);
}

void
maildir_base(
    char out[MAILDIR_NAME_SIZE], int64_t time, struct str id, struct str host, uint64_t size)
{
	maildir_base_copy(out, time, id, host, STR_NONE, size);
}

int
maildir_name(char out[MAILDIR_NAME_SIZE], struct str base, uint32_t letters)
{
	char text[33];
	size_t n = 0;

	/* In ASCII order, as the format asks for. */
	for (unsigned i = 0; i < 32; i++)
		if (letters & (1u << i))
			text[n++] = i < 6 ? letter_of[i] : (char)('a' + (i - 6));
	text[n] = 0;
	if (base.n + 3 + n >= MAILDIR_NAME_SIZE)
		return -1;
	(void)snprintf(out, MAILDIR_NAME_SIZE, STR_FMT ":2,%s", STR_ARG(base), text);
	return 0;
}
