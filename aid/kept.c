/* kept.c - see kept.h. */
#include "aid/kept.h"

#include "base/mem.h"
#include "json/json.h"

#define PIECE   8192u /* octets of text in a message: within a frame, whatever it is escaped to */
#define END_MAX 4096u

void
kept_init(struct kept *k)
{
	*k = (struct kept){0};
	buf_init(&k->lines, KEPT_MAX);
	buf_init(&k->text, KEPT_MAX);
}

void
kept_free(struct kept *k)
{
	buf_free(&k->lines);
	buf_free(&k->text);
}

static cJSON *
new_message(const struct kept *k, const char *type)
{
	cJSON *m = cJSON_CreateObject();

	json_put_str(m, "type", str_z(type));
	json_put_str(m, "id", str_z(k->id));
	return m;
}

static void put(struct kept *k, const cJSON *message, size_t max);

/* Once, where the first is left out. */
static void
put_gap(struct kept *k)
{
	cJSON *m;

	if (k->gap)
		return;
	k->gap = true;
	m = new_message(k, "notice");
	json_put_str(m, "code", STR("gap"));
	json_put_str(m, "text", STR(""));
	put(k, m, KEPT_MAX);
	cJSON_Delete(m);
}

static void
put(struct kept *k, const cJSON *message, size_t max)
{
	struct buf b;

	buf_init(&b, KEPT_MAX);
	json_print(message, &b);
	(void)buf_putc(&b, '\n');
	if (b.over || k->lines.n + b.n > max)
		put_gap(k);
	else
		(void)buf_str(&k->lines, buf_view(&b));
	buf_free(&b);
}

static void
put_text(struct kept *k)
{
	struct str rest = buf_view(&k->text), piece;
	cJSON *m;

	while (rest.n > 0) {
		piece = str_cut_utf8(rest, PIECE);
		assume(piece.n > 0);
		rest = str_from(rest, piece.n);
		m = new_message(k, "delta");
		json_put_str(m, "text", piece);
		put(k, m, KEPT_MAX - END_MAX);
		cJSON_Delete(m);
	}
	buf_reset(&k->text);
}

void
kept_add(struct kept *k, const cJSON *message)
{
	struct str type = json_str(json_get(message, "type")),
		   id = json_str(json_get(message, "id"));
	bool end = str_eq_z(type, "done") || str_eq_z(type, "error");

	if (str_eq_z(type, "start") && str_cz(id, k->id, sizeof(k->id)) == 0) {
		buf_reset(&k->lines);
		buf_reset(&k->text);
		k->gap = false;
	}
	if (id.n == 0 || !str_eq_z(id, k->id))
		return;
	if (str_eq_z(type, "delta")) {
		(void)buf_str(&k->text, json_str(json_get(message, "text")));
		return;
	}
	put_text(k);
	put(k, message, end ? KEPT_MAX : KEPT_MAX - END_MAX);
}

bool
kept_tell(struct kept *k, struct str id, void (*tell)(void *arg, struct str), void *arg)
{
	struct str rest, line;

	if (id.n == 0 || !str_eq_z(id, k->id))
		return false;
	put_text(k);
	rest = buf_view(&k->lines);
	while (str_cut(&rest, '\n', &line))
		tell(arg, line);
	return true;
}
