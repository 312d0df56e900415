/*
 * toml.c - TOML 1.0.0: statements, tables, arrays.
 *
 * How a table came to be decides who may add to it (toml.io/en/v1.0.0, "Table" and "Keys"): one
 * named by a header or by dotted keys is defined once and for all, one that only stands on the way
 * to another may still be defined, one in braces is closed. Duplicates are found by walking the
 * table: files are short, and TOML_VALUES_MAX bounds it.
 */
#include "svc/toml.h"

#include "svc/toml_in.h"

#define DEFINED 0x01u /* by [header] or [[header]] */
#define DOTTED  0x02u /* by a dotted key */
#define CLOSED  0x04u /* in braces or brackets */
#define TABLES  0x08u /* an array made of [[headers]] */

/* Every value is one of these, so that appending is cheap. */
struct node {
	struct toml t;
	struct toml *last;
};

struct part {
	struct str text;
	size_t off;
	unsigned line, column;
};

struct path {
	struct part part[TOML_DEPTH_MAX];
	size_t n;
};

static int value(struct toml_in *in, struct toml *v, size_t depth);

/* ---- the tree ---- */

static struct toml *
append(struct toml *parent, struct toml *v)
{
	struct node *p = (struct node *)parent;

	if (p->last == NULL)
		parent->child = v;
	else
		p->last->next = v;
	p->last = v;
	return v;
}

/* A new value whose place is here. */
static struct toml *
fresh(struct toml_in *in, enum toml_type type, size_t off)
{
	struct node *v;

	if (++in->values > TOML_VALUES_MAX) {
		toml_fail(in, off, "more than %u values", TOML_VALUES_MAX);
		return NULL;
	}
	v = arena_new(in->a, struct node);
	v->t.type = type;
	toml_place(in, off, &v->t.line, &v->t.column);
	return &v->t;
}

static struct toml *
find(const struct toml *table, struct str key)
{
	struct toml *v;

	for (v = table->child; v != NULL; v = v->next)
		if (str_eq(v->key, key))
			break;
	return v;
}

const struct toml *
toml_get(const struct toml *table, struct str key)
{
	return table != NULL && table->type == TOML_TABLE ? find(table, key) : NULL;
}

static void
name(struct toml *v, const struct part *p)
{
	v->key = p->text;
	v->key_line = p->line;
	v->key_column = p->column;
}

static int
twice(struct toml_in *in, const struct part *p, const struct toml *first)
{
	return toml_fail(in, p->off, "\"" STR_FMT "\" stands there already, on line %u",
	    STR_ARG(str_sub(p->text, 0, 60)), first->key_line);
}

/* ---- blanks, comments, keys ---- */

static void
blanks(struct toml_in *in)
{
	while (toml_peek(in, 0) == ' ' || toml_peek(in, 0) == '\t')
		in->off++;
}

static int
comment(struct toml_in *in)
{
	int c;

	if (toml_peek(in, 0) != '#')
		return 0;
	while ((c = toml_peek(in, 0)) >= 0 && toml_newline(in) == 0) {
		if (toml_is_control(c))
			return toml_fail(
			    in, in->off, "control character 0x%02x in a comment", (unsigned)c);
		in->off++;
	}
	return 0;
}

/* Blanks, comments and line ends, as between the values of an array. */
static int
space(struct toml_in *in)
{
	size_t n;

	do {
		blanks(in);
		if (comment(in) < 0)
			return -1;
		n = toml_newline(in);
		in->off += n;
	} while (n != 0);
	return 0;
}

static int
key_part(struct toml_in *in, struct part *p)
{
	size_t n = 0;
	int c = toml_peek(in, 0);
	char found[32];

	p->off = in->off;
	toml_place(in, in->off, &p->line, &p->column);
	if (c == '"' || c == '\'')
		return toml_string(in, false, &p->text);
	while (toml_is_bare(toml_peek(in, n)))
		n++;
	if (n == 0)
		return toml_fail(in, in->off, "a key is missing before %s", toml_found(in, found));
	p->text = arena_dup(in->a, str_of(in->text.p + in->off, n));
	in->off += n;
	return 0;
}

/* key.'another one'."and more" */
static int
keys(struct toml_in *in, struct path *path, size_t depth)
{
	path->n = 0;
	for (;;) {
		blanks(in);
		if (path->n + depth >= TOML_DEPTH_MAX)
			return toml_fail(in, in->off, "nested too deeply");
		if (key_part(in, &path->part[path->n++]) < 0)
			return -1;
		blanks(in);
		if (toml_peek(in, 0) != '.')
			return 0;
		in->off++;
	}
}

/* ---- key = value ---- */

/* The table on the way of a dotted key, made where it is missing. */
static struct toml *
dotted_step(struct toml_in *in, struct toml *table, const struct part *p)
{
	struct toml *t = find(table, p->text);

	if (t == NULL) {
		if ((t = fresh(in, TOML_TABLE, p->off)) == NULL)
			return NULL;
		name(t, p);
		append(table, t);
	} else if (t->type != TOML_TABLE || (t->flags & (DEFINED | CLOSED)) != 0) {
		twice(in, p, t);
		return NULL;
	}
	t->flags |= DOTTED;
	return t;
}

static int
key_value(struct toml_in *in, struct toml *table, size_t depth)
{
	struct path path;
	const struct part *p;
	struct toml *v;
	char found[32];

	if (keys(in, &path, depth) < 0)
		return -1;
	if (toml_peek(in, 0) != '=')
		return toml_fail(in, in->off, "\"=\" is missing before %s", toml_found(in, found));
	in->off++;
	blanks(in);
	for (size_t i = 0; i + 1 < path.n; i++)
		if ((table = dotted_step(in, table, &path.part[i])) == NULL)
			return -1;
	p = &path.part[path.n - 1];
	if ((v = find(table, p->text)) != NULL)
		return twice(in, p, v);
	if ((v = fresh(in, TOML_TABLE, in->off)) == NULL)
		return -1;
	name(v, p);
	append(table, v);
	return value(in, v, depth + path.n);
}

static int
array(struct toml_in *in, struct toml *a, size_t depth)
{
	struct toml *v;
	char found[32];

	a->type = TOML_ARRAY;
	a->flags |= CLOSED;
	for (in->off++;;) {
		if (space(in) < 0)
			return -1;
		if (toml_peek(in, 0) == ']')
			break;
		if ((v = fresh(in, TOML_TABLE, in->off)) == NULL ||
		    value(in, append(a, v), depth + 1) < 0 || space(in) < 0)
			return -1;
		if (toml_peek(in, 0) == ']')
			break;
		if (toml_peek(in, 0) != ',')
			return toml_fail(in, in->off, "\",\" or \"]\" is missing before %s",
			    toml_found(in, found));
		in->off++;
	}
	in->off++;
	return 0;
}

/* On one line, and no comma behind the last. */
static int
inline_table(struct toml_in *in, struct toml *t, size_t depth)
{
	char found[32];

	t->type = TOML_TABLE;
	in->off++;
	blanks(in);
	if (toml_peek(in, 0) != '}') {
		for (;;) {
			if (key_value(in, t, depth) < 0)
				return -1;
			blanks(in);
			if (toml_peek(in, 0) != ',')
				break;
			in->off++;
		}
	}
	if (toml_peek(in, 0) != '}')
		return toml_fail(
		    in, in->off, "\",\" or \"}\" is missing before %s", toml_found(in, found));
	in->off++;
	t->flags |= CLOSED;
	return 0;
}

static int
value(struct toml_in *in, struct toml *v, size_t depth)
{
	int c = toml_peek(in, 0);

	if (depth >= TOML_DEPTH_MAX)
		return toml_fail(in, in->off, "nested too deeply");
	if (c == '[')
		return array(in, v, depth);
	if (c == '{')
		return inline_table(in, v, depth);
	if (c == '"' || c == '\'') {
		v->type = TOML_STRING;
		return toml_string(in, true, &v->text);
	}
	return toml_scalar(in, v);
}

/* ---- [headers] ---- */

/* The table on the way of a header: the last one of an array of tables. */
static struct toml *
header_step(struct toml_in *in, struct toml *table, const struct part *p)
{
	struct toml *t = find(table, p->text);

	if (t == NULL) {
		if ((t = fresh(in, TOML_TABLE, p->off)) == NULL)
			return NULL;
		name(t, p);
		return append(table, t);
	}
	if (t->type == TOML_ARRAY && (t->flags & TABLES) != 0)
		return ((struct node *)t)->last;
	if (t->type != TOML_TABLE || (t->flags & CLOSED) != 0) {
		toml_fail(in, p->off,
		    "\"" STR_FMT "\" on line %u is no table that could be added to",
		    STR_ARG(str_sub(p->text, 0, 60)), t->key_line);
		return NULL;
	}
	return t;
}

/* [name]: the table may stand there only as a step on the way to another. */
static struct toml *
define_table(struct toml_in *in, struct toml *parent, const struct part *p)
{
	struct toml *t = find(parent, p->text);

	if (t == NULL) {
		if ((t = fresh(in, TOML_TABLE, p->off)) == NULL)
			return NULL;
		append(parent, t);
	} else if (t->type != TOML_TABLE || t->flags != 0) {
		twice(in, p, t);
		return NULL;
	}
	name(t, p);
	t->flags |= DEFINED;
	return t;
}

/* [[name]] */
static struct toml *
define_element(struct toml_in *in, struct toml *parent, const struct part *p)
{
	struct toml *a = find(parent, p->text), *t;

	if (a == NULL) {
		if ((a = fresh(in, TOML_ARRAY, p->off)) == NULL)
			return NULL;
		name(a, p);
		a->flags = TABLES;
		append(parent, a);
	} else if (a->type != TOML_ARRAY || (a->flags & TABLES) == 0) {
		twice(in, p, a);
		return NULL;
	}
	if ((t = fresh(in, TOML_TABLE, p->off)) == NULL)
		return NULL;
	t->flags = DEFINED;
	return append(a, t);
}

/* At "[". Sets *table to where the keys that follow belong. */
static int
header(struct toml_in *in, struct toml *root, struct toml **table, size_t *depth)
{
	bool element = toml_peek(in, 1) == '[';
	struct path path;
	char found[32];

	in->off += element ? 2 : 1;
	if (keys(in, &path, 0) < 0)
		return -1;
	if (toml_peek(in, 0) != ']' || (element && toml_peek(in, 1) != ']'))
		return toml_fail(in, in->off, "%s is missing before %s",
		    element ? "\"]]\"" : "\"]\"", toml_found(in, found));
	in->off += element ? 2 : 1;
	for (size_t i = 0; i + 1 < path.n; i++)
		if ((root = header_step(in, root, &path.part[i])) == NULL)
			return -1;
	*depth = path.n;
	*table = element ? define_element(in, root, &path.part[path.n - 1])
			 : define_table(in, root, &path.part[path.n - 1]);
	return *table != NULL ? 0 : -1;
}

/* ---- the file ---- */

/* The text is UTF-8 (and has no NUL): else says on which line it is not. */
static int
check_text(struct toml_in *in)
{
	size_t line_n;

	if (in->text.n > TOML_SIZE_MAX)
		return toml_fail(in, 0, "larger than %u octets", TOML_SIZE_MAX);
	if (str_is_utf8(in->text))
		return 0;
	for (size_t off = 0; off < in->text.n; off += line_n + 1) {
		line_n = str_chr(str_from(in->text, off), '\n');
		if (!str_is_utf8(str_sub(in->text, off, line_n)))
			return toml_fail(in, off, "this line is not UTF-8 text");
	}
	return toml_fail(in, 0, "not UTF-8 text");
}

static int
statements(struct toml_in *in, struct toml *root)
{
	struct toml *table = root;
	size_t depth = 0;
	char found[32];

	for (;;) {
		if (space(in) < 0)
			return -1;
		if (toml_peek(in, 0) < 0)
			return 0;
		if (toml_peek(in, 0) == '[') {
			if (header(in, root, &table, &depth) < 0)
				return -1;
		} else if (key_value(in, table, depth) < 0) {
			return -1;
		}
		blanks(in);
		if (comment(in) < 0)
			return -1;
		if (toml_peek(in, 0) >= 0 && toml_newline(in) == 0)
			return toml_fail(
			    in, in->off, "the line should end before %s", toml_found(in, found));
	}
}

struct toml *
toml_parse(struct str text, const char *file, struct arena *a, struct err *e)
{
	struct toml_in in = {
	    .text = text, .name = file, .a = a, .e = e, .at_line = 1, .at_column = 1};
	struct toml *root;

	if (str_starts(text, STR("\xEF\xBB\xBF"))) /* a byte order mark says nothing in UTF-8 */
		in.text = str_from(text, 3);
	/* Every escape is longer than what it stands for. */
	buf_init(&in.scratch, text.n + 1);
	root = fresh(&in, TOML_TABLE, 0);
	if (check_text(&in) < 0 || statements(&in, root) < 0)
		root = NULL;
	buf_free(&in.scratch);
	return root;
}
