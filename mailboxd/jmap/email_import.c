/*
 * email_import.c - Email/import (RFC 8621 4.8) and Email/copy (4.7): messages that are there
 * already become emails.
 */
#include "base/mem.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mailboxd/jmap/blob.h"
#include "mailboxd/jmap/email_set.h"
#include "mailboxd/jmap/methods.h"

struct import {
	struct jmap_item *items;
	size_t n, at;
	struct jmap_state before;
};

/* ---- one ---- */

/* Lines end in CRLF in the store; what ends otherwise is brought to that. */
struct lines {
	struct str octets;
	uint64_t size;
};

static uint64_t
size_of(struct str s)
{
	uint64_t n = s.n;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r');
	return n;
}

static int
write_lines(void *arg, struct append *ap, struct err *e)
{
	struct lines *l = arg;
	struct str rest = l->octets;

	if (l->size == rest.n)
		return append_write(ap, rest, e);
	while (rest.n > 0) {
		size_t at = str_chr(rest, '\n');
		bool bare = at < rest.n && (at == 0 || rest.p[at - 1] != '\r');

		if (append_write(ap, str_sub(rest, 0, at + !bare), e) < 0 ||
		    (bare && append_write(ap, STR("\r\n"), e) < 0))
			return -1;
		rest = str_from(rest, at + 1);
	}
	return 0;
}

/* Has it any field at all? */
static bool
is_message(struct str s)
{
	struct header_field f;

	return header_next(&s, &f) && f.name.n > 0;
}

/* RFC 8621 4.8: where no receivedAt is given, when the last host before us says it was. */
static void
take_received(struct jmap_standing *s, const struct jmap_item *it, struct str octets)
{
	struct str header = str_sub(octets, 0, header_length(octets)),
		   value = header_value(header, STR("Received"));
	size_t semicolon = str_rchr(value, ';');
	struct date date;

	if (json_member(it->given, "receivedAt") == NULL && semicolon < value.n &&
	    date_parse(str_trim(str_from(value, semicolon + 1)), &date) == 0)
		s->received = date.utc;
}

static void
import_blob(struct jmap_call *c, struct jmap_item *it, struct jmap_standing *s)
{
	struct str id = json_str(json_get(it->given, "blobId"));
	struct jmap_blob blob = {0};
	struct lines l;
	struct err e;

	if (id.n == 0) {
		(void)jmap_item_invalid(it, "blobId", "no id");
		return;
	}
	if (jmap_blob_open(c->jmap, jmap_real_id(c, id), &blob, &e) < 0) {
		if (e.code == E_NOTFOUND || e.code == E_INVAL)
			(void)jmap_item_invalid(it, "blobId", "no such blob");
		else
			(void)jmap_item_err(c, it, &e);
		return;
	}
	l = (struct lines){blob.octets, size_of(blob.octets)};
	take_received(s, it, blob.octets);
	if (!is_message(l.octets))
		(void)jmap_item_fail(it, "invalidEmail", "it has no header");
	else
		(void)jmap_email_put(c, it, s, l.size, write_lines, &l);
	jmap_blob_close(&blob);
}

static void
import_one(struct jmap_call *c, struct jmap_item *it)
{
	static const char *const names[] = {"blobId", "mailboxIds", "keywords", "receivedAt"};
	struct jmap_standing *s = arena_new(&c->arena, struct jmap_standing);
	const cJSON *m;

	cJSON_ArrayForEach(m, it->given)
	{
		size_t i = 0;

		while (i < ARRAY_LEN(names) && !str_eq_z(json_name(m), names[i]))
			i++;
		if (i == ARRAY_LEN(names))
			(void)jmap_item_invalid(it, m->string, "no property of an import");
	}
	if (!jmap_item_failed(it) && jmap_standing_read(c, it, it->given, s) == 0)
		import_blob(c, it, s);
}

/* ---- all ---- */

static cJSON *
object_or_null(cJSON *map)
{
	if (map->child != NULL)
		return map;
	cJSON_Delete(map);
	return cJSON_CreateNull();
}

static enum jmap_step
answer(struct jmap_call *c)
{
	cJSON *created = cJSON_CreateObject(), *failed = cJSON_CreateObject();
	struct import *im = c->op;

	for (size_t i = 0; i < im->n; i++) {
		struct jmap_item *it = &im->items[i];

		if (it->error != NULL)
			json_put_named(failed, it->key, it->error);
		else
			json_put_named(created, it->key, it->out);
		if (it->error == NULL)
			it->out = NULL;
		it->error = NULL;
	}
	json_put_str(c->result, "oldState", str_z(im->before.text));
	json_put_str(c->result, "newState", str_z(jmap_state(c->jmap, JMAP_EMAIL).text));
	json_put(c->result, "created", object_or_null(created));
	json_put(c->result, "notCreated", object_or_null(failed));
	return JMAP_DONE;
}

static enum jmap_step
run(struct jmap_call *c)
{
	struct import *im = c->op;
	char id[EMAIL_TEXT_SIZE];

	for (; im->at < im->n; im->at++) {
		struct jmap_item *it = &im->items[im->at];

		if (jmap_slice_over(c))
			return JMAP_YIELD;
		import_one(c, it);
		if (it->error != NULL)
			continue;
		(void)email_text(it->id, EMAIL_LETTER, id);
		json_put_str(it->out, "id", str_z(id));
		jmap_created(c, it->key, str_z(id));
	}
	return jmap_commit(c, answer);
}

static void
cleanup(struct jmap_call *c)
{
	struct import *im = c->op;

	for (size_t i = 0; i < im->n; i++) {
		cJSON_Delete(im->items[i].out);
		cJSON_Delete(im->items[i].error);
	}
}

static enum jmap_step
email_import(struct jmap_call *c)
{
	struct import *im = arena_new(&c->arena, struct import);
	const cJSON *emails, *m;
	struct str if_in;

	im->before = jmap_state(c->jmap, JMAP_EMAIL);
	if (jmap_args_only(c, "ifInState emails") < 0 || jmap_arg_str(c, "ifInState", &if_in) < 0 ||
	    jmap_arg_object(c, "emails", &emails) < 0)
		return JMAP_DONE;
	if (emails == NULL)
		return jmap_fail(c, "invalidArguments", "emails: not there");
	if (if_in.p != NULL && !str_eq_z(if_in, im->before.text))
		return jmap_fail(c, "stateMismatch", "the state is %s", im->before.text);
	if (cJSON_GetArraySize(emails) > (int)JMAP_MAX_SET)
		return jmap_fail(c, "requestTooLarge", "more than %u objects", JMAP_MAX_SET);
	im->items =
	    arena_array(&c->arena, (size_t)cJSON_GetArraySize(emails) + 1, sizeof *im->items);
	cJSON_ArrayForEach(m, emails)
	{
		if (!cJSON_IsObject(m) || !jmap_id_valid(json_name(m)))
			return jmap_fail(c, "invalidArguments", "emails: no map of ids to objects");
		im->items[im->n++] =
		    (struct jmap_item){.what = JMAP_CREATE, .key = json_name(m), .given = m};
	}
	for (size_t i = 0; i < im->n; i++)
		im->items[i].out = cJSON_CreateObject();
	c->op = im;
	c->cleanup = cleanup;
	c->step = run;
	return run(c);
}

/* ---- copy ---- */

/* RFC 8620 5.4: from another account. A user has one here: no account is another one. */
static enum jmap_step
email_copy(struct jmap_call *c)
{
	struct str from;

	if (jmap_args_only(c, "fromAccountId ifFromInState ifInState create "
			      "onSuccessDestroyOriginal destroyFromIfInState") < 0 ||
	    jmap_arg_str(c, "fromAccountId", &from) < 0)
		return JMAP_DONE;
	if (from.p == NULL || str_eq_z(from, c->jmap->account))
		return jmap_fail(c, "invalidArguments", "fromAccountId: not another account");
	return jmap_fail(c, "fromAccountNotFound", "no such account");
}

const struct jmap_method jmap_email_import_methods[] = {
    {.name = "Email/import", .capability = JMAP_MAIL, .run = email_import},
    {.name = "Email/copy", .capability = JMAP_MAIL, .run = email_copy}, {0}};
