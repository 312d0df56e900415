/* undo_test.c - undoing what an agent's session has changed: exactly, but for what others changed
 * since; again and again; in slices; from any place in the middle. */
#include "mailboxd/jmap/jmap_test_in.h"

#include <stdlib.h>

#include "mailboxd/jmap/agent.h"
#include "store/email.h"

static struct jmap_agent desk, other;

static int
up(void **state)
{
	if (setup(state) < 0)
		return -1;
	desk = (struct jmap_agent){.name = STR_INIT("desk"),
	    .session = STR_INIT("0123456789abcdef"),
	    .scopes = AGENT_SCOPES,
	    /* Everything free that may be, so that a session can do all there is. */
	    .policy = 1u << 2 * AGENT_CLASS_SEND};
	other = desk;
	other.name = STR("lamp");
	other.session = STR("fedcba9876543210");
	return 0;
}

static int
down(void **state)
{
	agent = NULL;
	jmap_slice_us = JMAP_SLICE_US;
	return teardown(state);
}

/* ---- what there is ---- */

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *
words_sorted(struct str flags)
{
	char *v[80] = {NULL};
	size_t n = 0;
	struct str word;
	struct buf b;
	bool more = flags.n > 0;
	char *out;

	while (more) {
		more = str_cut(&flags, ' ', &word);
		v[n++] = arena_dupz(&scratch, word);
	}
	qsort(v, n, sizeof v[0], by_text);
	buf_init(&b, 65536);
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, " %s", v[i]);
	out = arena_dupz(&scratch, buf_view(&b));
	buf_free(&b);
	return out;
}

/* Every mailbox with its emails and their flags: all of the home but UIDs. */
static const char *
snapshot(void)
{
	struct mailbox *mb;
	struct buf b;
	size_t i = 0;
	char *out;

	buf_init(&b, 16u << 20);
	while ((mb = home_next(home, &i)) != NULL) {
		char **lines;

		assert_int_equal(mailbox_load(mb, &err), 0);
		lines = mem_array(mb->n + 1, sizeof *lines);
		buf_printf(&b, STR_FMT " %u\n", STR_ARG(mb->name), (unsigned)mb->unseen);
		for (size_t k = 0; k < mb->n; k++)
			lines[k] = arena_dupz(&scratch,
			    arena_printf(&scratch, "%016llx%s\n",
				(unsigned long long)mb->messages[k].email,
				words_sorted(mailbox_flags_text(mb, &mb->messages[k], &scratch))));
		qsort(lines, mb->n, sizeof lines[0], by_text);
		for (size_t k = 0; k < mb->n; k++)
			buf_puts(&b, lines[k]);
		free(lines);
	}
	out = arena_dupz(&scratch, buf_view(&b));
	buf_free(&b);
	return out;
}

/* ---- doing ---- */

static const char *
email_at(const char *mailbox, uint32_t uid)
{
	char id[EMAIL_TEXT_SIZE];

	return arena_dupz(
	    &scratch, str_z(email_text(mailbox_get(box(mailbox), uid)->email, EMAIL_LETTER, id)));
}

static const char *
put_mail(const char *mailbox, unsigned n, uint32_t flags)
{
	return email_at(mailbox,
	    append(mailbox,
		arena_printf(&scratch,
		    "From: a@x.test\r\nMessage-ID: <%u@x.test>\r\nSubject: %u\r\n\r\nText %u\r\n",
		    n, n, n)
		    .p,
		flags));
}

static void
patch(const struct jmap_agent *who, const char *email, const char *what)
{
	agent = who;
	call("Email/set", arena_printf(&scratch, "{\"update\":{\"%s\":{%s}}}", email, what).p);
	agent = NULL;
	if (at(answer, "/notUpdated/*") != NULL)
		fail_msg("%s: %s", what, text.p);
}

static const char *
to_box(const char *mailbox)
{
	return arena_dupz(&scratch,
	    arena_printf(&scratch, "\"mailboxIds\":{\"m%u\":true}", (unsigned)box(mailbox)->id));
}

static const char *
draft(const struct jmap_agent *who)
{
	const char *id;

	agent = who;
	call("Email/set",
	    arena_printf(&scratch,
		"{\"create\":{\"k\":{\"mailboxIds\":{\"m%u\":true},\"keywords\":{\"$draft\":true},"
		"\"to\":[{\"email\":\"b@x.test\"}],\"subject\":\"Hi\","
		"\"textBody\":[{\"partId\":\"t\"}],\"bodyValues\":{\"t\":{\"value\":\"Text\"}}}}}",
		(unsigned)box("Drafts")->id)
		.p);
	agent = NULL;
	id = arena_dupz(&scratch, str_at("/created/k/id"));
	assert_int_equal(id[0], 'e');
	return id;
}

static void
destroy(const struct jmap_agent *who, const char *email)
{
	agent = who;
	call("Email/set", arena_printf(&scratch, "{\"destroy\":[\"%s\"]}", email).p);
	agent = NULL;
	expect("/destroyed/0", arena_printf(&scratch, "\"%s\"", email).p);
}

static void
undo(const struct jmap_agent *whose)
{
	call("AgentSession/undo",
	    arena_printf(&scratch, "{\"session\":\"" STR_FMT "\"}", STR_ARG(whose->session)).p);
	if (strcmp(name, "error") == 0)
		fail_msg("%s", text.p);
}

/* ---- tests ---- */

static void
all_kinds_go_back(void **state)
{
	const char *a, *b, *c, *before, *gone;

	(void)state;
	a = put_mail("INBOX", 1, FLAG_SEEN);
	b = put_mail("INBOX", 2, 0);
	c = put_mail("Archive", 3, FLAG_FLAGGED);
	patch(NULL, a, "\"keywords/$work\":true");
	before = snapshot();
	patch(&desk, a, "\"keywords/$seen\":null,\"keywords/$done\":true,\"keywords/$work\":null");
	patch(&desk, a, to_box("Archive"));
	patch(&desk, a, to_box("Junk"));
	patch(&desk, b,
	    arena_printf(&scratch, "\"mailboxIds/m%u\":true", (unsigned)box("Archive")->id).p);
	patch(&desk, c, "\"keywords/$flagged\":null");
	patch(&desk, c, "\"keywords/$flagged\":true");
	gone = draft(&desk);
	(void)draft(&desk);
	destroy(&desk, gone);
	patch(&desk, c, to_box("Trash"));
	assert_string_not_equal(before, snapshot());
	undo(&desk);
	assert_string_equal(before, snapshot());
	expect("/conflicts", "[]");
	expect("/lost", "[]");
	expect("/restored/moved", "2");
	expect("/restored/removed", "2");
	/* Again: nothing. */
	undo(&desk);
	expect("/restored", "{\"flags\":0,\"moved\":0,\"copied\":0,\"removed\":0,\"approvals\":0}");
	expect("/conflicts", "[]");
	assert_string_equal(before, snapshot());
	/* What it does afterwards is undone as well. */
	patch(&desk, b, "\"keywords/$x\":true");
	undo(&desk);
	assert_string_equal(before, snapshot());
}

static void
others_are_kept(void **state)
{
	const char *a, *b, *c, *d, *made, *touched;

	(void)state;
	a = put_mail("INBOX", 1, 0);
	b = put_mail("INBOX", 2, 0);
	c = put_mail("INBOX", 3, FLAG_SEEN);
	d = put_mail("INBOX", 4, 0);
	patch(&desk, a, "\"keywords/$seen\":true,\"keywords/$flagged\":true");
	patch(&desk, b, to_box("Archive"));
	patch(&desk, c, "\"keywords/$seen\":null");
	patch(&desk, d, to_box("Archive"));
	made = draft(&desk);
	touched = draft(&desk);
	/* The user: another flag; the same mailbox; the same flag, there and back; gone. */
	patch(NULL, a, "\"keywords/$mine\":true");
	patch(NULL, b, to_box("Junk"));
	patch(NULL, c, "\"keywords/$seen\":true");
	patch(NULL, c, "\"keywords/$seen\":null");
	call("Email/set", arena_printf(&scratch, "{\"destroy\":[\"%s\"]}", d).p);
	patch(NULL, touched, "\"keywords/$flagged\":true");
	undo(&desk);
	assert_int_equal(box("INBOX")->n, 2);
	assert_int_equal(box("Junk")->n, 1);
	assert_int_equal(box("Archive")->n, 0);
	assert_int_equal(box("Drafts")->n, 0);
	assert_int_equal(box("Trash")->n, 1);
	call("Email/get",
	    arena_printf(&scratch, "{\"ids\":[\"%s\",\"%s\",\"%s\"],\"properties\":[\"keywords\"]}",
		a, c, made)
		.p);
	expect("/list/0/keywords", "{\"$mine\":true}");
	expect("/list/1/keywords", "{}");
	expect("/notFound", arena_printf(&scratch, "[\"%s\"]", made).p);
	undo(&desk);
	expect("/conflictsTotal", "4");
	expect("/restored", "{\"flags\":0,\"moved\":0,\"copied\":0,\"removed\":0,\"approvals\":0}");
	for (unsigned i = 0; i < 4; i++) {
		const cJSON *v = cJSON_GetArrayItem(at(answer, "/conflicts"), (int)i);
		struct str id = json_str(json_get(v, "emailId"));
		struct str code = json_str(json_get(v, "code"));

		assert_true(
		    str_eq_z(id, b) || str_eq_z(id, c) || str_eq_z(id, d) || str_eq_z(id, touched));
		assert_string_equal(
		    arena_dupz(&scratch, code), str_eq_z(id, d) ? "gone" : "changed");
	}
}

/* What is destroyed comes back from another copy only. */
static void
destroyed(void **state)
{
	const char *kept, *lost, *before;

	(void)state;
	kept = draft(&other);
	lost = draft(&other);
	patch(NULL, kept, "\"keywords/$note\":true");
	patch(NULL, kept,
	    arena_printf(&scratch, "\"mailboxIds/m%u\":true", (unsigned)box("Archive")->id).p);
	before = snapshot();
	/* One copy of it leaves; all of the other do. */
	patch(&desk, kept,
	    arena_printf(&scratch, "\"mailboxIds/m%u\":null", (unsigned)box("Drafts")->id).p);
	undo(&desk);
	assert_string_equal(before, snapshot());
	expect("/restored/copied", "1");
	destroy(&desk, lost);
	undo(&desk);
	expect("/lostTotal", "1");
	expect("/lost/0/code", "\"expunged\"");
	expect("/lost/0/emailId", arena_printf(&scratch, "\"%s\"", lost).p);
	assert_int_equal(box("Drafts")->n, 1);
}

/* The last copy of what was there before is never removed, and a mailbox that has gone is told. */
static void
nothing_is_lost_by_it(void **state)
{
	const char *a, *b;
	const struct change_by by = {.actor = STR_INIT("imap"), .sid = STR_INIT("s")};
	struct mailbox *work;

	(void)state;
	assert_int_equal(home_create(home, STR("Work"), &by, &work, &err), 0);
	a = put_mail("INBOX", 1, 0);
	b = put_mail("Work", 2, 0);
	patch(&desk, a,
	    arena_printf(&scratch, "\"mailboxIds/m%u\":true", (unsigned)box("Archive")->id).p);
	patch(&desk, b, to_box("Archive"));
	patch(NULL, a,
	    arena_printf(&scratch, "\"mailboxIds/m%u\":null", (unsigned)box("INBOX")->id).p);
	assert_int_equal(home_delete(home, STR("Work"), &by, &err), 0);
	undo(&desk);
	assert_int_equal(box("Archive")->n, 2);
	expect("/conflictsTotal", "2");
	expect("/conflicts/0/code", "\"mailboxGone\"");
	expect("/conflicts/1/code", "\"changed\"");
}

static void
who_may(void **state)
{
	const char *a;

	(void)state;
	a = put_mail("INBOX", 1, 0);
	patch(&desk, a, "\"keywords/$seen\":true");
	patch(&other, a, "\"keywords/$flagged\":true");
	call("AgentSession/query", "{}");
	expect("/ids", "[\"fedcba9876543210\",\"0123456789abcdef\"]");
	call("AgentSession/query", "{\"filter\":{\"agent\":\"desk\"}}");
	expect("/ids", "[\"0123456789abcdef\"]");
	call("AgentSession/query", "{\"filter\":{\"before\":\"2001-01-01T00:00:00Z\"}}");
	expect("/ids", "[]");
	call("AgentSession/query", "{\"filter\":{\"what\":1}}");
	assert_string_equal(name, "error");
	call("AgentSession/get", "{\"ids\":[\"0123456789abcdef\",\"0000000000000001\"]}");
	expect("/list/0/agent", "\"desk\"");
	expect("/list/0/changes", "1");
	expect("/list/0/counts/flags", "1");
	expect("/list/0/undoneAt", "null");
	expect("/list/0/complete", "true");
	expect("/notFound", "[\"0000000000000001\"]");
	agent = &desk;
	call("AgentSession/get", "{\"ids\":null}");
	expect("/list/0/id", "\"0123456789abcdef\"");
	expect("/list/1", "");
	call("AgentSession/undo", "{\"session\":\"fedcba9876543210\"}");
	expect("/type", "\"notFound\"");
	/* Its own needs no name. */
	call("AgentSession/undo", "{}");
	expect("/session", "\"0123456789abcdef\"");
	expect("/restored/flags", "1");
	/* Another session of the same agent. */
	desk.session = STR("aaaaaaaaaaaaaaaa");
	call("AgentSession/undo", "{\"session\":\"0123456789abcdef\"}");
	expect("/restored/flags", "0");
	agent = NULL;
	call("AgentSession/get", "{\"ids\":[\"0123456789abcdef\"],\"properties\":[\"undoneAt\"]}");
	assert_true(json_str(at(answer, "/list/0/undoneAt")).n > 0);
	call("AgentSession/undo", "{\"session\":\"00\"}");
	expect("/type", "\"invalidArguments\"");
	call("AgentSession/undo", "{\"session\":\"00000000000000ff\"}");
	expect("/type", "\"notFound\"");
	call("AgentSession/undo", "{}");
	expect("/type", "\"invalidArguments\"");
}

/* ---- at random ---- */

#define MAILS 24

static uint64_t seed;

static unsigned
pick(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static const char *const boxes[] = {"INBOX", "Archive", "Junk", "Trash"};
static const char *const keywords[] = {"$seen", "$flagged", "$answered", "$a", "$b"};

static void
do_something(const struct jmap_agent *who, const char *email)
{
	const char *keyword = keywords[pick(ARRAY_LEN(keywords))];
	const char *to = boxes[pick(ARRAY_LEN(boxes))];

	switch (pick(6)) {
	case 0:
	case 1:
		patch(who, email,
		    arena_printf(&scratch, "\"keywords/%s\":%s", keyword, pick(2) ? "true" : "null")
			.p);
		break;
	case 2:
	case 3:
		patch(who, email, to_box(to));
		break;
	case 4:
		patch(who, email,
		    arena_printf(&scratch, "\"mailboxIds/m%u\":true", (unsigned)box(to)->id).p);
		break;
	default:
		(void)draft(who);
		break;
	}
}

static void
at_random(void **state)
{
	const char *mails[MAILS], *before, *between;

	(void)state;
	for (unsigned i = 0; i < MAILS; i++)
		mails[i] =
		    put_mail(boxes[pick(2)], i, pick(FLAG_ALL) & ~FLAG_DELETED & ~FLAG_DRAFT);
	for (unsigned round = 0; round < 40; round++) {
		seed = round + 1;
		jmap_slice_us = round % 2 ? 0 : JMAP_SLICE_US;
		desk.session = arena_printf(&scratch, "%016x", 2 * round + 1);
		other.session = arena_printf(&scratch, "%016x", 2 * round + 2);
		before = snapshot();
		for (unsigned i = 0; i < 60; i++)
			do_something(&desk, mails[pick(MAILS)]);
		between = snapshot();
		for (unsigned i = 0; i < 30; i++)
			do_something(&other, mails[pick(MAILS)]);
		/* The last first: each takes back exactly its own. */
		undo(&other);
		expect("/conflictsTotal", "0");
		assert_string_equal(between, snapshot());
		undo(&desk);
		expect("/conflictsTotal", "0");
		assert_string_equal(before, snapshot());
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(all_kinds_go_back), TEST(others_are_kept),
	    TEST(destroyed), TEST(nothing_is_lost_by_it), TEST(who_may), TEST(at_random)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
