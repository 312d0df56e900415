/*
 * parts.c - see parts.h.
 *
 * Depth is bounded by MIME_DEPTH_MAX, parts by MIME_PARTS_MAX.
 */
#include "mailboxd/jmap/parts.h"

#include "mail/text.h"

bool
jmap_part_is(const struct mime_part *p, const char *type, const char *subtype)
{
	return str_ieq_z(p->type, type) && (subtype == NULL || str_ieq_z(p->subtype, subtype));
}

/* ---- the tree ---- */

static struct jmap_part *
make(const struct mime_part *mime, uint32_t *n, struct arena *a)
{
	struct jmap_part *p = arena_new(a, struct jmap_part), **at = &p->child;

	p->mime = mime;
	if (mime->kind != MIME_MULTIPART) {
		p->number = ++*n;
		return p;
	}
	for (const struct mime_part *c = mime->child; c != NULL; c = c->next) {
		*at = make(c, n, a);
		at = &(*at)->next;
	}
	return p;
}

/* ---- what is text, and what attached ---- */

static void
push(struct jmap_part_list *l, const struct jmap_part *p)
{
	l->v[l->n++] = p;
}

static bool
is_media(const struct mime_part *p)
{
	return jmap_part_is(p, "image", NULL) || jmap_part_is(p, "audio", NULL) ||
	       jmap_part_is(p, "video", NULL);
}

static bool
has_name(const struct mime_part *p)
{
	struct buf name;
	bool named;

	if (p->params.n == 0 && p->disposition_params.n == 0)
		return false;
	buf_init(&name, 4096);
	named = text_file_name(p, &name);
	buf_free(&name);
	return named;
}

/* A body part rather than an attachment? */
static bool
is_inline(const struct mime_part *p, bool first, bool related)
{
	if (str_ieq(p->disposition, STR("attachment")))
		return false;
	if (!jmap_part_is(p, "text", "plain") && !jmap_part_is(p, "text", "html") && !is_media(p))
		return false;
	/* Of multipart/related only the first is. A text with a file name that is not the first is
	 * taken for an attachment. */
	return first || (!related && (is_media(p) || !has_name(p)));
}

struct lists {
	struct jmap_part_list *text, *html, *attachments; /* text, html: NULL when not looked for */
};

static void
take_inline(const struct jmap_part *p, bool alternative, bool in_alternative, struct lists *l)
{
	if (alternative) {
		if (jmap_part_is(p->mime, "text", "plain"))
			push(l->text != NULL ? l->text : l->attachments, p);
		else if (jmap_part_is(p->mime, "text", "html"))
			push(l->html != NULL ? l->html : l->attachments, p);
		else
			push(l->attachments, p);
		return;
	}
	if (in_alternative && jmap_part_is(p->mime, "text", "plain"))
		l->html = NULL;
	if (in_alternative && jmap_part_is(p->mime, "text", "html"))
		l->text = NULL;
	if (l->text != NULL)
		push(l->text, p);
	if (l->html != NULL)
		push(l->html, p);
	if ((l->text == NULL || l->html == NULL) && is_media(p->mime))
		push(l->attachments, p);
}

static void
copy_from(struct jmap_part_list *to, const struct jmap_part_list *from, size_t since)
{
	for (size_t i = since; i < from->n; i++)
		push(to, from->v[i]);
}

/* parseStructure() of RFC 8621 4.1.4, over the parts of a multipart. */
static void
sort_parts(const struct jmap_part *first, struct str type, bool in_alternative, struct lists l)
{
	bool alternative = str_ieq(type, STR("alternative"));
	size_t ntext = l.text != NULL ? l.text->n : 0, nhtml = l.html != NULL ? l.html->n : 0;

	for (const struct jmap_part *p = first; p != NULL; p = p->next) {
		if (p->mime->kind == MIME_MULTIPART)
			sort_parts(p->child, p->mime->subtype,
			    in_alternative || str_ieq(p->mime->subtype, STR("alternative")), l);
		else if (is_inline(p->mime, p == first, str_ieq(type, STR("related"))))
			take_inline(p, alternative, in_alternative, &l);
		else
			push(l.attachments, p);
	}
	if (!alternative || l.text == NULL || l.html == NULL)
		return;
	/* Only one of the two was found: it stands for both. */
	if (l.text->n == ntext && l.html->n != nhtml)
		copy_from(l.text, l.html, nhtml);
	else if (l.html->n == nhtml && l.text->n != ntext)
		copy_from(l.html, l.text, ntext);
}

static struct jmap_part_list
new_list(size_t room, struct arena *a)
{
	return (struct jmap_part_list){arena_array(a, room, sizeof(const struct jmap_part *)), 0};
}

void
jmap_parts_find(const struct mime_part *root, struct arena *a, struct jmap_parts *out)
{
	struct lists l = {&out->text, &out->html, &out->attachments};
	size_t room;

	*out = (struct jmap_parts){0};
	out->root = make(root, &out->n, a);
	/* A part is in a list once, or in both of text and HTML by copy_from(). */
	room = (size_t)out->n * 2 + 1;
	out->text = new_list(room, a);
	out->html = new_list(room, a);
	out->attachments = new_list(room, a);
	sort_parts(out->root, STR("mixed"), false, l);
}

/* A multipart says "inline" of what its text shows (RFC 2183 2.1); images that the text refers to
 * are shown in it, too. */
static bool
is_shown(const struct mime_part *p)
{
	const struct mime_part *up = p->parent;

	if (str_ieq(p->disposition, STR("inline")))
		return true;
	return p->id.n > 0 && is_media(p) && !str_ieq(p->disposition, STR("attachment")) &&
	       up != NULL && str_ieq(up->subtype, STR("related"));
}

bool
jmap_parts_has_attachment(const struct jmap_parts *p)
{
	for (size_t i = 0; i < p->attachments.n; i++)
		if (!is_shown(p->attachments.v[i]->mime))
			return true;
	return false;
}
