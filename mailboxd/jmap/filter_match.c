/*
 * filter_match.c - the filters of Email/query: does an email match?
 *
 * Texts are asked of the index, all emails at once, when the first email needs the answer; what it
 * does not know is read, once an email for all texts. Opening a file may find that files have come,
 * gone or been renamed, and change the model under our feet: then what was made ready is made
 * anew and the email is looked at once more, its file still open.
 */
#include "mailboxd/jmap/filter_in.h"

#include "base/log.h"
#include "base/mem.h"
#include "mail/header.h"
#include "mail/rfc2047.h"
#include "mailboxd/jmap/indexing.h"
#include "mailboxd/jmap/row.h"

#define AGAIN (-2) /* the model has changed */
#define TRIES 3

void
jmap_filter_match_init(struct jmap_filter *f)
{
	arena_init(&f->slice);
	arena_init(&f->email);
	text_fields_init(&f->text);
}

static void
free_hits(struct jmap_term *t)
{
	search_hits_free(&t->hits);
	for (struct jmap_term *c = t->child; c != NULL; c = c->next)
		free_hits(c);
}

void
jmap_filter_match_done(struct jmap_filter *f)
{
	if (f->root != NULL)
		free_hits(f->root);
	content_close(&f->content);
	text_fields_free(&f->text);
	arena_free(&f->slice);
	arena_free(&f->email);
}

/* ---- made ready for the model as it is ---- */

static void
ready(struct jmap_filter *f, struct jmap_term *t)
{
	for (size_t i = 0; i < t->n; i++)
		t->mailboxes[i].box = t->mailboxes[i].id == 0
					  ? JMAP_NO_BOX
					  : jmap_model_box(f->model, t->mailboxes[i].id);
	if (t->name.p != NULL && t->op != TERM_HEADER)
		jmap_keyword_init(&t->keyword, f->model, t->name, &f->slice);
	t->thread = 0;
	for (struct jmap_term *c = t->child; c != NULL; c = c->next)
		ready(f, c);
}

int
jmap_filter_ready(struct jmap_filter *f, struct err *e)
{
	if ((f->model = jmap_emails(f->call->jmap, e)) == NULL)
		return -1;
	f->search = f->texts > 0 ? jmap_indexing_search(f->call->jmap) : NULL;
	f->generation = jmap_model_generation(f->model);
	arena_reset(&f->slice);
	if (f->root != NULL)
		ready(f, f->root);
	return 0;
}

/* ---- files ---- */

struct content *
jmap_email_open(const struct jmap_model *m, const struct jmap_email *em, struct err *e)
{
	/* The email may move while its first copy is looked for. */
	uint64_t number = em->number;
	struct content *content = NULL;

	for (uint32_t i = 0; content == NULL && em != NULL && i < em->nplaces; i++) {
		struct jmap_place at = jmap_email_places(em)[i];

		content = content_open(jmap_model_mailbox(m, at.box), at.uid, e);
		em = jmap_model_find(m, number);
	}
	return content;
}

static int
open_content(struct jmap_filter *f, const struct jmap_email *em)
{
	struct err e = {0};

	if (f->content != NULL)
		return 0;
	if (f->unreadable)
		return -1;
	f->content = jmap_email_open(f->model, em, &e);
	f->unreadable = f->content == NULL;
	if (jmap_model_generation(f->model) != f->generation)
		return AGAIN;
	return f->unreadable ? -1 : 0;
}

/* ---- conditions ---- */

static bool
in_other(const struct jmap_email *em, const struct jmap_term *t)
{
	for (uint32_t i = 0; i < em->nplaces; i++) {
		size_t k = 0;

		while (k < t->n && t->mailboxes[k].box != jmap_email_places(em)[i].box)
			k++;
		if (k == t->n)
			return true;
	}
	return false;
}

/* Of the emails of its thread: all have the keyword, or some have (RFC 8621 4.4.1). */
static int
in_thread(struct jmap_filter *f, struct jmap_term *t, const struct jmap_email *em, struct err *e)
{
	bool all = t->op == TERM_ALL_IN_THREAD, has = all;
	struct jmap_thread *thread;

	if (jmap_model_thread(f->model, em, &thread, e) < 0)
		return -1;
	if (thread->number != t->thread) {
		for (em = thread->first; em != NULL && has == all; em = jmap_email_next(em))
			has = jmap_email_has(f->model, em, &t->keyword);
		t->thread = thread->number;
		t->answer = has;
	}
	return t->op == TERM_NONE_IN_THREAD ? !t->answer : t->answer;
}

/* From what lists show of it, which its first copy that has a file tells. */
static int
has_attachment(struct jmap_filter *f, const struct jmap_email *em)
{
	struct err e = {0};
	uint64_t number = em->number;
	struct jmap_row row;
	struct str text = STR_NONE;

	for (uint32_t i = 0; text.p == NULL && em != NULL && i < em->nplaces; i++) {
		struct jmap_place at = jmap_email_places(em)[i];

		if (mailbox_cached(jmap_model_mailbox(f->model, at.box), at.uid, CACHE_EMAIL,
			&f->email, &text, &e) < 0)
			text = STR_NONE;
		em = jmap_model_find(f->model, number);
	}
	if (jmap_model_generation(f->model) != f->generation)
		return AGAIN;
	if (text.p == NULL)
		return 0;
	jmap_row_read(text, &row);
	return str_eq(row.v[ROW_HAS_ATTACHMENT], STR("true"));
}

/* The index's answer for this email. */
static enum search_answer
ask_index(struct jmap_filter *f, struct jmap_term *t, uint64_t email)
{
	struct err e = {0};

	if (f->search == NULL)
		return SEARCH_UNKNOWN;
	if (t->hits == NULL && !search_has_failed(f->search)) {
		t->hits = search_find(f->search, t->phrases, t->fields, &e);
		if (t->hits == NULL) {
			log_warn("jmap.search", LS("user", f->call->jmap->user), LE(&e));
			jmap_indexing_failed(f->call->jmap);
			f->search = jmap_indexing_search(f->call->jmap);
		}
	}
	return search_hits_has(t->hits, f->search, email);
}

static int
in_text(struct jmap_filter *f, struct jmap_term *t, const struct jmap_email *em)
{
	enum search_answer answer = ask_index(f, t, em->number);
	uint64_t found = 0;
	int rc;

	if (answer != SEARCH_UNKNOWN)
		return answer == SEARCH_YES;
	if ((rc = open_content(f, em)) < 0)
		return rc == AGAIN ? rc : 0;
	if ((t->fields & ~f->text_fields) != 0) {
		f->text_fields |= t->fields;
		text_fields_read(&f->text, f->content->octets, f->text_fields, &f->email);
	}
	for (unsigned i = 0; i < TEXT_FIELDS; i++)
		if (t->fields >> i & 1)
			phrases_look(t->phrases, buf_view(&f->text.text[i]), &found);
	return phrases_found(t->phrases, found);
}

/* Any field of that name that has all phrases. */
static int
in_header(struct jmap_filter *f, const struct jmap_term *t, const struct jmap_email *em)
{
	struct header_field field;
	struct str header;
	struct buf text;
	bool has = false;
	int rc;

	if ((rc = open_content(f, em)) < 0)
		return rc == AGAIN ? rc : 0;
	header = str_sub(f->content->octets, 0, header_length(f->content->octets));
	buf_init(&text, TEXT_FIELD_MAX);
	while (!has && header_next(&header, &field)) {
		uint64_t found = 0;

		if (!str_ieq(field.name, t->name))
			continue;
		buf_reset(&text);
		rfc2047_decode(field.value, &text);
		phrases_look(t->phrases, buf_view(&text), &found);
		has = phrases_found(t->phrases, found);
	}
	buf_free(&text);
	return has;
}

/* ---- the tree ---- */

static int
match(struct jmap_filter *f, struct jmap_term *t, const struct jmap_email *em, struct err *e);

/* AND ends with the first that does not match, OR and NOT with the first that does. */
static int
match_children(
    struct jmap_filter *f, struct jmap_term *t, const struct jmap_email *em, struct err *e)
{
	int want = t->op == TERM_AND ? 0 : 1;

	for (struct jmap_term *c = t->child; c != NULL; c = c->next) {
		int rc = match(f, c, em, e);

		if (rc < 0)
			return rc;
		if (rc == want)
			return t->op == TERM_OR;
	}
	return t->op != TERM_OR;
}

static int
match(struct jmap_filter *f, struct jmap_term *t, const struct jmap_email *em, struct err *e)
{
	switch (t->op) {
	case TERM_AND:
	case TERM_OR:
	case TERM_NOT:
		return match_children(f, t, em, e);
	case TERM_MAILBOX:
		return t->mailboxes[0].box != JMAP_NO_BOX && jmap_email_in(em, t->mailboxes[0].box);
	case TERM_MAILBOX_OTHER:
		return in_other(em, t);
	case TERM_BEFORE:
		return em->received < t->number;
	case TERM_AFTER:
		return em->received >= t->number;
	case TERM_MIN_SIZE:
		return em->size >= t->number;
	case TERM_MAX_SIZE:
		return em->size < t->number;
	case TERM_KEYWORD:
		return jmap_email_has(f->model, em, &t->keyword);
	case TERM_NO_KEYWORD:
		return !jmap_email_has(f->model, em, &t->keyword);
	case TERM_ALL_IN_THREAD:
	case TERM_SOME_IN_THREAD:
	case TERM_NONE_IN_THREAD:
		return in_thread(f, t, em, e);
	case TERM_HAS_ATTACHMENT: {
		int has = has_attachment(f, em);

		return has < 0 ? has : has == t->number;
	}
	case TERM_TEXT:
		return in_text(f, t, em);
	case TERM_HEADER:
		return in_header(f, t, em);
	}
	return 0;
}

int
jmap_filter_match(struct jmap_filter *f, const struct jmap_email *em, struct err *e)
{
	uint64_t number = em->number;
	int rc = AGAIN;

	if (f->root == NULL)
		return 1;
	f->unreadable = false;
	f->text_fields = 0;
	for (int i = 0; i < TRIES && rc == AGAIN; i++) {
		bool changed = jmap_model_generation(f->model) != f->generation;

		if (changed && jmap_filter_ready(f, e) < 0)
			rc = -1;
		else if ((changed || i > 0) && (em = jmap_model_find(f->model, number)) == NULL)
			rc = 0;
		else
			rc = match(f, f->root, em, e);
	}
	content_close(&f->content);
	if (f->email.used > 0)
		arena_reset(&f->email);
	return rc == AGAIN ? 0 : rc;
}
