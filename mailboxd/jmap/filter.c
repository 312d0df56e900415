/*
 * filter.c - the filters of Email/query: parsing (RFC 8620 5.5, RFC 8621 4.4.1).
 *
 * What a filter is depends on nothing but its text, so all of it is checked before any email is
 * looked at. Matching is in filter_match.c.
 */
#include "mailboxd/jmap/filter_in.h"

#include "base/mem.h"
#include "base/num.h"
#include "mail/date.h"

static int parse(struct jmap_filter *f, const cJSON *v, unsigned depth, struct jmap_term **out);

/* ---- errors ---- */

static int
invalid(struct jmap_filter *f, const char *name, const char *what)
{
	(void)jmap_fail(f->call, "invalidArguments", "filter: %s: %s", name, what);
	return -1;
}

static int
unsupported(struct jmap_filter *f, const char *what)
{
	(void)jmap_fail(f->call, "unsupportedFilter", "%.100s", what);
	return -1;
}

/* ---- terms ---- */

static struct jmap_term *
term_new(struct jmap_filter *f, enum jmap_term_op op)
{
	struct jmap_term *t;

	if (++f->terms > JMAP_FILTER_TERMS) {
		(void)unsupported(f, "too many conditions");
		return NULL;
	}
	t = arena_new(&f->call->arena, struct jmap_term);
	t->op = op;
	return t;
}

/* What looking at one costs: the model, threads, the index, files. */
static unsigned
cost(const struct jmap_term *t)
{
	unsigned most = 0;

	switch (t->op) {
	case TERM_AND:
	case TERM_OR:
	case TERM_NOT:
		for (const struct jmap_term *c = t->child; c != NULL; c = c->next) {
			unsigned of_child =
			    cost(c); /* once: a macro's argument would be looked at twice a level */

			most = num_max(most, of_child);
		}
		return most;
	case TERM_ALL_IN_THREAD:
	case TERM_SOME_IN_THREAD:
	case TERM_NONE_IN_THREAD:
		return 1;
	case TERM_TEXT:
		return 2;
	case TERM_HAS_ATTACHMENT:
		return 3;
	case TERM_HEADER:
		return COST_MAX;
	case TERM_MAILBOX:
	case TERM_MAILBOX_OTHER:
	case TERM_BEFORE:
	case TERM_AFTER:
	case TERM_MIN_SIZE:
	case TERM_MAX_SIZE:
	case TERM_KEYWORD:
	case TERM_NO_KEYWORD:
		break;
	}
	return 0;
}

/* Puts it where its cost says, behind those of the same. */
static void
add_child(struct jmap_term *t, struct jmap_term *child)
{
	struct jmap_term **at = &t->child;

	child->cost = cost(child);
	while (*at != NULL && (*at)->cost <= child->cost)
		at = &(*at)->next;
	child->next = *at;
	*at = child;
}

/* ---- conditions ---- */

struct condition {
	const char *name;
	enum jmap_term_op op;
	int (*read)(
	    struct jmap_filter *f, const struct condition *c, const cJSON *v, struct jmap_term *t);
	unsigned fields; /* of TERM_TEXT */
};

/* 0 for what names no mailbox: nothing is in it. */
static uint32_t
mailbox_number(struct jmap_filter *f, struct str id)
{
	uint64_t n = 0;

	id = jmap_real_id(f->call, id);
	if (id.n < 2 || id.p[0] != 'm' || num_parse(str_from(id, 1), 1, UINT32_MAX, &n) < 0)
		return 0;
	return (uint32_t)n;
}

static int
read_mailbox(struct jmap_filter *f, const struct condition *c, const cJSON *v, struct jmap_term *t)
{
	if (!cJSON_IsString(v))
		return invalid(f, c->name, "no id");
	t->mailboxes = arena_array(&f->call->arena, 1, sizeof(*t->mailboxes));
	t->mailboxes[0].id = mailbox_number(f, json_str(v));
	t->n = 1;
	return 0;
}

static int
read_mailboxes(
    struct jmap_filter *f, const struct condition *c, const cJSON *v, struct jmap_term *t)
{
	const cJSON *m;

	if (!cJSON_IsArray(v))
		return invalid(f, c->name, "no list of ids");
	if (cJSON_GetArraySize(v) > (int)JMAP_FILTER_TERMS)
		return unsupported(f, "too many mailboxes");
	t->mailboxes =
	    arena_array(&f->call->arena, (size_t)cJSON_GetArraySize(v) + 1, sizeof(*t->mailboxes));
	cJSON_ArrayForEach(m, v)
	{
		if (!cJSON_IsString(m))
			return invalid(f, c->name, "no list of ids");
		t->mailboxes[t->n++].id = mailbox_number(f, json_str(m));
	}
	return 0;
}

static int
read_date(struct jmap_filter *f, const struct condition *c, const cJSON *v, struct jmap_term *t)
{
	return date_utc_parse(json_str(v), &t->number) < 0 ? invalid(f, c->name, "no UTCDate") : 0;
}

static int
read_size(struct jmap_filter *f, const struct condition *c, const cJSON *v, struct jmap_term *t)
{
	return json_int(v, 0, JSON_INT_MAX, &t->number) < 0 ? invalid(f, c->name, "no UnsignedInt")
							    : 0;
}

static int
read_keyword(struct jmap_filter *f, const struct condition *c, const cJSON *v, struct jmap_term *t)
{
	if (!cJSON_IsString(v))
		return invalid(f, c->name, "no keyword");
	t->name = json_str(v);
	f->threads = f->threads || c->op == TERM_ALL_IN_THREAD || c->op == TERM_SOME_IN_THREAD ||
		     c->op == TERM_NONE_IN_THREAD;
	return 0;
}

static int
read_bool(struct jmap_filter *f, const struct condition *c, const cJSON *v, struct jmap_term *t)
{
	if (!cJSON_IsBool(v))
		return invalid(f, c->name, "no Boolean");
	t->number = cJSON_IsTrue(v);
	return 0;
}

static int
read_phrases(struct jmap_filter *f, struct str typed, struct jmap_term *t)
{
	if (++f->texts > JMAP_FILTER_TEXTS)
		return unsupported(f, "too many texts");
	t->phrases = arena_new(&f->call->arena, struct phrases);
	if (phrases_init(t->phrases, typed, &f->call->arena) < 0)
		return unsupported(f, "a text of too many words");
	return 0;
}

static int
read_text(struct jmap_filter *f, const struct condition *c, const cJSON *v, struct jmap_term *t)
{
	if (!cJSON_IsString(v))
		return invalid(f, c->name, "no String");
	t->fields = c->fields;
	return read_phrases(f, json_str(v), t);
}

static int
read_header(struct jmap_filter *f, const struct condition *c, const cJSON *v, struct jmap_term *t)
{
	const cJSON *name = cJSON_IsArray(v) ? v->child : NULL;
	const cJSON *text = name != NULL ? name->next : NULL;

	if (!cJSON_IsString(name) || json_str(name).n == 0 ||
	    (text != NULL && (!cJSON_IsString(text) || text->next != NULL)))
		return invalid(f, c->name, "no list of a name and a text");
	t->name = json_str(name);
	return read_phrases(f, text != NULL ? json_str(text) : STR(""), t);
}

/* RFC 8621 4.4.1 */
static const struct condition conditions[] = {{"inMailbox", TERM_MAILBOX, read_mailbox, 0},
    {"inMailboxOtherThan", TERM_MAILBOX_OTHER, read_mailboxes, 0},
    {"before", TERM_BEFORE, read_date, 0}, {"after", TERM_AFTER, read_date, 0},
    {"minSize", TERM_MIN_SIZE, read_size, 0}, {"maxSize", TERM_MAX_SIZE, read_size, 0},
    {"allInThreadHaveKeyword", TERM_ALL_IN_THREAD, read_keyword, 0},
    {"someInThreadHaveKeyword", TERM_SOME_IN_THREAD, read_keyword, 0},
    {"noneInThreadHaveKeyword", TERM_NONE_IN_THREAD, read_keyword, 0},
    {"hasKeyword", TERM_KEYWORD, read_keyword, 0}, {"notKeyword", TERM_NO_KEYWORD, read_keyword, 0},
    {"hasAttachment", TERM_HAS_ATTACHMENT, read_bool, 0}, {"text", TERM_TEXT, read_text, TEXT_ALL},
    {"from", TERM_TEXT, read_text, 1u << TEXT_FROM}, {"to", TERM_TEXT, read_text, 1u << TEXT_TO},
    {"cc", TERM_TEXT, read_text, 1u << TEXT_CC}, {"bcc", TERM_TEXT, read_text, 1u << TEXT_BCC},
    {"subject", TERM_TEXT, read_text, 1u << TEXT_SUBJECT},
    {"body", TERM_TEXT, read_text, 1u << TEXT_BODY}, {"header", TERM_HEADER, read_header, 0}};

static int
parse_condition(struct jmap_filter *f, const cJSON *v, struct jmap_term **out)
{
	struct jmap_term *all = term_new(f, TERM_AND), *t;
	const cJSON *m;

	if (all == NULL)
		return -1;
	cJSON_ArrayForEach(m, v)
	{
		const struct condition *c = conditions, *end = conditions + ARRAY_LEN(conditions);

		while (c < end && strcmp(c->name, m->string) != 0)
			c++;
		if (c == end)
			return unsupported(f, m->string);
		if ((t = term_new(f, c->op)) == NULL || c->read(f, c, m, t) < 0)
			return -1;
		add_child(all, t);
	}
	*out = all;
	return 0;
}

/* ---- operators ---- */

static int
parse_operator(struct jmap_filter *f, const cJSON *v, unsigned depth, struct jmap_term **out)
{
	struct str name = json_str(json_get(v, "operator"));
	const cJSON *list = json_get(v, "conditions"), *m;
	enum jmap_term_op op = str_eq(name, STR("AND"))  ? TERM_AND
			       : str_eq(name, STR("OR")) ? TERM_OR
							 : TERM_NOT;
	struct jmap_term *t, *child;

	if (op == TERM_NOT && !str_eq(name, STR("NOT")))
		return invalid(f, "operator", "none of AND, OR, NOT");
	if (!cJSON_IsArray(list))
		return invalid(f, "conditions", "no list");
	if (depth == JMAP_FILTER_DEPTH)
		return unsupported(f, "too deep");
	if ((t = term_new(f, op)) == NULL)
		return -1;
	cJSON_ArrayForEach(m, list)
	{
		if (parse(f, m, depth + 1, &child) < 0)
			return -1;
		add_child(t, child);
	}
	*out = t;
	return 0;
}

/* Recursion ends at JMAP_FILTER_DEPTH. */
static int
parse(struct jmap_filter *f, const cJSON *v, unsigned depth, struct jmap_term **out)
{
	if (!cJSON_IsObject(v))
		return invalid(f, "conditions", "no object");
	return json_get(v, "operator") != NULL ? parse_operator(f, v, depth, out)
					       : parse_condition(f, v, out);
}

static void
filter_done(void *arg)
{
	jmap_filter_match_done(arg);
}

int
jmap_filter_parse(struct jmap_call *c, const cJSON *filter, struct jmap_filter **out)
{
	struct jmap_filter *f = arena_new(&c->arena, struct jmap_filter);

	f->call = c;
	if (filter != NULL && parse(f, filter, 0, &f->root) < 0)
		return -1;
	jmap_filter_match_init(f);
	arena_defer(&c->arena, filter_done, f);
	*out = f;
	return 0;
}

bool
jmap_filter_needs_threads(const struct jmap_filter *f)
{
	return f->threads;
}

/* ---- texts ---- */

/* The n-th text under t that looks into the field; *n counts down. */
static const struct phrases *
nth_text(const struct jmap_term *t, enum text_field field, size_t *n)
{
	const struct phrases *found = NULL;

	if (t->op == TERM_TEXT && (t->fields >> field & 1) && t->phrases->n > 0)
		return (*n)-- == 0 ? t->phrases : NULL;
	if (t->op == TERM_AND || t->op == TERM_OR)
		for (const struct jmap_term *c = t->child; c != NULL && found == NULL; c = c->next)
			found = nth_text(c, field, n);
	return found;
}

const struct phrases *
jmap_filter_next_text(const struct jmap_filter *f, enum text_field field, size_t *i)
{
	size_t n = (*i)++;

	return f->root != NULL ? nth_text(f->root, field, &n) : NULL;
}
