/*
 * sandbox_users.c - domain and users of a sandbox. Passwords are kept in DIR/users (0600), as the
 * same DIR has the same users again; sealed (sandbox_seal.c), so that no search of DIR finds one.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/password.h"
#include "ctl/sandbox.h"
#include "io/file.h"

#define FILE_MAX (32u * 1024 * 1024)

static void
add(struct sandbox *s, struct str address, struct str password)
{
	if (s->nusers < SANDBOX_USERS_MAX)
		s->users[s->nusers++] =
		    (struct sandbox_user){.address = address, .password = password};
}

static struct str
full_address(const struct sandbox *s, struct str name)
{
	if (str_chr(name, '@') < name.n)
		return arena_dup(&ctl.arena, name);
	return arena_printf(&ctl.arena, STR_FMT "@" STR_FMT, STR_ARG(name), STR_ARG(s->domain));
}

int
sandbox_users_name(struct sandbox *s, const char *text, struct err *e)
{
	struct str password = str_z(text), name;

	if (!str_cut(&password, ':', &name))
		password = STR_NONE;
	if (name.n == 0)
		return args_wrong(e, "--user takes NAME:PASSWORD");
	add(s, full_address(s, name), password);
	return 0;
}

void
sandbox_users_count(struct sandbox *s, size_t n)
{
	static const char *const names[] = {"alice", "bob", "carol"};

	for (size_t i = 0; i < n; i++) {
		struct str name = i < ARRAY_LEN(names) ? str_z(names[i])
						       : arena_printf(&ctl.arena, "user%zu", i + 1);

		add(s, full_address(s, name), STR_NONE);
	}
}

/* ---- the file ---- */

struct known {
	struct str address, password;
	UT_hash_handle hh;
};

static struct known *
find(struct known *all, struct str address)
{
	struct known *k;

	HASH_FIND(hh, all, address.p, address.n, k);
	return k;
}

/* "address sealed-password" lines. */
static struct known *
read_users(const struct sandbox *s, struct str text)
{
	struct known *all = NULL, *k;
	struct str line, address, password;

	while (str_cut(&text, '\n', &line)) {
		if (!str_cut(&line, ' ', &address) || find(all, address) != NULL ||
		    sandbox_unseal(s, line, &password) < 0)
			continue;
		k = arena_new(&ctl.arena, struct known);
		k->address = address;
		k->password = password;
		HASH_ADD_KEYPTR(hh, all, k->address.p, k->address.n, k);
	}
	return all;
}

static int
put_user(
    const struct sandbox *s, struct buf *b, struct str address, struct str password, struct err *e)
{
	struct str sealed;

	if (sandbox_seal(s, password, &sealed, e) < 0)
		return -1;
	buf_printf(b, STR_FMT " " STR_FMT "\n", STR_ARG(address), STR_ARG(sealed));
	return 0;
}

static int
write_users(const struct sandbox *s, struct known *others, struct err *e)
{
	const char *path = sandbox_path(s, "users");
	struct known *k, *next;
	int fd = -1, rc = -1;
	struct buf b;

	buf_init(&b, FILE_MAX);
	for (size_t i = 0; i < s->nusers; i++)
		if (put_user(s, &b, s->users[i].address, s->users[i].password, e) < 0)
			goto out;
	HASH_ITER (hh, others, k, next)
		if (put_user(s, &b, k->address, k->password, e) < 0)
			goto out;
	if ((fd = file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600, e)) < 0)
		goto out;
	rc = file_write(fd, b.p, b.n, e);
out:
	file_close(&fd);
	buf_free(&b);
	return rc;
}

int
sandbox_users_recall(struct sandbox *s, struct err *e)
{
	struct known *all, *k, *next;
	struct str text;

	if (access(sandbox_path(s, "users"), F_OK) < 0)
		return 0;
	if (file_read_all(AT_FDCWD, sandbox_path(s, "users"), FILE_MAX, &ctl.arena, &text, e) < 0)
		return -1;
	all = read_users(s, text);
	if (s->nusers == 0)
		HASH_ITER (hh, all, k, next)
			add(s, k->address, k->password);
	for (size_t i = 0; i < s->nusers; i++) {
		struct sandbox_user *u = &s->users[i];

		if ((k = find(all, u->address)) == NULL)
			continue;
		u->known = u->password.n == 0 || str_eq(u->password, k->password);
		if (u->password.n == 0)
			u->password = k->password;
	}
	HASH_CLEAR(hh, all);
	return 0;
}

/* ---- into authd ---- */

/* Already there is as good. */
static int
add_domain(struct str domain, struct err *e)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_DOMAIN_ADD);
	ipc_put_str(&m, domain);
	ipc_put_u64(&m, 0);
	if (client_do("authd", &m, e) == 0 || e->code == E_EXISTS)
		return 0;
	return err_wrap(e, "domain " STR_FMT, STR_ARG(domain));
}

/* Users to be made, or to get another password. */
struct work {
	enum ipc_type type;
	struct sandbox_user **users;
	size_t n;
};

static void
make_call(void *arg, size_t i, struct ipc_out *m)
{
	const struct work *w = arg;

	ipc_begin(m, w->type);
	ipc_put_str(m, w->users[i]->address);
	ipc_put_str(m, w->users[i]->password);
	if (w->type == MSG_USER_ADD)
		ipc_put_u64(m, 0);
}

/* Side by side: each password takes authd a moment of all its threads. */
static int
do_work(struct work *w, struct err *e)
{
	size_t failed;

	if (client_do_many("authd", w->n, make_call, w, &failed, e) == 0)
		return 0;
	return failed < w->n ? err_wrap(e, "user " STR_FMT, STR_ARG(w->users[failed]->address))
			     : -1;
}

/* The addresses that authd knows. */
static int
existing(struct known **out, struct err *e)
{
	struct rows r;

	*out = NULL;
	if (client_rows("authd", MSG_USER_LIST, 5, &r, e) < 0)
		return -1;
	for (size_t i = 0; i < r.n; i += 5) {
		struct known *k = arena_new(&ctl.arena, struct known);

		k->address = r.v[i];
		HASH_ADD_KEYPTR(hh, *out, k->address.p, k->address.n, k);
	}
	free(r.v);
	return 0;
}

static void
choose_passwords(struct sandbox *s)
{
	char password[PASSWORD_MAX];

	for (size_t i = 0; i < s->nusers; i++) {
		if (s->users[i].password.n != 0)
			continue;
		password_make(password);
		s->users[i].password = arena_dup(&ctl.arena, str_z(password));
	}
}

static struct work
work_new(const struct sandbox *s, enum ipc_type type)
{
	return (struct work){
	    .type = type, .users = arena_array(&ctl.arena, s->nusers + 1, sizeof(void *))};
}

/* Domains and users that authd does not know, or with another password. */
static int
into_authd(struct sandbox *s, struct known *there, struct err *e)
{
	struct work new = work_new(s, MSG_USER_ADD), changed = work_new(s, MSG_USER_PASSWD);
	struct str domain = s->domain;

	if (add_domain(domain, e) < 0)
		return -1;
	for (size_t i = 0; i < s->nusers; i++) {
		struct sandbox_user *u = &s->users[i];
		struct str at = str_from(u->address, str_rchr(u->address, '@') + 1);

		if (!str_eq(at, domain) && add_domain(domain = at, e) < 0)
			return -1;
		if (find(there, u->address) == NULL)
			new.users[new.n++] = u;
		else if (!u->known)
			changed.users[changed.n++] = u;
	}
	return do_work(&new, e) < 0 || do_work(&changed, e) < 0 ? -1 : 0;
}

int
sandbox_users_make(struct sandbox *s, struct err *e)
{
	struct known *there = NULL, *others = NULL, *k;
	struct str text;
	int rc = -1;

	choose_passwords(s);
	if (existing(&there, e) < 0)
		return -1;
	/* Those of earlier starts that are not asked for now keep their line. */
	if (file_read_all(AT_FDCWD, sandbox_path(s, "users"), FILE_MAX, &ctl.arena, &text, e) == 0)
		others = read_users(s, text);
	if (into_authd(s, there, e) < 0)
		goto out;
	for (size_t i = 0; i < s->nusers; i++)
		if ((k = find(others, s->users[i].address)) != NULL)
			HASH_DEL(others, k);
	rc = write_users(s, others, e);
out:
	HASH_CLEAR(hh, there);
	HASH_CLEAR(hh, others);
	return rc;
}
