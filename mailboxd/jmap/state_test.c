/*
 * state_test.c - tests of the session object (RFC 8620 2), of states and of who hears of them (RFC
 * 8620 7.1), and of patches (RFC 8620 5.3).
 */
#include "mailboxd/jmap/jmap_test_in.h"
#include "store/object.h"

#define MAIL "Subject: s\r\n\r\ntext\r\n"

/* ---- the session object ---- */

static void
test_session(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 65536);
	jmap_session_object(jmap, STR("https://mail.example.test:8443"), &b);
	cJSON_Delete(answer);
	answer = cJSON_Parse(b.p);
	assert_non_null(answer);
	expect("/username", "\"alice@example.test\"");
	expect("/accounts/*/name", "\"alice@example.test\"");
	expect("/accounts/*/isPersonal", "true");
	expect("/accounts/*/isReadOnly", "false");
	assert_non_null(json_get(at(answer, "/accounts"), jmap->account));
	assert_true(jmap->account[0] == 'a' && jmap_id_valid(str_z(jmap->account)));
	expect("/primaryAccounts",
	    "{\"" JMAP_MAIL "\":\"$A\",\"" JMAP_SUBMISSION "\":\"$A\",\"" JMAP_VACATION
	    "\":\"$A\",\"" JMAP_PREFERENCES "\":\"$A\",\"" JMAP_APPROVAL "\":\"$A\",\"" JMAP_AGENTS
	    "\":\"$A\",\"" JMAP_TRACE "\":\"$A\"}");
	assert_true(str_starts(str_at("/apiUrl"), STR("https://mail.example.test:8443/jmap/")));
	for (const char *const *w =
		 (const char *const[]){"{accountId}", "{blobId}", "{type}", "{name}", NULL};
	     *w != NULL; w++)
		assert_true(str_find(str_at("/downloadUrl"), str_z(*w)) < str_at("/downloadUrl").n);
	assert_true(str_find(str_at("/uploadUrl"), STR("{accountId}")) < str_at("/uploadUrl").n);
	for (const char *const *w =
		 (const char *const[]){"{types}", "{closeafter}", "{ping}", NULL};
	     *w != NULL; w++)
		assert_true(
		    str_find(str_at("/eventSourceUrl"), str_z(*w)) < str_at("/eventSourceUrl").n);
	/* Names of capabilities have a '/' nowhere but in pointers. */
	const cJSON *core = json_get(at(answer, "/capabilities"), JMAP_CORE);

	for (const char *const *w = (const char *const[]){"maxSizeUpload", "maxConcurrentUpload",
		 "maxSizeRequest", "maxConcurrentRequests", "maxCallsInRequest", "maxObjectsInGet",
		 "maxObjectsInSet", NULL};
	     *w != NULL; w++)
		assert_true(cJSON_IsNumber(json_get(core, *w)));
	assert_true(cJSON_IsArray(json_get(core, "collationAlgorithms")));
	assert_true(str_starts(
	    json_str(json_get(json_get(at(answer, "/capabilities"), JMAP_WEBSOCKET), "url")),
	    STR("wss://mail.example.test:8443/")));
	/* Each response says the same state. */
	struct str s = str_at("/state");

	ask("{\"using\":[],\"methodCalls\":[]}");
	assert_true(str_eq(s, str_at("/sessionState")));
	buf_free(&b);
}

/* ---- telling ---- */

struct told {
	struct jmap_watch w;
	unsigned n;
	struct str text, push;
	struct jmap_watch *ends; /* another one that it ends */
};

static void
on_told(void *arg, struct str state_change, struct str push)
{
	struct told *t = arg;

	t->n++;
	t->text = arena_dup(&scratch, state_change);
	t->push = arena_dup(&scratch, push);
	if (t->ends != NULL)
		jmap_unwatch(jmap, t->ends);
	t->ends = NULL;
}

static void
watch(struct told *t, uint32_t types, struct str since)
{
	*t = (struct told){.w = {.changed = on_told, .arg = t, .types = types}};
	jmap_watch(jmap, &t->w, since);
}

static void
turns(void)
{
	for (unsigned i = 0; i < 3; i++)
		loop_once(1);
}

/* Are these types told, and no others? */
static void
told(const struct told *t, const char *names)
{
	cJSON *v = cJSON_ParseWithLength(t->text.p, t->text.n);
	struct str all = STR("");
	const cJSON *m;

	assert_non_null(v);
	assert_true(str_eq_z(json_str(json_get(v, "@type")), "StateChange"));
	cJSON_ArrayForEach(m, json_get(json_get(v, "changed"), jmap->account)) all =
	    arena_printf(&scratch, STR_FMT "%s ", STR_ARG(all), m->string);
	if (!str_eq_z(all, names))
		fail_msg("wanted: %s\ngot: " STR_FMT, names, STR_ARG(all));
	cJSON_Delete(v);
}

#define ALL_TYPES ((1u << JMAP_TYPES) - 1)

static void
test_watch(void **state)
{
	struct told all, mailboxes;
	struct str push;
	struct mailbox *mb;
	uint32_t object = 0;

	(void)state;
	watch(&all, ALL_TYPES, STR(""));
	watch(&mailboxes, 1u << JMAP_MAILBOX, STR(""));
	turns();
	assert_int_equal(all.n, 0);
	append("INBOX", MAIL, 0);
	append("INBOX", MAIL, 0);
	turns();
	/* Once a turn. */
	assert_int_equal(all.n, 1);
	told(&all, "Mailbox Thread Email ");
	told(&mailboxes, "Mailbox ");
	push = all.push;
	assert_int_equal(home_create(home, STR("x"), &by_test, &mb, &err), 0);
	turns();
	told(&all, "Mailbox ");
	assert_int_equal(object_put(home, OBJECT_VACATION, &object, STR("{}"), &by_test, &err), 0);
	turns();
	told(&all, "VacationResponse ");
	assert_int_equal(mailboxes.n, 2);
	/* Who comes back is told what was since then. */
	jmap_unwatch(jmap, &all.w);
	watch(&all, ALL_TYPES, push);
	turns();
	told(&all, "Mailbox VacationResponse ");
	jmap_unwatch(jmap, &all.w);
	watch(&all, ALL_TYPES, all.push);
	turns();
	assert_int_equal(all.n, 0);
	jmap_unwatch(jmap, &all.w);
	/* From a place that is none, all is told. */
	watch(&all, ALL_TYPES, STR("no"));
	turns();
	assert_int_equal(all.n, 1);
	/* One ends the other while it is told. */
	all.ends = &mailboxes.w;
	mailboxes.ends = &all.w;
	append("INBOX", MAIL, 0);
	turns();
	jmap_unwatch(jmap, all.ends != NULL ? &all.w : &mailboxes.w);
}

/* RFC 8621 1.5 */
static void
test_email_delivery(void **state)
{
	static const char file[] = "Maildir/new/1700000000.01234567890123456789.host.test,S=20";
	struct told t;
	int fd;

	(void)state;
	watch(&t, 1u << JMAP_EMAIL_DELIVERY, STR(""));
	append("INBOX", MAIL, 0);
	turns();
	assert_int_equal(t.n, 0);
	assert_true((fd = open(file, O_CREAT | O_WRONLY, 0440)) >= 0);
	assert_int_equal(write(fd, MAIL, strlen(MAIL)), 20);
	close(fd);
	home_delivered(home);
	turns();
	assert_int_equal(t.n, 1);
	told(&t, "EmailDelivery ");
	jmap_unwatch(jmap, &t.w);
}

/* ---- patches ---- */

static void
patched(const char *object, const char *patch, const char *want)
{
	cJSON *o = cJSON_Parse(object), *p = cJSON_Parse(patch), *got = json_patched(o, p, &err),
	      *w = want != NULL ? cJSON_Parse(want) : NULL;

	assert_int_equal(got != NULL, w != NULL);
	assert_true(w == NULL || cJSON_Compare(got, w, true));
	cJSON_Delete(o);
	cJSON_Delete(p);
	cJSON_Delete(got);
	cJSON_Delete(w);
}

static void
test_patch(void **state)
{
	struct buf b;

	(void)state;
	patched("{\"a\":1}", "{}", "{\"a\":1}");
	patched("{\"a\":1}", "{\"a\":2,\"b\":3}", "{\"a\":2,\"b\":3}");
	patched("{\"a\":{\"x\":1,\"y\":2}}", "{\"a/x\":null,\"a/z\":{\"q\":1}}",
	    "{\"a\":{\"y\":2,\"z\":{\"q\":1}}}");
	patched(
	    "{\"a\":{\"x/y\":1,\"~\":2}}", "{\"a/x~1y\":3,\"a/~0\":null}", "{\"a\":{\"x/y\":3}}");
	patched("{\"a\":{}}", "{\"a/no\":null}", "{\"a\":{}}");
	patched("{\"a\":1}", "{\"a\":null}", "{}");
	patched("{\"a\":{}}", "{\"a/\":1}", "{\"a\":{\"\":1}}");
	/* RFC 8620 5.3: invalidPatch */
	patched("{\"a\":1}", "{\"b/c\":1}", NULL);
	patched("{\"a\":1}", "{\"a/c\":1}", NULL);
	patched("{\"a\":[1]}", "{\"a/0\":2}", NULL);
	patched("{\"a\":{\"b\":{}}}", "{\"a\":{},\"a/b\":1}", NULL);
	patched("{\"a\":{\"b\":{}}}", "{\"a/b/c\":1,\"a/b\":1}", NULL);
	patched("{\"a\":{\"b\":{}}}", "{\"a/b\":1,\"a!\":1}", "{\"a\":{\"b\":1},\"a!\":1}");
	patched("{\"a\":{}}", "{\"a/~2\":1}", NULL);
	patched("{\"a\":{}}", "{\"a/~\":1}", NULL);
	/* Absurd ones cost little. */
	buf_init(&b, SIZE_MAX / 2);
	buf_puts(&b, "{\"a");
	for (unsigned i = 0; i < 1000000; i++)
		buf_puts(&b, "/a");
	buf_puts(&b, "\":1}");
	patched("{\"a\":{}}", b.p, NULL);
	buf_reset(&b);
	buf_puts(&b, "{\"a/0\":1");
	for (unsigned i = 1; i < 100000; i++)
		buf_printf(&b, ",\"a/%u\":1", i);
	buf_puts(&b, "}");
	patched("{\"a\":{}}", b.p, NULL);
	buf_free(&b);
}

static void
test_print(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	json_print_str(str_of("a\0\xff\"\\\n\x01\xc3\xa9\xed\xa0\x80", 12), &b);
	assert_string_equal(b.p, "\"a\xef\xbf\xbd\xef\xbf\xbd\\\"\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd"
				 "\xef\xbf\xbd\xef\xbf\xbd\"");
	buf_reset(&b);
	/* RFC 7493 2.1: U+FFFF, U+FDD0, U+1FFFE; but U+FFFC, U+FDF0 and U+1F600. */
	json_print_str(STR("a\xef\xbf\xbf\xef\xb7\x90\xf0\x9f\xbf\xbe"
			   "b\xef\xbf\xbc\xef\xb7\xb0\xf0\x9f\x98\x80"),
	    &b);
	assert_int_equal(json_check(buf_view(&b), SIZE_MAX, NULL), 0);
	assert_string_equal(b.p, "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
				 "b\xef\xbf\xbc\xef\xb7\xb0\xf0\x9f\x98\x80\"");
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_session, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_watch, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_email_delivery, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_patch, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_print, setup, teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
