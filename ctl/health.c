/* health.c - see health.h. */
#include "ctl/health.h"

#include <stdio.h>

#include "ctl/asked.h"
#include "ctl/client.h"
#include "io/file.h"
#include "json/json.h"

#include "ctl/output.h"

#define HEALTH_MAX (1u << 20)

static int
take(struct health *h, int fd, struct err *e)
{
	uint64_t size;
	char *text;

	if (file_size(fd, &size, e) < 0)
		return -1;
	if (size > HEALTH_MAX)
		return err_set(e, E_PROTO, "unreadable answer");
	text = arena_alloc(&ctl.arena, size + 1);
	if (file_pread(fd, text, size, 0, e) < 0)
		return -1;
	h->raw = str_of(text, size);
	h->v = json_parse(h->raw, JSON_VALUES_MAX, e);
	return h->v == NULL ? -1 : 0;
}

int
health_get(struct health *h, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	int fd, rc;

	*h = (struct health){0};
	ipc_begin(&m, MSG_CTL_HEALTH);
	if (client_call("statd", &m, &in, e) < 0)
		return -1;
	h->healthy = ipc_get_u32(&in) != 0;
	fd = ipc_take_fd(&in);
	rc = ipc_end(&in) < 0 ? err_set(e, E_PROTO, "unreadable answer") : take(h, fd, e);
	file_close(&fd);
	return rc;
}

void
health_each(
    const struct health *h, void (*fn)(void *arg, const char *name, const cJSON *check), void *arg)
{
	const cJSON *list, *check;

	cJSON_ArrayForEach(list, json_get(h->v, "checks"))
	{
		cJSON_ArrayForEach(check, list)
		{
			fn(arg, list->string, check);
		}
	}
}

static void
print_one(void *arg, const char *name, const cJSON *check)
{
	struct str status = asked_str(check, "status");
	struct str what = asked_str(check, "componentId");

	(void)arg;
	if (str_eq_z(status, "pass"))
		return;
	fputs("  ", stdout);
	out_str(stdout, status);
	printf("%*s ", (int)(status.n < 5 ? 5 - status.n : 0), "");
	out_str(stdout, str_z(name));
	putchar(' ');
	out_str(stdout, what);
	fputs(what.n > 0 ? ": " : "", stdout);
	out_str(stdout, asked_str(check, "output"));
	putchar('\n');
}

void
health_print(const struct health *h)
{
	struct str status = asked_str(h->v, "status");

	fputs("health: ", stdout);
	out_str(stdout, status);
	putchar('\n');
	health_each(h, print_one, NULL);
}
