/* state.c - see state.h. */
#include "acme/state.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/arena.h"
#include "io/file.h"
#include "json/json.h"

#define NAME      "state"
#define FRESH     "state.new"
#define STATE_MAX 4096u
#define VERSION   1

void
state_parse(struct str text, struct state *out)
{
	cJSON *v = json_parse(text, 100, NULL);
	struct str error = json_str(json_get(v, "error"));
	int64_t version, failures, retry;

	*out = (struct state){0};
	if (json_int(json_get(v, "version"), VERSION, VERSION, &version) == 0 &&
	    json_int(json_get(v, "failures"), 0, 1000000, &failures) == 0 &&
	    json_int(json_get(v, "failed"), 0, JSON_INT_MAX, &out->failed) == 0 &&
	    json_int(json_get(v, "retry"), 0, UINT32_MAX, &retry) == 0) {
		out->failures = (unsigned)failures;
		out->retry = (uint32_t)retry;
		snprintf(out->error, sizeof(out->error), STR_FMT,
		    STR_ARG(str_cut_utf8(error, sizeof(out->error) - 1)));
	}
	cJSON_Delete(v);
}

void
state_read(struct state *out)
{
	struct str text = STR_NONE;
	struct arena a;

	arena_init(&a);
	(void)file_read_all(AT_FDCWD, NAME, STATE_MAX, &a, &text, NULL);
	state_parse(text, out);
	arena_free(&a);
}

void
state_heed(struct state *s, int64_t now)
{
	if (s->failed > now)
		s->failed = now;
}

int
state_write(const struct state *s, struct err *e)
{
	cJSON *v = cJSON_CreateObject();
	struct buf b;
	int fd, rc = -1;

	json_put_num(v, "version", VERSION);
	json_put_num(v, "failures", s->failures);
	json_put_num(v, "failed", s->failed);
	json_put_num(v, "retry", s->retry);
	json_put_str(v, "error", str_z(s->error));
	buf_init(&b, STATE_MAX);
	json_print(v, &b);
	cJSON_Delete(v);
	fd = file_open(AT_FDCWD, FRESH, O_WRONLY | O_CREAT | O_TRUNC, 0600, e);
	if (fd >= 0 && file_write(fd, b.p, b.n, e) == 0)
		rc = file_rename(AT_FDCWD, FRESH, AT_FDCWD, NAME, e);
	file_close(&fd);
	buf_free(&b);
	return rc;
}
