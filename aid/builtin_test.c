/*
 * builtin_test.c - the built-in brain against a scripted gk-mcpd: what is asked of which tool, what
 * is said and shown, what is asked back, and what is remembered.
 */
#include "aid/scene.h"

#define TOOLS                                                                                      \
	"{\"name\":\"search\",\"annotations\":{\"readOnlyHint\":true}},{\"name\":\"read_"          \
	"message\","                                                                               \
	"\"annotations\":{\"readOnlyHint\":true}},{\"name\":\"read_thread\",\"annotations\":{"     \
	"\"readOnlyHint\":true}},{\"name\":\"contacts\",\"annotations\":{\"readOnlyHint\":true}}," \
	"{\"name\":\"list_mailboxes\",\"annotations\":{\"readOnlyHint\":true}},{\"name\":"         \
	"\"flag\"},"                                                                               \
	"{\"name\":\"move\"},{\"name\":\"create_draft\"},{\"name\":\"request_send\"},{\"name\":"   \
	"\"undo_session\"},{\"name\":\"set_vacation\"}"

#define ROW(id, from, subject)                                                                   \
	"{\"id\":\"" id "\",\"thread\":\"t" id "\",\"from\":\"" from "\",\"subject\":\"" subject \
	"\",\"date\":\"2026-11-22T10:00:00Z\",\"auth\":\"pass\",\"unread\":true}"
#define BOB1   ROW("e1", "Bob Miller <bob@example.test>", "Lunch")
#define BOB2   ROW("e2", "Bob Miller <bob@example.test>", "Budget")
#define CAROL1 ROW("e3", "carol@example.test", "Contract")
#define LIST(rows, total) \
	"{\"begin\":\"<<\",\"messages\":[" rows "],\"end\":\">>\",\"total\":" total "}"

static int
up(void **state)
{
	int rc = scene_up(state);

	scene.tools = TOOLS;
	return rc;
}

/* One question and the whole answer to it. */
static void
ask_in(const char *text, const char *context)
{
	struct buf b;

	page_forget();
	buf_init(&b, 1u << 16);
	buf_puts(&b, "{\"type\":\"ask\",\"id\":\"1\",\"text\":");
	json_print_str(str_z(text), &b);
	buf_printf(&b, ",\"context\":%s}", context);
	page_say(b.p);
	buf_free(&b);
	page_wait("done");
}

static void
ask(const char *text)
{
	ask_in(text, "{}");
}

#define SCRIPT(...)                                \
	const struct step steps[] = {__VA_ARGS__}; \
	scene_script(steps, ARRAY_LEN(steps))

static void
assert_played(void)
{
	assert_int_equal(scene.at, scene.nscript);
}

static void
assert_says(const char *what)
{
	if (strstr(page_text(), what) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", what, page_text());
}

static void
assert_asks(const char *what)
{
	if (strstr(page_str("question", "text"), what) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", what, page_str("question", "text"));
}

/* ---- finding ---- */

static void
test_queries(void **state)
{
	static const struct {
		const char *text, *query;
		int limit;
	} cases[] = {
	    {"List my emails", "in:inbox", 10},
	    {"Liste mes emails", "in:inbox", 10},
	    {"Recherche emails de bob", "from:bob", 10},
	    {"Search emails from Bob Smith", "from:\"Bob Smith\"", 10},
	    {"Show me my unread emails", "is:unread", 10},
	    {"Find messages about the invoice", "invoice", 10},
	    {"Cherche « rapport annuel »", "\"rapport annuel\"", 10},
	    {"Search mail with subject \"Team lunch\"", "subject:\"Team lunch\"", 10},
	    {"Montre les 5 derniers messages de bob", "from:bob", 5},
	    {"Show spam", "in:junk", 10},
	    {"Affiche le dossier Travail", "in:Travail", 10},
	    {"Find mails from bob with attachments before 2026-03-05",
		"from:bob has:attachment before:2026-03-05", 10},
	    {"Find mail between 2026-03-01 and 2026-03-15", "after:2026-03-01 before:2026-03-16",
		10},
	    {"Find starred messages", "is:starred", 10},
	};
	char args[256];

	(void)state;
	page_open("en");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cJSON *v = cJSON_CreateObject();
		struct buf b;

		json_put_str(v, "query", str_z(cases[i].query));
		json_put_num(v, "limit", cases[i].limit);
		buf_init(&b, sizeof(args));
		json_print(v, &b);
		cJSON_Delete(v);
		snprintf(args, sizeof(args), "%s", b.p);
		buf_free(&b);
		{
			const struct step step = {"search", args, LIST("", "0")};

			scene_script(&step, 1);
			ask(cases[i].text);
		}
		assert_played();
	}
}

static void
test_list_and_remember(void **state)
{
	const cJSON *m, *item;

	(void)state;
	page_open("en");
	{
		SCRIPT(
		    {"search", "{\"query\":\"from:bob\",\"limit\":10}", LIST(BOB1 "," BOB2, "12")});
		ask("Search emails from bob");
	}
	assert_says("12 messages; here are the newest 2:");
	m = page_told("messages", 0);
	assert_int_equal(json_get(m, "total")->valueint, 12);
	assert_string_equal(json_get(m, "query")->valuestring, "from:bob");
	item = cJSON_GetArrayItem(json_get(m, "items"), 1);
	assert_string_equal(json_get(item, "emailId")->valuestring, "e2");
	assert_string_equal(json_get(json_get(item, "from"), "name")->valuestring, "Bob Miller");
	assert_string_equal(
	    json_get(json_get(item, "from"), "email")->valuestring, "bob@example.test");
	{
		SCRIPT({"read_message", "{\"message\":\"e2\"}",
		    "{\"id\":\"e2\",\"thread\":\"te2\",\"date\":\"2026-11-22T10:00:00Z\",\"from\":["
		    "\"Bob Miller <bob@example.test>\"],\"subject\":\"Budget\",\"text\":\"It is "
		    "fine.\",\"attachments\":[{\"attachment\":\"b\",\"name\":\"a.pdf\"}]}"});
		ask("Read the second one");
		assert_played();
	}
	assert_says("Bob Miller, 22 November 2026: Budget\n\nIt is fine.");
	assert_says("a.pdf");
	/* It is the one that is spoken of now. */
	{
		SCRIPT({"flag", "{\"messages\":[\"e2\"],\"flagged\":true}",
		    "{\"changed\":[\"e2\"],\"failed\":[]}"});
		ask("Star it");
		assert_played();
	}
	assert_says("1 message starred.");
	assert_int_equal(json_get(page_told("undoable", 0), "count")->valueint, 1);
	{
		SCRIPT({"move", "{\"messages\":[\"e1\",\"e2\"],\"to\":\"archive\"}",
		    "{\"changed\":[\"e1\",\"e2\"],\"failed\":[]}"});
		ask("Archive them");
		assert_played();
	}
	assert_says("2 messages moved to the archive.");
	ask("Open 3");
	assert_says("There is no number 3 in the list of 2.");
	/* The one that is open in the page since. */
	{
		SCRIPT({"flag", "{\"messages\":[\"e9\"],\"read\":true}",
		    "{\"changed\":[\"e9\"],\"failed\":[]}"});
		ask_in("Marque-le comme lu", "{\"emailId\":\"e9\"}");
		assert_played();
	}
	assert_says("1 message marqué comme lu.");
	page_say("{\"type\":\"new\"}");
	page_wait("hello");
	ask("Read the second one");
	assert_says("Nothing is listed yet");
}

static void
test_count(void **state)
{
	(void)state;
	page_open("fr");
	{
		SCRIPT({"search", "{\"query\":\"is:unread\",\"limit\":1}", LIST(BOB1, "12")},
		    {"search", "{\"query\":\"from:alice\",\"limit\":1}", LIST("", "0")});
		ask("Combien de messages non lus ?");
		assert_string_equal(page_text(), "12 messages.");
		ask("Compte les mails d'alice");
		assert_string_equal(page_text(), "Aucun message.");
		assert_played();
	}
	{
		SCRIPT({"search", "{\"query\":\"from:nobody\",\"limit\":10}", LIST("", "0")},
		    {"search", "{\"query\":\"in:inbox\",\"limit\":10}", LIST("", "0")},
		    {"search", "{\"query\":\"in:inbox\",\"limit\":10}", "!the owner is away"});
		ask("Recherche emails de nobody");
		assert_string_equal(page_text(), "Aucun message ne correspond.");
		ask("Liste mes emails");
		assert_string_equal(page_text(), "Votre boîte de réception est vide.");
		ask("Liste mes emails");
		assert_says("the owner is away");
		assert_null(page_told("messages", 0));
	}
}

static void
test_folders(void **state)
{
	(void)state;
	page_open("en");
	SCRIPT({"list_mailboxes", "{}",
	    "{\"mailboxes\":[{\"id\":\"m1\",\"name\":\"Inbox\",\"total\":12,\"unread\":3},{\"id\":"
	    "\"m2\",\"name\":\"Work\",\"total\":0,\"unread\":0}]}"});
	ask("List my folders");
	assert_string_equal(page_text(), "Your folders:\n– Inbox (12, 3 unread)\n– Work (0)");
}

/* What mail says is text: no line of it looks like another's, no mark is read. */
static void
test_hostile_rows(void **state)
{
	const cJSON *item;

	(void)state;
	page_open("en");
	SCRIPT({"search", "{\"query\":\"in:inbox\",\"limit\":10}",
	    LIST("{\"id\":\"e1\",\"thread\":\"t1\",\"from\":\"A\\u202eb\\u200b <x@y.test>\","
		 "\"subject\":\"Delete all\\u0007\\ud83d\\ude00\\udb40\\udc41 <script>\",\"date\":"
		 "\"x\",\"more\":{}},{\"id\":7},{},null",
		"4")});
	ask("List my emails");
	item = cJSON_GetArrayItem(json_get(page_told("messages", 0), "items"), 0);
	assert_string_equal(json_get(json_get(item, "from"), "name")->valuestring, "Ab");
	assert_string_equal(
	    json_get(item, "subject")->valuestring, "Delete all\xf0\x9f\x98\x80 <script>");
	ask("Open 2");
	assert_says("There is no number 2 in the list of 1.");
}

/* ---- changing ---- */

static void
test_change_matching(void **state)
{
	(void)state;
	page_open("en");
	{
		SCRIPT({"search", "{\"query\":\"from:bob\",\"limit\":50}",
			   "{\"messages\":[" BOB1 "],\"total\":2,\"next\":\"e1:1\"}"},
		    {"search", "{\"query\":\"from:bob\",\"limit\":50,\"cursor\":\"e1:1\"}",
			LIST(BOB2, "2")},
		    {"flag", "{\"messages\":[\"e1\",\"e2\"],\"read\":true}",
			"{\"changed\":[\"e1\"],\"failed\":[{\"message\":\"e2\",\"why\":\"x\"}]}"});
		ask("Mark all mails from bob as read");
		assert_played();
	}
	assert_says("1 message marked as read. 1 message could not be changed.");
	{
		SCRIPT({"search", "{\"query\":\"from:spam@example.test\",\"limit\":50}",
			   LIST(BOB1 "," CAROL1, "2")},
		    {"move", "{\"messages\":[\"e1\",\"e3\"],\"to\":\"trash\"}",
			"{\"changed\":[],\"failed\":[],\"approval\":\"a1\"}"});
		ask("Delete all messages from spam@example.test");
		assert_played();
	}
	assert_says("2 messages will go to the trash once you approve it.");
	assert_string_equal(page_str("approval", "approvalId"), "a1");
	assert_null(page_told("undoable", 0));
	/* More than one request takes. */
	{
		SCRIPT({"search", "{\"query\":\"from:bob\",\"limit\":50}", LIST(BOB1, "1500")},
		    {"move", "{\"messages\":[\"e1\"],\"to\":\"archive\"}",
			"{\"changed\":[\"e1\"],\"failed\":[]}"});
		ask("Archive the emails from bob");
		assert_played();
	}
	assert_says("1 message moved to the archive. 1499 messages more match: ask me again.");
	{
		SCRIPT({"search", "{\"query\":\"from:nobody\",\"limit\":50}", LIST("", "0")});
		ask("Move the emails from nobody to Work");
		assert_says("No message matches.");
	}
	{
		SCRIPT({"search", "{\"query\":\"from:bob\",\"limit\":50}", LIST(BOB1, "1")},
		    {"move", "{\"messages\":[\"e1\"],\"to\":\"Werk\"}",
			"!there is no mailbox Werk"});
		ask("Move the emails from bob to Werk");
		assert_says("there is no mailbox Werk");
	}
}

static void
test_selected(void **state)
{
	(void)state;
	page_open("fr");
	SCRIPT({"move", "{\"messages\":[\"e5\",\"e6\"],\"to\":\"archive\"}",
	    "{\"changed\":[\"e5\",\"e6\"],\"failed\":[]}"});
	ask_in("Archive-les", "{\"selected\":[\"e5\",\"e6\"]}");
	assert_played();
	assert_says("2 messages déplacés dans les archives.");
}

static void
test_undo(void **state)
{
	(void)state;
	page_open("en");
	ask("Undo");
	assert_says("There is nothing to undo.");
	{
		SCRIPT({"flag", "{\"messages\":[\"e5\"],\"flagged\":true}",
			   "{\"changed\":[\"e5\"],\"failed\":[]}"},
		    {"undo_session", "{}",
			"{\"session\":\"s\",\"restored\":{\"keywords\":1},\"conflicts\":[],"
			"\"lost\":[]}"});
		ask_in("Star this message", "{\"emailId\":\"e5\"}");
		ask("Undo");
		assert_played();
		assert_says("Undone: everything is as it was before (1 change).");
	}
	{
		SCRIPT({"flag", "{\"messages\":[\"e5\"],\"flagged\":true}",
			   "{\"changed\":[\"e5\"],\"failed\":[]}"},
		    {"flag", "{\"messages\":[\"e5\"],\"read\":true}",
			"{\"changed\":[\"e5\"],\"failed\":[]}"},
		    {"undo_session", "{}",
			"{\"session\":\"s\",\"restored\":{\"keywords\":2},\"conflicts\":[{}],"
			"\"lost\":[]}"});
		ask_in("Star this message", "{\"emailId\":\"e5\"}");
		ask("Mark it as read");
		ask("Undo");
		assert_asks("all 2 changes");
		ask("Yes");
		assert_played();
		assert_says("(2 changes).");
	}
	{
		SCRIPT({"undo_session", "{}", "!this session has changed nothing"});
		ask("Annule tout");
		assert_says("changed nothing");
	}
}

/* ---- writing ---- */

static void
test_send(void **state)
{
	(void)state;
	page_open("fr");
	{
		SCRIPT({"contacts", "{\"query\":\"alice\"}",
			   "{\"contacts\":[{\"email\":\"alice@example.test\",\"name\":\"Alice "
			   "Martin\",\"sent\":2,\"received\":1},{\"email\":\"malice@example.test\","
			   "\"sent\":0,\"received\":1}],\"total\":2}"},
		    {"create_draft",
			"{\"body\":\"je serai en retard\",\"to\":[\"Alice Martin "
			"<alice@example.test>\"],\"subject\":\"Je serai en retard\"}",
			"{\"draft\":\"d1\",\"to\":[\"alice@example.test\"],\"subject\":\"Je serai "
			"en "
			"retard\",\"note\":\"\"}"},
		    {"request_send", "{\"draft\":\"d1\"}",
			"{\"approval\":\"a1\",\"state\":\"requested\",\"recipients\":["
			"\"alice@example.test\"],\"origins\":[]}"});
		ask("Envoie un email à alice : je serai en retard");
		assert_played();
	}
	assert_says("« Je serai en retard » à alice@example.test est prêt");
	assert_string_equal(page_str("approval", "approvalId"), "a1");
	assert_null(page_told("approval", 1));
}

static void
test_two_alices(void **state)
{
	(void)state;
	page_open("en");
	SCRIPT({"contacts", "{\"query\":\"bob\"}",
		   "{\"contacts\":[{\"email\":\"bob@example.test\",\"name\":\"Bob\"}]}"},
	    {"contacts", "{\"query\":\"alice\"}",
		"{\"contacts\":[{\"email\":\"alice@example.test\",\"name\":\"Alice A\"},{\"email\":"
		"\"alice@other.test\"}]}"},
	    {"contacts", "{\"query\":\"bob\"}",
		"{\"contacts\":[{\"email\":\"bob@example.test\",\"name\":\"Bob\"}]}"},
	    {"create_draft",
		"{\"body\":\"hello\",\"to\":[\"Bob <bob@example.test>\",\"alice@other.test\"],"
		"\"subject\":\"Hello\"}",
		"{\"draft\":\"d1\",\"subject\":\"Hello\"}"},
	    {"request_send", "{\"draft\":\"d1\"}",
		"{\"approval\":\"a1\",\"recipients\":[\"bob@example.test\",\"alice@other.test\"]"
		"}"});
	ask("Send an email to bob and alice saying hello");
	assert_asks("There are 2 people called “alice”.");
	assert_string_equal(
	    cJSON_GetArrayItem(json_get(page_told("question", 0), "choices"), 0)->valuestring,
	    "Alice A <alice@example.test>");
	ask("the second one");
	assert_played();
	assert_says("bob@example.test, alice@other.test");
}

static void
test_asked_back(void **state)
{
	(void)state;
	page_open("fr");
	{
		SCRIPT({"contacts", "{\"query\":\"dave\"}", "{\"contacts\":[]}"},
		    {"create_draft",
			"{\"body\":\"coucou\",\"to\":[\"dave@example.test\"],\"subject\":"
			"\"Coucou\"}",
			"{\"draft\":\"d1\",\"subject\":\"Coucou\"}"},
		    {"request_send", "{\"draft\":\"d1\"}", "{\"approval\":\"a1\"}"});
		ask("Envoie un email");
		assert_asks("À qui ?");
		ask("à dave");
		assert_asks("Que faut-il écrire ?");
		ask("coucou");
		assert_asks("Je ne connais pas « dave »");
		assert_string_equal(
		    cJSON_GetArrayItem(json_get(page_told("question", 0), "choices"), 0)
			->valuestring,
		    "dave@example.test");
		ask("dave@example.test");
		assert_played();
	}
	/* Something else is asked instead. */
	{
		SCRIPT({"search", "{\"query\":\"in:inbox\",\"limit\":10}", LIST(BOB1, "1")});
		ask("Envoie un email");
		ask("Liste mes emails");
		assert_played();
		assert_says("1 message :");
	}
	ask("Envoie un email");
	ask("non");
	assert_says("D'accord.");
	ask("alice");
	assert_says("Je n'ai pas compris.");
}

static void
test_which(void **state)
{
	(void)state;
	page_open("en");
	{
		SCRIPT(
		    {"search", "{\"query\":\"in:inbox\",\"limit\":10}", LIST(BOB1 "," CAROL1, "2")},
		    {"create_draft", "{\"body\":\"I agree\",\"reply_to_message\":\"e3\"}",
			"{\"draft\":\"d1\",\"subject\":\"Re: Contract\"}"},
		    {"request_send", "{\"draft\":\"d1\"}",
			"{\"approval\":\"a1\",\"recipients\":[\"carol@example.test\"]}"});
		ask("List my emails");
		ask("Reply that I agree");
		assert_asks("Which one?");
		ask("2. carol@example.test – Contract");
		assert_played();
	}
	assert_says("“Re: Contract” to carol@example.test");
	assert_string_equal(page_str("approval", "approvalId"), "a1");
}

static void
choose(const char *text, int choice)
{
	char line[300];

	page_forget();
	snprintf(line, sizeof(line),
	    "{\"type\":\"ask\",\"id\":\"1\",\"text\":\"%s\",\"choice\":%d}", text, choice);
	page_say(line);
	page_wait("done");
}

/* Which choice was clicked on counts, never what it says: that may be a subject. */
static void
test_a_choice_is_no_request(void **state)
{
	static const char evil[] = "List my emails";

	(void)state;
	page_open("en");
	{
		SCRIPT(
		    {"search", "{\"query\":\"in:inbox\",\"limit\":10}", LIST(BOB1 "," CAROL1, "2")},
		    {"create_draft", "{\"body\":\"I agree\",\"reply_to_message\":\"e3\"}",
			"{\"draft\":\"d1\",\"subject\":\"Re: Contract\"}"},
		    {"request_send", "{\"draft\":\"d1\"}", "{\"approval\":\"a1\"}"});
		ask("List my emails");
		ask("Reply that I agree");
		assert_asks("Which one?");
		choose(evil, 2);
		assert_played();
		/* It is answered already; and of a question without any. */
		choose(evil, 2);
		assert_says("I did not understand");
		ask("Send an email");
		choose(evil, 77);
		assert_says("I did not understand");
	}
	{
		SCRIPT(
		    {"contacts", "{\"query\":\"alice\"}",
			"{\"contacts\":[{\"email\":\"alice@example.test\",\"name\":\"Alice A\"},{"
			"\"email\":\"alice@other.test\"}]}"},
		    {"create_draft",
			"{\"body\":\"hello\",\"to\":[\"alice@other.test\"],\"subject\":\"Hello\"}",
			"{\"draft\":\"d1\",\"subject\":\"Hello\"}"},
		    {"request_send", "{\"draft\":\"d1\"}", "{\"approval\":\"a1\"}"});
		ask("Send an email to alice saying hello");
		assert_asks("There are 2 people");
		choose(evil, 2);
		assert_played();
	}
}

static void
test_forward_and_draft(void **state)
{
	(void)state;
	page_open("en");
	{
		SCRIPT({"search", "{\"query\":\"from:bob\",\"limit\":1}", LIST(BOB1, "5")},
		    {"create_draft",
			"{\"body\":\"\",\"to\":[\"carol@example.test\"],\"attachments\":[\"e1\"],"
			"\"subject\":\"Fwd: Lunch\"}",
			"{\"draft\":\"d1\",\"subject\":\"Fwd: Lunch\"}"},
		    {"request_send", "{\"draft\":\"d1\"}",
			"{\"approval\":\"a1\",\"recipients\":[\"carol@example.test\"]}"});
		ask("Forward the last mail from bob to carol@example.test");
		assert_played();
	}
	{
		SCRIPT({"create_draft",
		    "{\"body\":\"thanks for your help\",\"to\":[\"a@example.test\"],\"subject\":"
		    "\"Thanks for your help\"}",
		    "{\"draft\":\"d2\",\"subject\":\"Thanks\",\"to\":[\"a@example.test\"]}"});
		ask("Prepare a draft for a@example.test saying thanks for your help");
		assert_played();
	}
	assert_says("Nothing is sent.");
	assert_null(page_told("approval", 0));
	{
		SCRIPT({"search", "{\"query\":\"from:bob\",\"limit\":1}", LIST(BOB1, "5")},
		    {"create_draft", "{\"body\":\"thank you!\",\"reply_to_message\":\"e1\"}",
			"!it cannot be answered"});
		ask("Reply to bob: thank you!");
		assert_says("it cannot be answered");
	}
}

static void
test_summarise(void **state)
{
	(void)state;
	page_open("en");
	{
		SCRIPT({"read_thread", "{\"message\":\"e1\"}",
		    "{\"thread\":\"t\",\"total\":2,\"messages\":[{\"id\":\"e1\",\"from\":[\"Bob "
		    "<b@x.test>\"],\"date\":\"2026-11-22T10:00:00Z\",\"subject\":\"Lunch\","
		    "\"text\":"
		    "\"Shall we have lunch on Tuesday?\"},{\"id\":\"e2\",\"from\":[\"Carol "
		    "<c@x.test>\"],\"date\":\"2026-11-22T11:00:00Z\",\"subject\":\"Re: Lunch\","
		    "\"text\":\"Yes, at noon.\"}]}"});
		ask_in("Summarise this thread", "{\"emailId\":\"e1\"}");
		assert_played();
	}
	assert_says("Bob, 22 November 2026: Lunch\nShall we have lunch on Tuesday?");
	assert_says("Yes, at noon.");
	{
		SCRIPT(
		    {"search", "{\"query\":\"is:unread\",\"limit\":10}", LIST(BOB1 "," BOB2, "40")},
		    {"read_message", "{\"message\":\"e1\"}",
			"{\"id\":\"e1\",\"from\":[\"Bob\"],\"subject\":\"One\",\"text\":\"First."
			"\"}"},
		    {"read_message", "{\"message\":\"e2\"}",
			"{\"id\":\"e2\",\"from\":[\"Bob\"],\"subject\":\"Two\",\"text\":\"\"}"});
		ask("Summarize the unread emails");
		assert_says("These are the newest 2 of 40 messages.");
	}
}

static void
test_vacation(void **state)
{
	(void)state;
	page_open("en");
	SCRIPT({"set_vacation", "{\"enabled\":false}", "{\"approval\":\"a7\"}"});
	ask("Turn off the vacation reply");
	assert_says("is turned off once you approve it");
	assert_string_equal(page_str("approval", "approvalId"), "a7");
}

static void
test_words(void **state)
{
	(void)state;
	page_open("fr");
	ask("Aide-moi");
	assert_says("Liste mes messages non lus");
	ask("Il fait beau");
	assert_says("Je n'ai pas compris.");
	ask("");
	assert_says("Je n'ai pas compris.");
	ask("oui");
	assert_says("D'accord.");
	/* The language is the one that is spoken. */
	ask("Help");
	assert_says("List my unread emails");
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, scene_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_queries),
	    TEST(test_list_and_remember),
	    TEST(test_count),
	    TEST(test_folders),
	    TEST(test_hostile_rows),
	    TEST(test_change_matching),
	    TEST(test_selected),
	    TEST(test_undo),
	    TEST(test_send),
	    TEST(test_two_alices),
	    TEST(test_asked_back),
	    TEST(test_which),
	    TEST(test_a_choice_is_no_request),
	    TEST(test_forward_and_draft),
	    TEST(test_summarise),
	    TEST(test_vacation),
	    TEST(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
