/*
 * files.c - what gk-remote, gk-aid and gk-acme need to prove who a host is, and who we are:
 * authorities, passwords of routes, the key of a model's provider, opened here and handed on as
 * descriptors (INVARIANTS 15).
 *
 * They are opened each time a daemon is told its configuration: nothing is kept. Errors: a file of
 * a route, and a provider's key, that cannot be opened refuse the configuration; without the
 * system's authorities nobody can prove anything, which is logged.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/mem.h"
#include "master/master.h"
#include "svc/acme.h"
#include "svc/route.h"

static const enum conf_key route_files[] = {CONF_ROUTE_PASSWORD_FILE, CONF_ROUTE_CA_FILE};

static int
check_key(const struct conf *c, enum conf_key k, struct err *e)
{
	const char *path = conf_z(c, k);
	int fd;

	if (path[0] == '\0')
		return 0;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
		err_sys(e, "open %s", path);
		return config_refuse(c, k, e);
	}
	close(fd);
	return 0;
}

int
files_check(const struct conf *c, struct err *e)
{
	if (check_key(c, CONF_ASSISTANT_API_KEY_FILE, e) < 0 ||
	    check_key(c, CONF_ACME_EAB_KEY_FILE, e) < 0)
		return -1;
	for (size_t i = 0; i < conf_count(c, CONF_TABLE_ROUTE); i++)
		for (size_t f = 0; f < ARRAY_LEN(route_files); f++) {
			enum conf_key k = route_files[f];
			const char *path = conf_row_z(c, k, i);
			int fd;

			if (path[0] == '\0')
				continue;
			if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
				err_sys(e, "open %s", path);
				err_wrap(
				    e, "%s: route.%s", conf_row_origin(c, k, i), conf_rows[k].key);
				e->code = E_INVAL;
				return -1;
			}
			close(fd);
		}
	return 0;
}

static void
give(struct process *p, const char *path, const char *name)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		log_warn("master.file", LZ("file", path), LZ("error", strerror(errno)));
	setup_file(p, name, fd);
}

static void
give_remote(struct process *p, const struct conf *c)
{
	char name[ROUTE_FILE_SIZE];

	if (conf_str(c, CONF_REMOTE_CA_FILE).n > 0)
		give(p, conf_z(c, CONF_REMOTE_CA_FILE), "remote.ca_file");
	for (size_t i = 0; i < conf_count(c, CONF_TABLE_ROUTE); i++)
		for (size_t f = 0; f < ARRAY_LEN(route_files); f++)
			if (conf_row_str(c, route_files[f], i).n > 0 &&
			    route_file_row(c, route_files[f], i) == i)
				give(p, conf_row_z(c, route_files[f], i),
				    route_file_name(route_files[f], i, name));
}

/* Without a provider there is nobody to prove anything to. */
static void
give_aid(struct process *p, const struct conf *c)
{
	if (str_eq_z(conf_str(c, CONF_ASSISTANT_PROVIDER), "builtin"))
		return;
	if (str_starts(conf_str(c, CONF_ASSISTANT_URL), STR("https:")))
		give(p, conf_z(c, CONF_ASSISTANT_CA_FILE), "assistant.ca_file");
	if (conf_str(c, CONF_ASSISTANT_API_KEY_FILE).n > 0)
		give(p, conf_z(c, CONF_ASSISTANT_API_KEY_FILE), "assistant.api_key_file");
}

static void
give_acme(struct process *p, const struct conf *c)
{
	if (!acme_is_on(c))
		return;
	if (p->service->peer == PEER_ACME)
		give(p, conf_z(c, CONF_ACME_CA_FILE), "acme.ca_file");
	else if (conf_str(c, CONF_ACME_EAB_KEY_FILE).n > 0)
		give(p, conf_z(c, CONF_ACME_EAB_KEY_FILE), "acme.eab_key_file");
}

void
files_give(struct process *p)
{
	if (p->service->peer == PEER_REMOTE)
		give_remote(p, master.conf);
	if (p->service->peer == PEER_AID)
		give_aid(p, master.conf);
	if (p->service->peer == PEER_ACME || p->service->peer == PEER_SIGN)
		give_acme(p, master.conf);
}
