/*
 * email_fields.c - see email_make.h: properties that are header fields (RFC 8621 4.1.2, 4.1.3).
 */
#include "base/clock.h"
#include "base/mem.h"
#include "mail/compose.h"
#include "mail/date.h"
#include "mailboxd/jmap/email_make.h"
#include "mailboxd/jmap/form.h"

#define ITEMS_MAX 5000u /* addresses, ids, addresses of the web in one field */

/* RFC 8621 4.1.3 */
static const struct {
	const char *property, *name;
	enum jmap_form form;
} conveniences[] = {
    {"messageId", "Message-ID", FORM_MESSAGE_IDS},
    {"inReplyTo", "In-Reply-To", FORM_MESSAGE_IDS},
    {"references", "References", FORM_MESSAGE_IDS},
    {"sender", "Sender", FORM_ADDRESSES},
    {"from", "From", FORM_ADDRESSES},
    {"to", "To", FORM_ADDRESSES},
    {"cc", "Cc", FORM_ADDRESSES},
    {"bcc", "Bcc", FORM_ADDRESSES},
    {"replyTo", "Reply-To", FORM_ADDRESSES},
    {"subject", "Subject", FORM_TEXT},
    {"sentAt", "Date", FORM_DATE},
};

static int
bad(struct jmap_draft *d, const char *property, const char *why)
{
	(void)jmap_item_invalid(d->it, property, "%s", why);
	return -1;
}

/* ---- values ---- */

static int
add_address(struct jmap_draft *d, const cJSON *v, struct compose_item *out)
{
	const cJSON *name = json_member(v, "name"), *m;
	struct str email = json_str(json_member(v, "email"));

	(void)d;
	cJSON_ArrayForEach(m,
	    v) if (!str_eq_z(json_name(m), "name") && !str_eq_z(json_name(m), "email")) return -1;
	if (!cJSON_IsObject(v) || (name != NULL && !cJSON_IsString(name)) ||
	    !compose_email_ok(email))
		return -1;
	*out = (struct compose_item){.name = json_str(name), .email = email};
	return 0;
}

static int
put_addresses(struct jmap_draft *d, const char *name, const cJSON *v, struct buf *out)
{
	struct compose_item *items;
	const cJSON *m;
	size_t n = 0;

	if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) > (int)ITEMS_MAX)
		return -1;
	items = arena_array(&d->c->arena, (size_t)cJSON_GetArraySize(v) + 1, sizeof *items);
	cJSON_ArrayForEach(m, v) if (add_address(d, m, &items[n++]) < 0) return -1;
	if (n > 0)
		compose_list(out, name, items, n);
	return 0;
}

/* RFC 8621 4.1.2.4: addresses that are in no group stand in one without a name. */
static int
put_groups(struct jmap_draft *d, const char *name, const cJSON *v, struct buf *out)
{
	struct compose_item *items;
	const cJSON *g, *m;
	size_t n = 0;

	if (!cJSON_IsArray(v) || json_count(v) > ITEMS_MAX * 3)
		return -1;
	items = arena_array(&d->c->arena, json_count(v) * 2 + 1, sizeof *items);
	cJSON_ArrayForEach(g, v)
	{
		const cJSON *group = json_member(g, "name"), *list = json_get(g, "addresses");

		if (!cJSON_IsObject(g) || !cJSON_IsArray(list) ||
		    (group != NULL && !cJSON_IsString(group)))
			return -1;
		if (group != NULL)
			items[n++] =
			    (struct compose_item){.kind = COMPOSE_GROUP, .name = json_str(group)};
		cJSON_ArrayForEach(m, list) if (add_address(d, m, &items[n++]) < 0) return -1;
		if (group != NULL)
			items[n++] = (struct compose_item){.kind = COMPOSE_END};
	}
	if (n > 0)
		compose_list(out, name, items, n);
	return 0;
}

/* Ids and addresses of the web: words that stand between brackets. */
static int
put_words(struct jmap_draft *d, const char *name, const cJSON *v, bool urls, struct buf *out)
{
	struct str *words;
	const cJSON *m;
	size_t n = 0;

	if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) > (int)ITEMS_MAX)
		return -1;
	words = arena_array(&d->c->arena, (size_t)cJSON_GetArraySize(v) + 1, sizeof *words);
	cJSON_ArrayForEach(m, v)
	{
		words[n] = json_str(m);
		if (!compose_word_ok(words[n++]))
			return -1;
	}
	if (n > 0 && urls)
		compose_urls(out, name, words, n);
	else if (n > 0)
		compose_ids(out, name, words, n);
	return 0;
}

/* A raw value may be folded; nothing else of it may be a line's end. */
static int
put_raw(struct jmap_draft *d, const char *name, struct str s, struct buf *out)
{
	struct buf flat;
	int rc = 0;

	(void)d;
	buf_init(&flat, s.n);
	for (size_t i = 0; i < s.n; i++) {
		bool end = s.p[i] == '\r' || s.p[i] == '\n';

		if (end && !(i + 1 < s.n &&
			       (is_space(s.p[i + 1]) || (s.p[i] == '\r' && s.p[i + 1] == '\n'))))
			rc = -1;
		if (!end)
			buf_putc(&flat, s.p[i]);
	}
	if (rc == 0 && compose_foldable(buf_view(&flat)))
		compose_raw(out, name, buf_view(&flat));
	else
		rc = -1;
	buf_free(&flat);
	return rc;
}

static int
put_date(const char *name, struct str s, struct buf *out)
{
	struct date date;

	/* Four digits of a year (RFC 5322 3.3). */
	if (date_rfc3339_parse(s, &date) < 0)
		return -1;
	compose_date(out, name, date.utc, date.zone);
	return 0;
}

static int
put_form(
    struct jmap_draft *d, const char *name, enum jmap_form form, const cJSON *v, struct buf *out)
{
	switch (form) {
	case FORM_ADDRESSES:
		return put_addresses(d, name, v, out);
	case FORM_GROUPED_ADDRESSES:
		return put_groups(d, name, v, out);
	case FORM_MESSAGE_IDS:
		return put_words(d, name, v, false, out);
	case FORM_URLS:
		return put_words(d, name, v, true, out);
	case FORM_RAW:
	case FORM_TEXT:
	case FORM_DATE:
		break;
	}
	if (!cJSON_IsString(v))
		return -1;
	if (form == FORM_DATE)
		return put_date(name, json_str(v), out);
	if (form == FORM_RAW)
		return put_raw(d, name, json_str(v), out);
	compose_text(out, name, json_str(v));
	return 0;
}

/* ---- properties ---- */

/* RFC 8621 4.6: no field twice, whatever the forms. */
int
jmap_draft_take_name(
    struct jmap_draft *d, const char *property, struct str field, struct jmap_names *names)
{
	for (const struct jmap_names *l = names; l != NULL; l = l->above)
		for (size_t i = 0; i < l->n; i++)
			if (str_ieq(l->v[i], field))
				return bad(d, property, "another property has that field");
	names->v[names->n++] = field;
	return 0;
}

static int
put_field(struct jmap_draft *d, const cJSON *property, const struct jmap_field *f, struct buf *out)
{
	const char *name = arena_dupz(&d->c->arena, f->name);
	const cJSON *m;

	if (cJSON_IsNull(property))
		return 1;
	if (!f->all)
		return put_form(d, name, f->form, property, out) == 0
			   ? 1
			   : bad(d, property->string, "no value of that form");
	if (!cJSON_IsArray(property))
		return bad(d, property->string, "no list of values");
	cJSON_ArrayForEach(m, property) if (put_form(d, name, f->form, m, out) < 0) return bad(
	    d, property->string, "no value of that form");
	return 1;
}

/* RFC 8621 4.6: these are for us to write. */
static bool
is_ours(struct str name, bool of_part)
{
	/* Of a part what charset, boundary and file name stand in is made of its properties. */
	if (of_part)
		return str_ieq_z(name, "Content-Transfer-Encoding") ||
		       str_ieq_z(name, "Content-Type") || str_ieq_z(name, "Content-Disposition") ||
		       str_ieq_z(name, "MIME-Version");
	return str_istarts(name, STR("Content-")) || str_ieq_z(name, "MIME-Version");
}

int
jmap_draft_field(
    struct jmap_draft *d, const cJSON *property, struct jmap_names *names, struct buf *out)
{
	bool of_part = names != &d->names;
	struct str p = json_name(property);
	struct jmap_field f;

	for (size_t i = 0; i < ARRAY_LEN(conveniences) && !of_part; i++) {
		if (!str_eq_z(p, conveniences[i].property))
			continue;
		f = (struct jmap_field){
		    .name = str_z(conveniences[i].name), .form = conveniences[i].form};
		if (jmap_draft_take_name(d, property->string, f.name, names) < 0)
			return -1;
		if (str_eq_z(p, "messageId") && cJSON_GetArraySize(property) > 1)
			return bad(d, property->string, "more than one");
		return put_field(d, property, &f, out);
	}
	if (!str_starts(p, STR("header:")))
		return 0;
	if (jmap_field_parse(p, &f) < 0 || !compose_name_ok(f.name))
		return bad(d, property->string, "no such form of a field");
	if (is_ours(f.name, of_part))
		return bad(d, property->string, "not a field to be given");
	if (jmap_draft_take_name(d, property->string, f.name, names) < 0)
		return -1;
	return put_field(d, property, &f, out);
}
