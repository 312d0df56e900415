/*
 * outgoing.c - see submission.h: the envelope of an EmailSubmission, by the client or from the
 * header (RFC 8621 7), and the octets that are sent: the email as it is, without its Bcc.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/address.h"
#include "mail/addrlist.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mailboxd/jmap/model.h"
#include "mailboxd/jmap/submission.h"
#include "store/mailbox.h"

#define RCPTS_MAX 100u /* smtp.max_recipients, by default */

struct jmap_outgoing *
jmap_outgoing_new(struct jmap_call *c, struct jmap_item *it)
{
	struct jmap_outgoing *o = mem_alloc(sizeof *o);

	o->jmap = c->jmap;
	o->call = c;
	o->item = it;
	arena_init(&o->arena);
	buf_init(&o->head, SIZE_MAX / 2);
	return o;
}

void
jmap_outgoing_free(struct jmap_outgoing **op)
{
	struct jmap_outgoing *o = *op;

	content_close(&o->content);
	buf_free(&o->head);
	cJSON_Delete(o->envelope);
	arena_free(&o->arena);
	free(o);
	*op = NULL;
}

void
jmap_put_made(cJSON *out, const cJSON *v)
{
	static const char *const names[] = {"threadId", "envelope", "sendAt", "undoStatus",
	    "deliveryStatus", "dsnBlobIds", "mdnBlobIds"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		json_put(out, names[i], cJSON_Duplicate(json_get(v, names[i]), true));
}

/* ---- the email ---- */

static int
open_email(struct jmap_outgoing *o, struct err *e)
{
	struct jmap_model *model = jmap_emails(o->jmap, e);
	const struct jmap_email *em;
	struct jmap_place place;
	struct jmap_thread *t;

	if (model == NULL)
		return -1;
	em = o->email != 0 ? jmap_model_find(model, o->email) : NULL;
	if (em == NULL || em->nplaces == 0)
		return err_set(e, E_NOTFOUND, "no such email");
	place = jmap_email_places(em)[0];
	if (jmap_model_thread(model, em, &t, e) < 0)
		return -1;
	o->thread = t->number;
	o->content = content_open(jmap_model_mailbox(model, place.box), place.uid, e);
	return o->content != NULL ? 0 : -1;
}

/* Blind copies are told nobody (RFC 8621 7.5; RFC 5322 3.6.3); a field that asks for a resent
 * message's is not less blind. */
static void
cut(struct jmap_outgoing *o)
{
	static const struct str bcc[] = {STR_INIT("Bcc"), STR_INIT("Resent-Bcc")};
	struct str all = o->content->octets, head = str_sub(all, 0, header_length(all));

	header_select(head, bcc, ARRAY_LEN(bcc), true, &o->head);
	o->letter.head = buf_view(&o->head);
	o->letter.body = str_from(all, head.n);
	o->letter.utf8 |= !str_is_ascii(o->letter.head);
	o->letter.eightbit |= !str_is_ascii(o->letter.body);
}

/* ---- addresses of the header ---- */

struct rcpts {
	struct str *v, *parameters;
	size_t n;
};

static void
add_rcpt(struct rcpts *r, struct str address, struct str parameters)
{
	for (size_t i = 0; i < r->n; i++)
		if (str_ieq(r->v[i], address))
			return;
	if (r->n <= RCPTS_MAX) {
		r->parameters[r->n] = parameters;
		r->v[r->n++] = address;
	}
}

/* -1: one of them is none; told in *bad. */
static int
add_field(struct jmap_outgoing *o, struct str head, struct str name, struct rcpts *r, cJSON *bad)
{
	struct str rest = head;
	struct header_field f;
	struct addrlist list;

	while (header_next(&rest, &f)) {
		if (!str_ieq(f.name, name))
			continue;
		addrlist_parse(f.value, &o->arena, &list);
		for (size_t i = 0; i < list.n; i++) {
			struct str path;

			if (list.v[i].host.p == NULL)
				continue; /* of a group */
			path = jmap_path(list.v[i].mailbox, list.v[i].host, &o->arena);
			if (path.n > 0)
				add_rcpt(r, path, STR(""));
			else
				json_add(bad, json_new_str(list.v[i].mailbox));
		}
	}
	return bad->child != NULL ? -1 : 0;
}

/* Sender, or else From, where that is one (RFC 8621 7). */
static int
sender_of(struct jmap_outgoing *o, struct str head, struct str *out)
{
	struct str value = header_value(head, STR("Sender"));
	struct addrlist list;

	if (value.p == NULL)
		value = header_value(head, STR("From"));
	addrlist_parse(value.p != NULL ? value : STR(""), &o->arena, &list);
	if (list.n != 1 || list.v[0].host.p == NULL)
		return -1;
	*out = jmap_path(list.v[0].mailbox, list.v[0].host, &o->arena);
	return out->n > 0 ? 0 : -1;
}

/* ---- the envelope ---- */

static int
invalid_rcpts(struct jmap_outgoing *o, cJSON *bad)
{
	(void)jmap_item_fail(o->item, "invalidRecipients", "no addresses");
	jmap_item_add(o->item, "invalidRecipients", bad);
	return -1;
}

static int
envelope_from_header(struct jmap_outgoing *o, struct str head, struct rcpts *r)
{
	cJSON *bad = cJSON_CreateArray(), *from = cJSON_CreateObject(), *to = cJSON_CreateArray();

	if (sender_of(o, head, &o->letter.sender) < 0) {
		cJSON_Delete(bad);
		cJSON_Delete(from);
		cJSON_Delete(to);
		(void)jmap_item_fail(o->item, "invalidEmail", "no one sender");
		jmap_item_add(o->item, "properties", cJSON_Parse("[\"from\"]"));
		return -1;
	}
	o->envelope = cJSON_CreateObject();
	json_put(o->envelope, "mailFrom", from);
	json_put(o->envelope, "rcptTo", to);
	if (add_field(o, head, STR("To"), r, bad) < 0 ||
	    add_field(o, head, STR("Cc"), r, bad) < 0 || add_field(o, head, STR("Bcc"), r, bad) < 0)
		return invalid_rcpts(o, bad);
	cJSON_Delete(bad);
	json_put_str(from, "email", o->letter.sender);
	json_put(from, "parameters", cJSON_CreateNull());
	for (size_t i = 0; i < r->n; i++) {
		cJSON *one = cJSON_CreateObject();

		json_put_str(one, "email", r->v[i]);
		json_put(one, "parameters", cJSON_CreateNull());
		json_add(to, one);
	}
	return 0;
}

static int
read_address(struct jmap_outgoing *o, const cJSON *v, struct str *out)
{
	struct address address;

	if (!cJSON_IsObject(v) || address_parse(json_str(json_get(v, "email")), ADDRESS_UTF8,
				      &o->arena, &address, NULL) < 0)
		return -1;
	*out = address.text;
	o->letter.utf8 |= address.utf8;
	return 0;
}

static int
envelope_given(struct jmap_outgoing *o, const cJSON *v, struct rcpts *r)
{
	const cJSON *from = json_get(v, "mailFrom"), *to = json_get(v, "rcptTo"), *m;
	cJSON *bad;
	struct str address, parameters;

	if (!cJSON_IsArray(to) || read_address(o, from, &o->letter.sender) < 0) {
		(void)jmap_item_invalid(o->item, "envelope", "no sender, or no recipients");
		return -1;
	}
	if (jmap_parameters_read(o, from, false, &o->letter.parameters) < 0)
		return -1;
	bad = cJSON_CreateArray();
	cJSON_ArrayForEach(m, to)
	{
		if (read_address(o, m, &address) < 0)
			json_add(bad, json_new_str(json_str(json_get(m, "email"))));
		else if (jmap_parameters_read(o, m, true, &parameters) == 0)
			add_rcpt(r, address, parameters);
	}
	if (bad->child != NULL)
		return invalid_rcpts(o, bad);
	cJSON_Delete(bad);
	o->envelope = cJSON_Duplicate(v, true);
	return jmap_item_failed(o->item) ? -1 : 0;
}

static int
check_rcpts(struct jmap_outgoing *o, const struct rcpts *r)
{
	if (r->n == 0)
		(void)jmap_item_fail(o->item, "noRecipients", "nobody to send it to");
	if (r->n > RCPTS_MAX) {
		(void)jmap_item_fail(o->item, "tooManyRecipients", "more than %u", RCPTS_MAX);
		jmap_item_add(o->item, "maxRecipients", cJSON_CreateNumber(RCPTS_MAX));
	}
	for (size_t i = 0; i < r->n; i++)
		o->letter.utf8 |= !str_is_ascii(r->v[i]);
	o->letter.utf8 |= !str_is_ascii(o->letter.sender);
	o->letter.rcpts = r->v;
	o->letter.rcpt_parameters = r->parameters;
	o->letter.nrcpts = r->n;
	return jmap_item_failed(o->item) ? -1 : 0;
}

/* ---- all of it ---- */

/* From is the identity's, in the header and before it (RFC 8621 7.5). */
static int
check_identity(struct jmap_outgoing *o, struct str head)
{
	struct err e;
	cJSON *v = jmap_stored(o->jmap->home, OBJECT_IDENTITY, o->identity, &e);
	struct addrlist list;
	bool own = false;

	if (v == NULL) {
		(void)jmap_item_invalid(o->item, "identityId", "no such identity");
		return -1;
	}
	addrlist_parse(header_value(head, STR("From")), &o->arena, &list);
	for (size_t i = 0; i < list.n; i++)
		if (list.v[i].host.p != NULL)
			own |= str_ieq(jmap_path(list.v[i].mailbox, list.v[i].host, &o->arena),
			    json_str(json_get(v, "email")));
	cJSON_Delete(v);
	if (list.n > 0 && !own)
		(void)jmap_item_fail(o->item, "forbiddenFrom", "From is not the identity's");
	return jmap_item_failed(o->item) ? -1 : 0;
}

static int
read_object(struct jmap_outgoing *o, const cJSON **envelope)
{
	const cJSON *m;

	*envelope = NULL;
	cJSON_ArrayForEach(m, o->item->given)
	{
		struct str name = json_name(m);

		if (str_eq_z(name, "identityId"))
			o->identity = jmap_number(jmap_real_id(o->call, json_str(m)), 'i');
		else if (str_eq_z(name, "emailId"))
			o->email = email_parse(jmap_real_id(o->call, json_str(m)), EMAIL_LETTER);
		else if (str_eq_z(name, "envelope") && (cJSON_IsObject(m) || cJSON_IsNull(m)))
			*envelope = cJSON_IsObject(m) ? m : NULL;
		else
			(void)jmap_item_invalid(o->item, m->string, "it cannot be given");
	}
	return jmap_item_failed(o->item) ? -1 : 0;
}

int
jmap_outgoing_read(struct jmap_outgoing *o)
{
	struct rcpts r = {.v = arena_array(&o->arena, RCPTS_MAX + 2, sizeof *r.v),
	    .parameters = arena_array(&o->arena, RCPTS_MAX + 2, sizeof *r.v)};
	const cJSON *envelope;
	struct err e = {0};
	struct str head;

	if (read_object(o, &envelope) < 0)
		return -1;
	if (open_email(o, &e) < 0) {
		if (e.code == E_NOTFOUND)
			(void)jmap_item_invalid(o->item, "emailId", "no such email");
		else
			(void)jmap_item_err(o->call, o->item, &e);
		return -1;
	}
	head = str_sub(o->content->octets, 0, header_length(o->content->octets));
	if (header_value(head, STR("From")).n == 0) {
		(void)jmap_item_fail(o->item, "invalidEmail", "no From");
		jmap_item_add(o->item, "properties", cJSON_Parse("[\"from\"]"));
		return -1;
	}
	if (check_identity(o, head) < 0)
		return -1;
	if ((envelope != NULL ? envelope_given(o, envelope, &r)
			      : envelope_from_header(o, head, &r)) < 0 ||
	    check_rcpts(o, &r) < 0)
		return -1;
	cut(o);
	o->held = o->send_at > clock_wall();
	if (o->send_at == 0)
		o->send_at = clock_wall();
	return 0;
}
