/*
 * write.c - drafts, replies and forwarded mail, and asking for their sending.
 *
 * A recipient is an address that the person typed, or who is found by the name that the person
 * typed; nothing a mail says becomes one. What is not clear is asked back.
 */
#include <stdlib.h>

#include "aid/builtin/job.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/address.h"

#define SUBJECT_MAX 60u
#define FOUND_MAX   8

static void next_person(struct job *j);

static bool
is_sent(const struct job *j)
{
	return j->r.verb != VERB_DRAFT && j->r.verb != VERB_DRAFT_REPLY;
}

static bool
is_reply(const struct job *j)
{
	return j->r.verb == VERB_REPLY || j->r.verb == VERB_REPLY_ALL ||
	       j->r.verb == VERB_DRAFT_REPLY;
}

/* ---- sending ---- */

static struct str
join(struct job *j, const cJSON *list)
{
	struct buf b;
	struct str s;
	const cJSON *v;

	buf_init(&b, 2000);
	cJSON_ArrayForEach(v, list)
	{
		if (b.n > 0)
			(void)buf_puts(&b, ", ");
		(void)buf_str(&b, json_str(v));
	}
	s = arena_dup(turn_arena(j->t), buf_view(&b));
	buf_free(&b);
	return s;
}

static void
on_requested(struct turn *t, const struct turn_result *r, void *arg)
{
	struct job *j = arg;
	struct str id;

	if (r->failed) {
		say_failed(j, r);
		return;
	}
	id = json_str(json_get(r->data, "approval"));
	turn_sayf(t,
	    L(j, "The message “%.*s” to %.*s is ready. It is sent once you approve it.",
		"Le message « %.*s » à %.*s est prêt. Il part dès que vous l'approuvez."),
	    STR_ARG(j->what), STR_ARG(join(j, json_get(r->data, "recipients"))));
	if (id.n > 0)
		turn_approval(t, id, j->what);
	turn_done(t);
}

static void
on_drafted(struct turn *t, const struct turn_result *r, void *arg)
{
	struct job *j = arg;
	cJSON *args;
	struct str to;

	if (r->failed) {
		say_failed(j, r);
		return;
	}
	j->desk->changing++;
	j->draft = arena_dup(turn_arena(t), json_str(json_get(r->data, "draft")));
	j->what = arena_dup(turn_arena(t), json_str(json_get(r->data, "subject")));
	if (is_sent(j)) {
		args = cJSON_CreateObject();
		json_put_str(args, "draft", j->draft);
		turn_call(t, "request_send", args, on_requested, j);
		return;
	}
	to = join(j, json_get(r->data, "to"));
	turn_sayf(t,
	    L(j, "The draft “%.*s” to %.*s is in Drafts. Nothing is sent.",
		"Le brouillon « %.*s » à %.*s est dans les brouillons. Rien n'est envoyé."),
	    STR_ARG(j->what), STR_ARG(to));
	turn_done(t);
}

/* ---- the draft ---- */

/* Of a mail whose subject nobody said: its first words. */
static struct str
subject_of(struct job *j)
{
	struct str line = str_trim(j->r.body), cut;
	char *p;
	size_t end;

	line = str_sub(line, 0, str_chr(line, '\n'));
	cut = str_cut_utf8(line, SUBJECT_MAX);
	if (cut.n < line.n && (end = str_rchr(cut, ' ')) < cut.n)
		cut = str_sub(cut, 0, end);
	while (cut.n > 0 && strchr(".,;:!", cut.p[cut.n - 1]) != NULL)
		cut.n--;
	if (cut.n == 0)
		return STR("");
	p = arena_dupz(turn_arena(j->t), cut);
	p[0] = to_upper(p[0]);
	return str_z(p);
}

static void
put_people(struct job *j, cJSON *args)
{
	cJSON *to = cJSON_CreateArray();

	for (size_t i = 0; i < j->r.npeople; i++)
		json_add(to, json_new_str(j->to[i]));
	json_put(args, "to", to);
}

static void create_draft(struct job *j);

static void
on_subject(struct turn *t, const struct turn_result *r, void *arg)
{
	struct job *j = arg;

	if (r->failed) {
		say_failed(j, r);
		return;
	}
	j->targets[0].subject = arena_dupz(turn_arena(t), json_str(json_get(r->data, "subject")));
	create_draft(j);
}

/* Of one that is open in the page nothing is known but its id. */
static void
forward(struct job *j)
{
	cJSON *args;

	if (j->targets[0].subject[0] != '\0') {
		create_draft(j);
		return;
	}
	args = cJSON_CreateObject();
	json_put_str(args, "message", str_z(j->targets[0].id));
	turn_call(j->t, "read_message", args, on_subject, j);
}

static void
put_forwarded(struct job *j, cJSON *args)
{
	cJSON *list = cJSON_CreateArray();
	json_add(list, json_new_str(str_z(j->targets[0].id)));
	json_put(args, "attachments", list);
	json_put_str(
	    args, "subject", arena_printf(turn_arena(j->t), "Fwd: %s", j->targets[0].subject));
}

static void
create_draft(struct job *j)
{
	cJSON *args = cJSON_CreateObject();

	json_put_str(args, "body", j->r.body.n > 0 ? j->r.body : STR(""));
	if (is_reply(j)) {
		json_put_str(args, "reply_to_message", str_z(j->targets[0].id));
		if (j->r.verb == VERB_REPLY_ALL)
			json_put_bool(args, "reply_all", true);
	} else {
		put_people(j, args);
		if (j->r.verb == VERB_FORWARD)
			put_forwarded(j, args);
		else
			json_put_str(
			    args, "subject", j->r.title.n > 0 ? j->r.title : subject_of(j));
	}
	turn_call(j->t, "create_draft", args, on_drafted, j);
}

/* ---- who is meant ---- */

static void
people_known(struct job *j)
{
	if (j->r.verb == VERB_FORWARD)
		pick(j, 1, forward);
	else
		create_draft(j);
}

static void
person_is(struct job *j, struct str address)
{
	j->to[j->person++] = arena_dup(turn_arena(j->t), address);
	next_person(j);
}

/* A name as a word of a name, or an address's local part: "bob" is no "Bobby". */
static bool
is_called(const cJSON *contact, struct str name)
{
	struct str rest = json_str(json_get(contact, "name")), word;
	struct str email = json_str(json_get(contact, "email"));
	bool more;

	if (str_ieq(rest, name) || str_ieq(str_sub(email, 0, str_rchr(email, '@')), name))
		return true;
	do {
		more = str_cut(&rest, ' ', &word);
		if (str_ieq(word, name))
			return true;
	} while (more);
	return false;
}

static struct str
say_person(struct job *j, const cJSON *v)
{
	struct str name = json_str(json_get(v, "name")), email = json_str(json_get(v, "email"));

	if (name.n == 0)
		return arena_dup(turn_arena(j->t), email);
	return arena_printf(turn_arena(j->t), "%.*s <%.*s>", STR_ARG(name), STR_ARG(email));
}

/* Somebody of the same domain has not to have written before. */
static void
ask_address(struct job *j, struct str name)
{
	struct str user = turn_user(j->t);
	struct str domain = str_from(user, str_rchr(user, '@'));
	struct str guess =
	    arena_printf(turn_arena(j->t), STR_FMT STR_FMT, STR_ARG(name), STR_ARG(domain));
	struct address a;

	if (address_parse(guess, 0, turn_arena(j->t), &a, NULL) == 0)
		desk_choice(j->desk, guess);
	j->desk->about = mem_dup(name.p, name.n);
	ask_back(j, ASKED_PERSON,
	    arena_printf(turn_arena(j->t),
		L(j, "I do not know “%.*s”. What is the address?",
		    "Je ne connais pas « %.*s ». Quelle est l'adresse ?"),
		STR_ARG(name)));
}

static void
on_contacts(struct turn *t, const struct turn_result *r, void *arg)
{
	struct job *j = arg;
	struct str name = j->r.people[j->person];
	const cJSON *found[FOUND_MAX], *v;
	int n = 0;

	if (r->failed) {
		say_failed(j, r);
		return;
	}
	cJSON_ArrayForEach(v,
	    json_get(r->data, "contacts")) if (n < FOUND_MAX && is_called(v, name)) found[n++] = v;
	if (n == 1) {
		person_is(j, say_person(j, found[0]));
		return;
	}
	if (n == 0) {
		ask_address(j, name);
		return;
	}
	for (int i = 0; i < n; i++)
		desk_choice(j->desk, say_person(j, found[i]));
	j->desk->about = mem_dup(name.p, name.n);
	ask_back(j, ASKED_PERSON,
	    arena_printf(turn_arena(t),
		L(j, "There are %d people called “%.*s”. Which one?",
		    "Il y a %d personnes nommées « %.*s ». Laquelle ?"),
		n, STR_ARG(name)));
}

/* What was answered about that name before, in this request. */
static const struct person *
answered(const struct job *j, struct str name)
{
	for (size_t i = 0; i < j->desk->npeople; i++)
		if (str_ieq_z(name, j->desk->people[i].named))
			return &j->desk->people[i];
	return NULL;
}

static void
next_person(struct job *j)
{
	const struct person *known;
	struct str name;
	cJSON *args;

	for (; j->person < j->r.npeople; j->person++) {
		name = j->r.people[j->person];
		if ((known = answered(j, name)) != NULL)
			j->to[j->person] = arena_dup(turn_arena(j->t), str_z(known->address));
		else if (str_chr(name, '@') < name.n)
			j->to[j->person] = name;
		else
			break;
	}
	if (j->person == j->r.npeople) {
		people_known(j);
		return;
	}
	args = cJSON_CreateObject();
	json_put_str(args, "query", str_cut_utf8(name, 100));
	turn_call(j->t, "contacts", args, on_contacts, j);
}

void
write_run(struct job *j)
{
	if (is_reply(j))
		pick(j, 1, create_draft);
	else
		next_person(j);
}
