/*
 * conf_value.c - text into values and back: types and limits.
 */
#include "base/buf.h"
#include "base/num.h"
#include "svc/conf_in.h"

/* Items of a list; more is a mistake. */
#define ITEMS_MAX 64u

static int
parse_number(enum conf_type type, struct str s, uint64_t *out)
{
	if (type == CONF_TYPE_SIZE)
		return num_parse_size(s, out);
	if (type == CONF_TYPE_DURATION)
		return num_parse_duration(s, out);
	return num_parse(s, 0, UINT64_MAX, out);
}

/* Takes "min..max" apart; either may be empty. */
static void
range(const struct conf_row *r, struct str *min, struct str *max)
{
	struct str limits = str_z(r->limits);
	size_t dots = str_find(limits, STR(".."));

	*min = str_sub(limits, 0, dots);
	*max = str_from(limits, num_min(dots + 2, limits.n));
}

static bool
in_range(const struct conf_row *r, uint64_t v)
{
	struct str min, max;
	uint64_t low = 0, high = UINT64_MAX;

	range(r, &min, &max);
	if (min.n != 0)
		(void)parse_number(r->type, min, &low);
	if (max.n != 0)
		(void)parse_number(r->type, max, &high);
	return v >= low && v <= high;
}

static void
wanted_choice(const struct conf_row *r, struct buf *b)
{
	struct str rest = str_z(r->limits), one;
	bool more;

	buf_puts(b, "one of");
	do {
		more = str_cut(&rest, '|', &one);
		if (one.n != 0)
			buf_printf(b, " \"" STR_FMT "\"%s", STR_ARG(one), more ? "," : "");
	} while (more);
}

struct str
conf_value_wanted(enum conf_key k, char out[160])
{
	const struct conf_row *r = &conf_rows[k];
	struct str min, max;
	struct buf b;

	buf_init(&b, 160);
	switch (r->type) {
	case CONF_TYPE_STR:
		buf_puts(&b, "a string in quotes");
		break;
	case CONF_TYPE_UINT:
		buf_puts(&b, "a number");
		break;
	case CONF_TYPE_SIZE:
		buf_puts(&b, "a size such as \"64KiB\" or \"50MiB\"");
		break;
	case CONF_TYPE_DURATION:
		buf_puts(&b, "a duration such as \"30s\", \"5m\" or \"2d\"");
		break;
	case CONF_TYPE_BOOL:
		buf_puts(&b, "true or false");
		break;
	case CONF_TYPE_LIST:
		min = str_z(r->value);
		max = min.n > 0 ? str_sub(min, 0, str_chr(min, ',')) : STR("example.org");
		buf_printf(&b, "a list of strings such as [\"" STR_FMT "\"]", STR_ARG(max));
		break;
	case CONF_TYPE_CHOICE:
		wanted_choice(r, &b);
		break;
	}
	if (r->type != CONF_TYPE_CHOICE && r->limits[0] != '\0') {
		range(r, &min, &max);
		buf_printf(&b, ", from " STR_FMT " to " STR_FMT, STR_ARG(min), STR_ARG(max));
	}
	snprintf(out, 160, STR_FMT, STR_ARG(buf_view(&b)));
	buf_free(&b);
	return str_z(out);
}

int
conf_value_refuse(enum conf_key k, struct str value, struct err *e)
{
	const struct conf_row *r = &conf_rows[k];
	char wanted[160];

	conf_value_wanted(k, wanted);
	return err_set(e, E_INVAL, "%s.%s: \"" STR_FMT "\" is not taken; write %s", r->section,
	    r->key, STR_ARG(str_sub(value, 0, 60)), wanted);
}

static int
refuse_rule(enum conf_key k, struct str value, const char *wanted, struct err *e)
{
	return err_set(e, E_INVAL, "%s.%s: \"" STR_FMT "\" is not taken; write %s",
	    conf_rows[k].section, conf_rows[k].key, STR_ARG(str_sub(value, 0, 60)), wanted);
}

static bool
is_choice(const struct conf_row *r, struct str text)
{
	struct str rest = str_z(r->limits), one;
	bool more;

	do {
		more = str_cut(&rest, '|', &one);
		if (str_eq(one, text))
			return true;
	} while (more);
	return false;
}

int
conf_value_set_list(struct conf_value *out, enum conf_key k, const struct str *items, size_t n,
    struct arena *a, struct err *e)
{
	struct conf_value v = {.origin = out->origin};
	const char *wanted = NULL;
	struct buf b;
	int rc = -1;

	buf_init(&b, 32768);
	if (n > ITEMS_MAX) {
		err_set(e, E_INVAL, "%s.%s: more than %u items", conf_rows[k].section,
		    conf_rows[k].key, ITEMS_MAX);
		goto out;
	}
	v.list = arena_array(a, n + 1, sizeof(*v.list));
	for (v.n = 0; v.n < n; v.n++) {
		if (items[v.n].n == 0 || str_chr(items[v.n], ',') < items[v.n].n)
			wanted = "items that are not empty and have no comma";
		else
			wanted = conf_check_value(k, items[v.n]);
		if (wanted != NULL) {
			refuse_rule(k, items[v.n], wanted, e);
			goto out;
		}
		v.list[v.n] = arena_dup(a, items[v.n]);
		if (v.n > 0)
			buf_putc(&b, ',');
		buf_str(&b, items[v.n]);
	}
	if (b.over) {
		err_set(e, E_INVAL, "%s.%s: too long", conf_rows[k].section, conf_rows[k].key);
		goto out;
	}
	v.text = arena_dup(a, buf_view(&b));
	*out = v;
	rc = 0;
out:
	buf_free(&b);
	return rc;
}

/* "a, b" as the environment and the command line have it. */
static int
set_joined(struct conf_value *v, enum conf_key k, struct str text, struct arena *a, struct err *e)
{
	struct str items[ITEMS_MAX + 1], one;
	size_t n = 0;
	bool more = str_trim(text).n != 0;

	while (more && n <= ITEMS_MAX) {
		more = str_cut(&text, ',', &one);
		items[n++] = str_trim(one);
	}
	return conf_value_set_list(v, k, items, n, a, e);
}

int
conf_value_set(
    struct conf_value *v, enum conf_key k, struct str text, struct arena *a, struct err *e)
{
	const struct conf_row *r = &conf_rows[k];
	const char *wanted = NULL;
	uint64_t num = 0;
	bool good = true;

	switch (r->type) {
	case CONF_TYPE_LIST:
		return set_joined(v, k, text, a, e);
	case CONF_TYPE_STR:
		wanted = conf_check_value(k, text);
		break;
	case CONF_TYPE_CHOICE:
		good = is_choice(r, text);
		break;
	case CONF_TYPE_BOOL:
		num = str_eq_z(text, "true");
		good = num || str_eq_z(text, "false");
		break;
	case CONF_TYPE_UINT:
	case CONF_TYPE_SIZE:
	case CONF_TYPE_DURATION:
		good = parse_number(r->type, text, &num) == 0 && in_range(r, num);
		break;
	}
	if (wanted != NULL)
		return refuse_rule(k, text, wanted, e);
	if (!good)
		return conf_value_refuse(k, text, e);
	v->text = arena_dup(a, text);
	v->num = num;
	return 0;
}

/* A TOML basic string. */
static void
put_quoted(struct buf *b, struct str s)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_putc(b, '\\');
		buf_putc(b, s.p[i]);
	}
	buf_putc(b, '"');
}

struct str
conf_value_text(const struct conf_value *v, enum conf_key k, struct arena *a)
{
	struct str text;
	struct buf b;

	buf_init(&b, 131072);
	if (conf_rows[k].type == CONF_TYPE_LIST) {
		buf_putc(&b, '[');
		for (size_t i = 0; i < v->n; i++) {
			if (i > 0)
				buf_puts(&b, ", ");
			put_quoted(&b, v->list[i]);
		}
		buf_putc(&b, ']');
	} else if (conf_rows[k].type == CONF_TYPE_UINT || conf_rows[k].type == CONF_TYPE_BOOL) {
		buf_str(&b, v->text);
	} else {
		put_quoted(&b, v->text);
	}
	text = arena_dup(a, buf_view(&b));
	buf_free(&b);
	return text;
}
