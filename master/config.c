/* config.c - the configuration as master needs it: loaded, and checked beyond what one key can
 * tell. */
#include <limits.h>

#include "base/mem.h"
#include "master/master.h"
#include "net/sock.h"

int
config_refuse(const struct conf *c, enum conf_key k, struct err *e)
{
	const char *origin = conf_origin(c, k);

	e->code = E_INVAL;
	err_wrap(e, "%s.%s", conf_rows[k].section, conf_rows[k].key);
	return strcmp(origin, "default") == 0 ? -1 : err_wrap(e, "%s", origin);
}

static int
check_listeners(const struct conf *c, struct err *e)
{
	for (size_t i = 0; i < SERVICES; i++)
		for (size_t k = 0; k < ARRAY_LEN(services[i].listeners); k++) {
			struct sockaddr_storage a;
			socklen_t size;
			int key = services[i].listeners[k].key;
			const struct str *v;
			size_t n;

			if (key < 0)
				continue;
			v = conf_list(c, (enum conf_key)key, &n);
			for (size_t j = 0; j < n; j++)
				if (sock_parse(v[j], &a, &size, e) < 0)
					return config_refuse(c, (enum conf_key)key, e);
		}
	return 0;
}

static int
check_root(const struct conf *c, struct err *e)
{
	if (geteuid() == 0 || !str_eq(conf_str(c, CONF_SERVER_SANDBOX), STR("required")))
		return 0;
	err_set(e, E_INVAL, "\"required\" takes root; start gk-master as root, or write \"auto\"");
	return config_refuse(c, CONF_SERVER_SANDBOX, e);
}

int
config_load(struct conf **out, struct err *e)
{
	struct conf *c = conf_load(master.conf_path, master.overrides, master.noverrides, e);

	if (c == NULL)
		return -1;
	if (check_listeners(c, e) < 0 || check_root(c, e) < 0 || files_check(c, e) < 0) {
		e->code = E_INVAL;
		conf_free(&c);
		return -1;
	}
	*out = c;
	return 0;
}
