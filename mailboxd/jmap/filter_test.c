/* Unit tests of filter.c and filter_match.c: filters against a naive evaluator, with the index
 * empty, half made and whole; what is refused. */
#include "mailboxd/jmap/jmap_test_in.h"

#include "mail/charset.h"
#include "mailboxd/jmap/filter.h"
#include "mailboxd/jmap/indexing.h"
#include "mailboxd/jmap/model.h"

#define EMAILS 120u

/* ---- a home of generated mail ---- */

static uint64_t seed;

static unsigned
below(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static const char *const people[] = {"Ann Example <ann@example.test>", "Bob <bob@example.test>",
    "=?utf-8?q?J=C3=B6rg?= <joerg@other.test>", "carol@other.test"};
static const char *const terms[] = {"invoice", "meeting", "caf\xc3\xa9", "\xe6\x9d\xb1\xe4\xba\xac",
    "holiday", "report", "Stra\xc3\x9f\x65", "plan"};
static const char *const keywords[] = {"$seen", "$flagged", "project", "$answered"};
static const uint32_t flags[] = {FLAG_SEEN, FLAG_FLAGGED, 0, FLAG_ANSWERED};
static const char *const boxes[] = {"INBOX", "Archive", "Sent"};

/* What is known of each message without reading it. */
static struct fact {
	uint64_t number, thread;
	uint32_t keywords; /* bits of keywords[] */
	unsigned boxes;    /* bits of boxes[] */
	int64_t date;
	size_t size;
	bool attachment;
	char text[TEXT_FIELDS][400];
	char list[32]; /* List-Id */
} facts[EMAILS];

static void
words_of(char *to, size_t size, unsigned n)
{
	to[0] = '\0';
	while (n-- > 0)
		(void)snprintf(to + strlen(to), size - strlen(to), "%s%s",
		    terms[below(ARRAY_LEN(terms))], n > 0 ? " " : "");
}

static void
decoded(char *to, const char *person)
{
	(void)snprintf(to, 400, "%s",
	    strncmp(person, "=?", 2) == 0 ? "J\xc3\xb6rg <joerg@other.test>" : person);
}

static struct str
compose(unsigned i, struct fact *f)
{
	const char *from = people[below(4)], *to = people[below(4)];
	const char *cc = below(3) == 0 ? people[below(4)] : NULL;
	struct str head, body;

	words_of(f->text[TEXT_SUBJECT], 400, 1 + below(3));
	words_of(f->text[TEXT_BODY], 400, below(12));
	decoded(f->text[TEXT_FROM], from);
	decoded(f->text[TEXT_TO], to);
	if (cc != NULL)
		decoded(f->text[TEXT_CC], cc);
	f->attachment = below(4) == 0;
	if (f->attachment)
		(void)snprintf(f->text[TEXT_FILES], 400, "plan-%u.pdf", i);
	if (below(3) == 0)
		(void)snprintf(f->list, sizeof f->list, "<list%u.example.test>", below(3));
	head = arena_printf(&scratch,
	    "Message-ID: <%u@x>\r\nFrom: %s\r\nTo: %s\r\n%s%s%sSubject: %s\r\n%s%s%s", i, from, to,
	    cc ? "Cc: " : "", cc ? cc : "", cc ? "\r\n" : "", f->text[TEXT_SUBJECT],
	    f->list[0] ? "List-Id: " : "", f->list, f->list[0] ? "\r\n" : "");
	body = arena_printf(
	    &scratch, "Content-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n", f->text[TEXT_BODY]);
	if (!f->attachment)
		return arena_printf(&scratch, STR_FMT STR_FMT, STR_ARG(head), STR_ARG(body));
	return arena_printf(&scratch,
	    STR_FMT "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" STR_FMT
		    "\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; "
		    "filename=\"plan-%u.pdf\"\r\n\r\nx\r\n--b--\r\n",
	    STR_ARG(head), STR_ARG(body), i);
}

static void
deliver(unsigned i)
{
	struct fact *f = &facts[i];
	struct mailbox *mb = box(boxes[below(3)]);
	struct flag_set set = {0};
	struct str project = STR("project"), m = compose(i, f);
	struct append *ap = append_new(home, m.n, &err);
	uint32_t uid;

	f->keywords = below(16);
	for (unsigned k = 0; k < ARRAY_LEN(flags); k++)
		set.flags |= f->keywords >> k & 1 ? flags[k] : 0;
	if (f->keywords & 4)
		set = (struct flag_set){.flags = set.flags, .keywords = &project, .nkeywords = 1};
	f->date = 1700000000 + (int64_t)i * 3600;
	f->size = m.n;
	assert_non_null(ap);
	assert_int_equal(append_write(ap, m, &err), 0);
	assert_int_equal(append_finish(&ap, mb, &set, f->date, &by_test, &uid, &err), 0);
	f->number = mailbox_get(mb, uid)->email;
	for (unsigned b = 0; b < 3; b++)
		if (mb == box(boxes[b]))
			f->boxes = 1u << b;
	/* Copies are the same email in another mailbox. */
	if (below(5) == 0) {
		struct mailbox *to = box(boxes[(unsigned)__builtin_ctz(f->boxes) == 0 ? 1 : 0]);
		struct copy_result result;

		assert_int_equal(
		    mailbox_copy(mb, &uid, 1, to, &by_test, &scratch, &result, &err), 0);
		f->boxes |= to == box("INBOX") ? 1 : 2;
	}
	assert_int_equal(mailbox_thread(mb, uid, &f->thread, &err), 0);
}

/* ---- a naive evaluator ---- */

static bool
keyword_of(const struct fact *f, const char *keyword)
{
	for (unsigned k = 0; k < ARRAY_LEN(keywords); k++)
		if (strcmp(keywords[k], keyword) == 0)
			return f->keywords >> k & 1;
	return false;
}

static bool
typed_in(const char *typed, const char *const *texts, size_t n)
{
	struct phrases p;
	uint64_t found = 0;

	assert_int_equal(phrases_init(&p, str_z(typed), &scratch), 0);
	for (size_t i = 0; i < n; i++)
		phrases_look(&p, str_z(texts[i]), &found);
	return phrases_found(&p, found);
}

static bool
thread_has(const struct fact *f, const char *keyword, bool all)
{
	for (unsigned i = 0; i < EMAILS; i++)
		if (facts[i].thread == f->thread && facts[i].number != 0 &&
		    keyword_of(&facts[i], keyword) != all)
			return !all;
	return all;
}

static unsigned
box_bit(const char *id)
{
	for (unsigned b = 0; b < 3; b++)
		if (box(boxes[b])->id == (uint32_t)atoi_of(str_z(id + 1)))
			return 1u << b;
	return 0;
}

static bool holds(const cJSON *v, const struct fact *f);

static bool
condition_holds(const cJSON *m, const struct fact *f)
{
	static const char *const names[] = {"from", "to", "cc", "bcc", "subject", "body"};
	const char *n = m->string, *s = m->valuestring, *texts[TEXT_FIELDS];

	for (unsigned i = 0; i < TEXT_FIELDS; i++)
		texts[i] = f->text[i];
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(n, names[i]) == 0)
			return typed_in(s, texts + i, 1);
	if (strcmp(n, "text") == 0)
		return typed_in(s, texts, TEXT_FIELDS);
	if (strcmp(n, "inMailbox") == 0)
		return f->boxes & box_bit(s);
	if (strcmp(n, "inMailboxOtherThan") == 0) {
		unsigned others = 7;

		for (const cJSON *b = m->child; b != NULL; b = b->next)
			others &= ~box_bit(b->valuestring);
		return f->boxes & others;
	}
	if (strcmp(n, "minSize") == 0)
		return (double)f->size >= m->valuedouble;
	if (strcmp(n, "maxSize") == 0)
		return (double)f->size < m->valuedouble;
	if (strcmp(n, "before") == 0)
		return f->date < 1700000000 + 50 * 3600;
	if (strcmp(n, "after") == 0)
		return f->date >= 1700000000 + 50 * 3600;
	if (strcmp(n, "hasKeyword") == 0)
		return keyword_of(f, s);
	if (strcmp(n, "notKeyword") == 0)
		return !keyword_of(f, s);
	if (strcmp(n, "allInThreadHaveKeyword") == 0)
		return thread_has(f, s, true);
	if (strcmp(n, "someInThreadHaveKeyword") == 0)
		return thread_has(f, s, false);
	if (strcmp(n, "noneInThreadHaveKeyword") == 0)
		return !thread_has(f, s, false);
	if (strcmp(n, "hasAttachment") == 0)
		return f->attachment == cJSON_IsTrue(m);
	if (strcmp(n, "header") == 0 && f->list[0] != '\0') {
		const char *list = f->list;

		return m->child->next == NULL || typed_in(m->child->next->valuestring, &list, 1);
	}
	return false;
}

static bool
holds(const cJSON *v, const struct fact *f)
{
	struct str op = json_str(json_get(v, "operator"));
	const cJSON *m;

	if (op.p == NULL) {
		cJSON_ArrayForEach(m, v)
		{
			if (!condition_holds(m, f))
				return false;
		}
		return true;
	}
	cJSON_ArrayForEach(m, json_get(v, "conditions"))
	{
		if (holds(m, f) != str_eq(op, STR("AND")))
			return str_eq(op, STR("OR"));
	}
	return !str_eq(op, STR("OR"));
}

/* ---- filters made at random ---- */

static void
random_condition(struct buf *out)
{
	static const char *const texts[] = {"text", "from", "to", "cc", "bcc", "subject", "body"};
	static const char *const typed[] = {"invoice", "meet", "caf\xc3\xa9", "cafe",
	    "\xe4\xba\xac", "\\\"invoice meeting\\\"", "ann", "bob@example", "j\xc3\xb6rg",
	    "STRASSE plan", "rep", "example.test", "pdf", "xyz", "\xe6\x9d\xb1\xe4\xba\xac hol"};
	static const char *const key[] = {"hasKeyword", "notKeyword", "allInThreadHaveKeyword",
	    "someInThreadHaveKeyword", "noneInThreadHaveKeyword"};

	switch (below(8)) {
	case 0:
		buf_printf(out, "\"inMailbox\":\"m%u\"", box(boxes[below(3)])->id);
		return;
	case 1:
		buf_printf(out, "\"inMailboxOtherThan\":[\"m%u\"]", box(boxes[below(3)])->id);
		return;
	case 2:
		buf_printf(out, "\"%s\":%u", below(2) ? "minSize" : "maxSize", 150 + below(200));
		return;
	case 3:
		/* 1700000000 + 50 h */
		buf_printf(out, "\"%s\":\"2023-11-17T00:13:20Z\"", below(2) ? "before" : "after");
		return;
	case 4:
		buf_printf(out, "\"%s\":\"%s\"", key[below(5)], keywords[below(4)]);
		return;
	case 5:
		if (below(2))
			buf_printf(out, "\"hasAttachment\":%s", below(2) ? "true" : "false");
		else
			buf_printf(out, "\"header\":[\"list-ID\"%s]", below(2) ? "" : ",\"list1\"");
		return;
	default:
		buf_printf(out, "\"%s\":\"%s\"", texts[below(ARRAY_LEN(texts))],
		    typed[below(ARRAY_LEN(typed))]);
		return;
	}
}

static void
random_filter(struct buf *out, unsigned depth)
{
	static const char *const ops[] = {"AND", "OR", "NOT"};

	if (depth == 0 || below(3) == 0) {
		buf_putc(out, '{');
		random_condition(out);
		buf_putc(out, '}');
		return;
	}
	buf_printf(out, "{\"operator\":\"%s\",\"conditions\":[", ops[below(3)]);
	for (unsigned i = below(4); i > 0; i--) {
		random_filter(out, depth - 1);
		buf_puts(out, i > 1 ? "," : "");
	}
	buf_puts(out, "]}");
}

/* ---- tests ---- */

static struct jmap_call test_call;

static struct jmap_filter *
parse(struct str json)
{
	cJSON *v = cJSON_ParseWithLength(json.p, json.n);
	struct jmap_filter *f = NULL;

	assert_non_null(v);
	test_call = (struct jmap_call){.jmap = jmap, .home = home};
	arena_init(&test_call.arena);
	if (jmap_filter_parse(&test_call, v, &f) < 0)
		f = NULL;
	answer = v; /* freed by the next, or by teardown */
	return f;
}

static void
done(void)
{
	arena_free(&test_call.arena);
	cJSON_Delete(answer);
	answer = NULL;
}

static unsigned
compare(unsigned filters)
{
	struct buf json;
	unsigned yes = 0;

	buf_init(&json, 1u << 20);
	for (unsigned q = 0; q < filters; q++) {
		struct jmap_filter *f;
		int rc = 0;

		buf_reset(&json);
		seed = q * 7 + 1;
		random_filter(&json, below(4));
		assert_non_null(f = parse(buf_view(&json)));
		assert_int_equal(jmap_filter_ready(f, &err), 0);
		while (jmap_filter_needs_threads(f) && rc == 0)
			rc = jmap_model_thread_all(jmap->model, 100000, &err);
		for (unsigned i = 0; i < EMAILS; i++) {
			const struct jmap_email *em = jmap_model_find(jmap->model, facts[i].number);

			if (em == NULL)
				continue;
			rc = jmap_filter_match(f, em, &err);
			if (rc != holds(answer, &facts[i]))
				fail_msg("%s: %d for %u", json.p, rc, i);
			yes += rc == 1;
		}
		done();
	}
	buf_free(&json);
	return yes;
}

static void
index_all(void)
{
	for (unsigned i = 0; i < 10000 && !jmap_indexing_is_done(jmap); i++)
		loop_once(20);
	assert_true(jmap_indexing_is_done(jmap));
}

static void
test_as_naive(void **state)
{
	(void)state;
	memset(facts, 0, sizeof facts);
	seed = 4;
	for (unsigned i = 0; i < EMAILS / 2; i++)
		deliver(i);
	/* Nothing is indexed. */
	assert_true(compare(150) > 1000);
	index_all();
	assert_int_equal(search_count(jmap_indexing_search(jmap)), EMAILS / 2);
	assert_true(compare(150) > 1000);
	/* Half is. */
	seed = 5;
	for (unsigned i = EMAILS / 2; i < EMAILS; i++)
		deliver(i);
	assert_true(compare(150) > 2000);
	index_all();
	assert_int_equal(search_count(jmap_indexing_search(jmap)), EMAILS);
	assert_true(compare(400) > 2000);
	/* And after all was closed; what was expunged meanwhile is dropped. */
	close_all();
	open_all();
	for (unsigned b = 0; b < 3; b++) {
		struct mailbox *mb = box(boxes[b]);
		struct flag_set set = {.flags = FLAG_DELETED};
		uint32_t uid;

		for (size_t i = 0; i < mb->n; i++)
			if (mb->messages[i].email == facts[3].number) {
				uid = mb->messages[i].uid;
				assert_int_equal(mailbox_store(mb, &uid, 1, STORE_ADD, &set,
						     UINT64_MAX, &by_test, NULL, NULL, &err),
				    0);
				assert_int_equal(mailbox_expunge(mb, &uid, 1, &by_test, &err), 0);
				break;
			}
	}
	facts[3].number = 0;
	assert_true(compare(100) > 500);
	index_all();
	assert_int_equal(search_count(jmap_indexing_search(jmap)), EMAILS - 1);
}

/* The index is damaged while it is in use: answers stay right, and it is made anew. */
static void
test_damaged_index(void **state)
{
	int fd;

	(void)state;
	memset(facts, 0, sizeof facts);
	seed = 4;
	for (unsigned i = 0; i < EMAILS; i++)
		deliver(i);
	assert_true(compare(10) > 10);
	index_all();
	close_all();
	assert_true((fd = open("db/search.db", O_WRONLY)) >= 0);
	for (off_t at = 4096; at < 4096 * 8; at += 4096)
		assert_int_equal(pwrite(fd, "garbage garbage", 15, at), 15);
	close(fd);
	open_all();
	assert_true(compare(150) > 1000);
	index_all();
	assert_true(compare(150) > 1000);
	assert_int_equal(search_count(jmap_indexing_search(jmap)), EMAILS);
}

static const char *
refused(const char *json)
{
	static char error[64];
	struct jmap_filter *f = parse(str_z(json));

	(void)snprintf(error, sizeof error, "%s", f == NULL ? test_call.error : "");
	done();
	return error;
}

static void
test_refused(void **state)
{
	static const char *const invalid[] = {"{\"inMailbox\":1}",
	    "{\"inMailboxOtherThan\":\"m1\"}", "{\"inMailboxOtherThan\":[1]}",
	    "{\"before\":\"2020\"}", "{\"before\":\"2020-01-01T00:00:00+01:00\"}", "{\"after\":1}",
	    "{\"minSize\":-1}", "{\"maxSize\":1.5}", "{\"hasKeyword\":null}",
	    "{\"hasAttachment\":\"true\"}", "{\"text\":[]}", "{\"header\":\"x\"}",
	    "{\"header\":[]}", "{\"header\":[\"a\",\"b\",\"c\"]}",
	    "{\"operator\":\"XOR\",\"conditions\":[]}", "{\"operator\":\"AND\"}",
	    "{\"operator\":\"AND\",\"conditions\":[1]}"};
	struct buf json;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(invalid); i++)
		assert_string_equal(refused(invalid[i]), "invalidArguments");
	assert_string_equal(refused("{\"nosuch\":1}"), "unsupportedFilter");
	assert_string_equal(refused("{\"text\":\"a\",\"other\":1}"), "unsupportedFilter");
	assert_string_equal(refused("{}"), "");
	assert_string_equal(refused("{\"operator\":\"NOT\",\"conditions\":[]}"), "");
	buf_init(&json, 1u << 20);
	for (unsigned i = 0; i < JMAP_FILTER_DEPTH; i++)
		buf_puts(&json, "{\"operator\":\"AND\",\"conditions\":[");
	buf_puts(&json, "{}");
	for (unsigned i = 0; i < JMAP_FILTER_DEPTH; i++)
		buf_puts(&json, "]}");
	assert_string_equal(refused(json.p), "");
	buf_reset(&json);
	buf_puts(&json, "{\"operator\":\"AND\",\"conditions\":[{}");
	for (unsigned i = 0; i < JMAP_FILTER_TERMS; i++)
		buf_puts(&json, ",{}");
	buf_puts(&json, "]}");
	assert_string_equal(refused(json.p), "unsupportedFilter");
	buf_reset(&json);
	buf_puts(&json, "{\"operator\":\"AND\",\"conditions\":[{\"text\":\"x\"}");
	for (unsigned i = 0; i < JMAP_FILTER_TEXTS; i++)
		buf_puts(&json, ",{\"text\":\"x\"}");
	buf_puts(&json, "]}");
	assert_string_equal(refused(json.p), "unsupportedFilter");
	buf_reset(&json);
	buf_puts(&json, "{\"text\":\"");
	for (unsigned i = 0; i <= PHRASES_MAX; i++)
		buf_puts(&json, "x ");
	buf_puts(&json, "\"}");
	assert_string_equal(refused(json.p), "unsupportedFilter");
	buf_free(&json);
}

/* Users of IMAP alone have no index. */
static void
test_no_index_without_jmap(void **state)
{
	(void)state;
	memset(facts, 0, sizeof facts);
	seed = 1;
	deliver(0);
	close_all();
	assert_int_equal(access("db/search.db", F_OK), -1);
	open_all();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(test_as_naive), TEST(test_damaged_index), TEST(test_refused),
	    TEST(test_no_index_without_jmap)};

	charset_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
