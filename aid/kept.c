/* kept.c - see kept.h. */
#include "aid/kept.h"

#include "base/mem.h"
#include "json/json.h"

#define PIECE   8192u /* octets of text in a message */
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

/* ---- older turns ---- */

static void
drop_oldest(struct kept *k)
{
	size_t octets = k->n > 1 ? k->begin[1] : k->lines.n;

	buf_consume(&k->lines, octets);
	k->n--;
	for (size_t i = 0; i < k->n; i++)
		k->begin[i] = k->begin[i + 1] - octets;
}

static void
begin_turn(struct kept *k)
{
	if (k->n == KEPT_TURNS)
		drop_oldest(k);
	k->begin[k->n++] = k->lines.n;
	k->gap = false;
}

/* ---- messages ---- */

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
	while (!b.over && k->n > 1 && k->lines.n + b.n > max)
		drop_oldest(k);
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

	if (str_eq_z(type, "start")) {
		put_text(k);
		if (str_cz(id, k->id, sizeof(k->id)) == 0)
			begin_turn(k);
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

static void
tell_from(struct kept *k, size_t from, void (*tell)(void *arg, struct str), void *arg)
{
	struct str rest, line;

	rest = str_from(buf_view(&k->lines), from);
	while (str_cut(&rest, '\n', &line))
		tell(arg, line);
}

bool
kept_tell(struct kept *k, struct str id, void (*tell)(void *arg, struct str), void *arg)
{
	if (id.n == 0 || !str_eq_z(id, k->id))
		return false;
	put_text(k);
	tell_from(k, k->begin[k->n - 1], tell, arg);
	return true;
}

void
kept_tell_all(struct kept *k, void (*tell)(void *arg, struct str), void *arg)
{
	put_text(k);
	tell_from(k, 0, tell, arg);
}

void
kept_clear(struct kept *k)
{
	buf_reset(&k->lines);
	buf_shrink(&k->lines);
	buf_reset(&k->text);
	buf_shrink(&k->text);
	k->n = 0;
	k->id[0] = '\0';
}
