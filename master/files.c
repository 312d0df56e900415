/*
 * files.c - what gk-remote needs to prove who a host is, and who we are: authorities and passwords
 * of routes, opened here and handed on as descriptors (INVARIANTS 15).
 *
 * They are opened each time a daemon is told its configuration: nothing is kept. Errors: a file of
 * a route that cannot be opened refuses the configuration; without the system's authorities nobody
 * can prove anything, which is logged.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/mem.h"
#include "master/master.h"
#include "svc/route.h"

static const enum conf_key route_files[] = {CONF_ROUTE_PASSWORD_FILE, CONF_ROUTE_CA_FILE};

int
files_check(const struct conf *c, struct err *e)
{
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

void
files_give(struct process *p)
{
	const struct conf *c = master.conf;
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
