/*
 * approve.c - gkmail approve: what agents of a user have asked for, shown as it is, and a human's
 * word for it in the terminal (INVARIANTS 20).
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "ctl/asked.h"
#include "ctl/client.h"
#include "ctl/output.h"
#include "mail/addrlist.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mail/rfc2047.h"
#include "mail/text.h"
#include "mail/visible.h"

#define TEXT_MAX (1u << 20)

/* ---- printing ---- */

/* Text of others: what a reader would not see is not there, and nothing plays with the terminal.
 * lines: line ends stay, each line with two blanks before it. */
static void
say(struct str s, bool lines)
{
	struct buf b;
	struct str rest, one;

	buf_init(&b, 4 * TEXT_MAX);
	(void)visible_text(s, TEXT_MAX, &b);
	rest = buf_view(&b);
	if (!lines) {
		out_str(stdout, rest);
	} else {
		while (rest.n > 0) {
			(void)str_cut(&rest, '\n', &one);
			fputs("  ", stdout);
			out_str(
			    stdout, str_ends(one, STR("\r")) ? str_sub(one, 0, one.n - 1) : one);
			putchar('\n');
		}
	}
	buf_free(&b);
}

static void
field(const char *name, struct str value)
{
	printf("%-12s", name);
	say(value, false);
	putchar('\n');
}

static void
put_json(const cJSON *v)
{
	char *text = cJSON_PrintUnformatted(v);

	puts(text);
	free(text);
}

/* ---- what is sent ---- */

static bool
is_named(struct str head, struct str address)
{
	static const struct str names[] = {STR_INIT("To"), STR_INIT("Cc")};
	struct header_field f;
	struct addrlist list;
	struct str rest = head;

	while (header_next(&rest, &f))
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			if (!str_ieq(f.name, names[i]))
				continue;
			addrlist_parse(f.value, &ctl.arena, &list);
			for (size_t k = 0; k < list.n; k++)
				if (list.v[k].host.p != NULL &&
				    str_ieq(
					arena_printf(&ctl.arena, STR_FMT "@" STR_FMT,
					    STR_ARG(list.v[k].mailbox), STR_ARG(list.v[k].host)),
					address))
					return true;
		}
	return false;
}

static void
show_rcpts(const struct asked *x, struct str head)
{
	const cJSON *to = cJSON_GetObjectItem(cJSON_GetObjectItem(x->v, "envelope"), "rcptTo"), *m;

	cJSON_ArrayForEach(m, to)
	{
		struct str address = asked_str(m, "email");

		printf("%-12s", "goes to");
		say(address, false);
		puts(is_named(head, address) ? "" : "   (blind: the message does not name it)");
	}
}

static void
show_fields(struct str head)
{
	static const char *const names[] = {
	    "From", "Reply-To", "To", "Cc", "Date", "Subject", "In-Reply-To", "Message-ID"};
	struct buf b;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct str v = header_value(head, str_z(names[i]));

		if (v.p == NULL)
			continue;
		buf_init(&b, TEXT_MAX);
		rfc2047_decode(v, &b);
		field(names[i], buf_view(&b));
		buf_free(&b);
	}
}

/* Texts as they are read, other parts by their names. */
static void
show_parts(const struct mime_part *root, struct str octets)
{
	struct buf b;

	for (const struct mime_part *p = root; p != NULL; p = text_next_part(p)) {
		if (p->kind == MIME_MULTIPART)
			continue;
		buf_init(&b, 4 * TEXT_MAX);
		if (p->kind == MIME_LEAF && text_is_text(p) && p->disposition.p == NULL) {
			puts("");
			text_of_part(p, octets, 0, TEXT_MAX, &b);
			say(buf_view(&b), true);
			puts("");
		} else {
			if (!text_file_name(p, &b))
				buf_puts(&b, "without a name");
			printf("%-12s", "attached");
			say(buf_view(&b), false);
			fputs(", ", stdout);
			say(p->type, false);
			putchar('/');
			say(p->subtype, false);
			printf(", %zu octets as encoded\n", p->body.n);
		}
		buf_free(&b);
	}
}

static void
show_send(const struct asked *x)
{
	struct str head = str_sub(x->octets, 0, header_length(x->octets));

	field("sender",
	    asked_str(
		cJSON_GetObjectItem(cJSON_GetObjectItem(x->v, "envelope"), "mailFrom"), "email"));
	show_rcpts(x, head);
	show_fields(head);
	show_parts(mime_parse(x->octets, &ctl.arena), x->octets);
}

/* ---- other actions ---- */

static void
show_emails(const struct asked *x, const cJSON *what)
{
	const cJSON *ids = cJSON_GetObjectItem(what, "emailIds"), *id, *m;

	cJSON_ArrayForEach(id, ids)
	{
		printf("%-12s", "email");
		say(str_z(cJSON_IsString(id) ? id->valuestring : ""), false);
		cJSON_ArrayForEach(m, x->emails)
		{
			if (cJSON_IsString(id) && str_eq_z(asked_str(m, "id"), id->valuestring)) {
				const cJSON *from = cJSON_GetObjectItem(m, "from");

				fputs("  ", stdout);
				say(asked_str(m, "receivedAt"), false);
				fputs("  ", stdout);
				say(asked_str(from != NULL ? from->child : NULL, "email"), false);
				fputs("  ", stdout);
				say(asked_str(m, "subject"), false);
			}
		}
		puts("");
	}
}

static void
show_action(const struct asked *x, const cJSON *what)
{
	const cJSON *m;

	if (cJSON_GetObjectItem(what, "emailIds") == NULL) {
		cJSON_ArrayForEach(m, what)
		{
			if (cJSON_IsString(m)) {
				printf("%s\n", m->string);
				say(str_z(m->valuestring), true);
			} else if (cJSON_IsBool(m)) {
				field(m->string, str_z(cJSON_IsTrue(m) ? "yes" : "no"));
			}
		}
		return;
	}
	if (cJSON_IsTrue(cJSON_GetObjectItem(what, "destroy")))
		field("to", STR("nowhere: destroyed for ever"));
	else
		field("to", asked_str(what, "mailboxName"));
	show_emails(x, what);
}

static void
show(const struct asked *x)
{
	const cJSON *what = cJSON_GetObjectItem(x->v, "what"), *m;

	field("request", asked_str(x->v, "id"));
	field("state", asked_str(x->v, "state"));
	field("action", asked_str(x->v, "action"));
	field("agent", asked_str(x->v, "agent"));
	field("session", asked_str(x->v, "session"));
	field("asked at", asked_str(x->v, "requestedAt"));
	if (asked_str(x->v, "error").n > 0)
		field("error", asked_str(x->v, "error"));
	cJSON_ArrayForEach(m, cJSON_GetObjectItem(x->v, "origins"))
	{
		printf("%-12s", "careful");
		say(asked_str(m, "value"), false);
		fputs(" comes from the text of a message (", stdout);
		say(asked_str(m, "where"), false);
		puts(")");
	}
	if (cJSON_IsObject(what))
		show_action(x, what);
	else
		show_send(x);
}

/* ---- verbs ---- */

static int
list(const char *user, struct err *e)
{
	static const char *const heads[] = {
	    "ID", "STATE", "ASKED AT", "AGENT", "ACTION", "SUBJECT"};
	const cJSON *all, *m;
	struct str *cells;
	cJSON *answer;
	size_t n = 0;

	if (asked_list(user, &answer, &all, e) < 0)
		return -1;
	if (ctl.json) {
		put_json(all);
		return 0;
	}
	cells = arena_array(
	    &ctl.arena, ((size_t)cJSON_GetArraySize(all) + 1) * ARRAY_LEN(heads), sizeof(*cells));
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		cells[n++] = str_z(heads[i]);
	cJSON_ArrayForEach(m, all)
	{
		static const char *const names[] = {
		    "id", "state", "requestedAt", "agent", "action", "subject"};

		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			cells[n++] = asked_str(m, names[i]);
	}
	out_table(cells, n, ARRAY_LEN(heads));
	return 0;
}

static int
show_one(const char *user, const char *id, struct err *e)
{
	struct asked x;

	if (asked_get(user, id, &x, e) < 0)
		return -1;
	if (ctl.json)
		put_json(x.v);
	else
		show(&x);
	return 0;
}

static bool
agrees(void)
{
	char line[20];

	fputs("\nDo exactly this? [y/N] ", stderr);
	return fgets(line, sizeof(line), stdin) != NULL &&
	       (str_ieq_z(str_trim(str_z(line)), "y") || str_ieq_z(str_trim(str_z(line)), "yes"));
}

/* authd's word for what was just shown. */
static int
accept_it(const char *user, const struct asked *x, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;

	ipc_begin(&m, MSG_APPROVAL_ACCEPT);
	ipc_put_z(&m, user);
	ipc_put_str(&m, asked_str(x->v, "session"));
	ipc_put_str(&m, str_of((const char *)x->digest, sizeof(x->digest)));
	ipc_put_str(
	    &m, arena_printf(&ctl.arena, STR_FMT " in the terminal: " STR_FMT,
		    STR_ARG(asked_str(x->v, "action")), STR_ARG(asked_str(x->v, "subject"))));
	if (client_call("authd", &m, &in, e) < 0)
		return client_about(e, user);
	(void)ipc_get_str(&in);
	(void)ipc_get_u64(&in);
	return ipc_end(&in) < 0 ? err_set(e, E_PROTO, "unreadable answer") : 0;
}

static int
answer_one(const char *user, const char *id, enum approval_task task, struct err *e)
{
	const cJSON *v;
	cJSON *answer;
	struct str why;

	if (asked_answer(user, id, task, &answer, &v, &why, e) < 0)
		return -1;
	if (why.n > 0)
		return err_set(e, E_DENIED, "%s: " STR_FMT, id, STR_ARG(str_sub(why, 0, 200)));
	if (ctl.json)
		put_json(v);
	else
		printf("%s " STR_FMT "\n", id, STR_ARG(asked_str(v, "state")));
	return 0;
}

static int
send_one(const char *user, const char *id, bool yes, struct err *e)
{
	struct asked x;

	if (asked_get(user, id, &x, e) < 0)
		return -1;
	if (!ctl.json)
		show(&x);
	if (!yes && !isatty(STDIN_FILENO))
		return args_wrong(e, "nobody is there to agree: --yes does");
	if (!yes && !agrees())
		return err_set(e, E_DENIED, "%s: nothing was done", id);
	if (accept_it(user, &x, e) < 0)
		return -1;
	return answer_one(user, id, APPROVAL_SEND, e);
}

int
verb_approve(struct err *e)
{
	const char *user = args_value("--user"), *word;
	bool yes = args_flag("--yes");

	if (args_end(1, 2, e) < 0)
		return -1;
	if (user == NULL)
		return args_wrong(e, "--user is missing");
	if (client_whose(&user, e) < 0)
		return -1;
	word = ctl.args[0];
	if (ctl.nargs == 1 && strcmp(word, "list") == 0)
		return list(user, e);
	if (ctl.nargs == 2 && strcmp(word, "show") == 0)
		return show_one(user, ctl.args[1], e);
	if (ctl.nargs == 2 && strcmp(word, "send") == 0)
		return send_one(user, ctl.args[1], yes, e);
	if (ctl.nargs == 2 && strcmp(word, "refuse") == 0)
		return answer_one(user, ctl.args[1], APPROVAL_REFUSE, e);
	return args_wrong(e, "list, or show, send or refuse with an ID");
}
