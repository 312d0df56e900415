/*
 * backup_names.c - see backup.h: who files belong to, by name, as numbers are others on another
 * machine.
 */
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>

#include "base/mem.h"
#include "base/num.h"
#include "ctl/backup.h"
#include "ctl/ctl.h"

/* Few are asked for, and again and again. */
#define KEPT 64u

struct kept {
	uint32_t id;
	struct str name;
};

static struct kept users[KEPT], groups[KEPT];
static size_t nusers, ngroups;

static const struct kept *
find(const struct kept *v, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].id == id)
			return &v[i];
	return NULL;
}

/* A directory service may have names such as "domain users", which are several words of a manifest;
 * and one of digits alone would be taken for a number. */
bool
backup_is_name(struct str name)
{
	bool letters = false;

	for (size_t i = 0; i < name.n; i++) {
		if (is_cntl(name.p[i]) || is_space(name.p[i]))
			return false;
		letters |= !is_digit(name.p[i]);
	}
	return letters;
}

static struct str
keep(struct kept *v, size_t *n, uint32_t id, const char *name)
{
	struct str s = name != NULL && backup_is_name(str_z(name))
			   ? arena_dup(&ctl.arena, str_z(name))
			   : arena_printf(&ctl.arena, "%" PRIu32, id);

	if (*n < KEPT)
		v[(*n)++] = (struct kept){id, s};
	return s;
}

struct str
backup_user_name(uint32_t uid)
{
	const struct kept *k = find(users, nusers, uid);
	struct passwd *pw = k == NULL ? getpwuid(uid) : NULL;

	return k != NULL ? k->name : keep(users, &nusers, uid, pw != NULL ? pw->pw_name : NULL);
}

struct str
backup_group_name(uint32_t gid)
{
	const struct kept *k = find(groups, ngroups, gid);
	struct group *gr = k == NULL ? getgrgid(gid) : NULL;

	return k != NULL ? k->name : keep(groups, &ngroups, gid, gr != NULL ? gr->gr_name : NULL);
}

static int
number(struct str name, uint32_t *out)
{
	uint64_t v;

	if (num_parse(name, 0, UINT32_MAX - 1, &v) < 0)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

int
backup_user_id(struct str name, uint32_t *uid, struct err *e)
{
	struct passwd *pw;

	for (size_t i = 0; i < nusers; i++)
		if (str_eq(users[i].name, name)) {
			*uid = users[i].id;
			return 0;
		}
	if (number(name, uid) < 0) {
		if ((pw = getpwnam(arena_dupz(&ctl.arena, name))) == NULL)
			return err_set(e, E_NOTFOUND,
			    "there is no system user " STR_FMT
			    "; install GK Mail first (gkmail setup, or the package)",
			    STR_ARG(name));
		*uid = pw->pw_uid;
	}
	(void)keep(users, &nusers, *uid, arena_dupz(&ctl.arena, name));
	return 0;
}

int
backup_group_id(struct str name, uint32_t *gid, struct err *e)
{
	struct group *gr;

	for (size_t i = 0; i < ngroups; i++)
		if (str_eq(groups[i].name, name)) {
			*gid = groups[i].id;
			return 0;
		}
	if (number(name, gid) < 0) {
		if ((gr = getgrnam(arena_dupz(&ctl.arena, name))) == NULL)
			return err_set(
			    e, E_NOTFOUND, "there is no system group " STR_FMT, STR_ARG(name));
		*gid = gr->gr_gid;
	}
	(void)keep(groups, &ngroups, *gid, arena_dupz(&ctl.arena, name));
	return 0;
}
