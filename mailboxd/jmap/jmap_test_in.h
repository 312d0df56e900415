/*
 * jmap_test_in.h - what the tests of JMAP share: a home in a directory of its own, and requests run
 * in it without any process.
 *
 *	set up with setup/teardown; then
 *	ask("{\"using\":…}")            a whole Request; the text of the Response, problem in
 * `status` call("Mailbox/get", "{…}")      one method call; the object of its response ("error"
 * too).
 *	                                "$A" in the text is the account; accountId is added
 *	expect(…, "path", "json")       what stands at a JSON pointer of the last answer
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/loop.h"
#include "mailboxd/jmap/request.h"
#include "mailboxd/jmap/row.h"
#include "store/mailbox.h"

static struct home *home;
static struct jmap *jmap;
static struct err err;
static struct arena scratch;
static char test_dir[64];
static unsigned status;  /* of the last answer */
static struct buf text;  /* of it */
static cJSON *answer;    /* parsed; of call(): the result */
static const char *name; /* of call(): of the response, "error" for one */
static unsigned changes; /* calls of host.changed */

/* Texts of other kinds are IMAP's. */
static inline void
render(void *arg, enum cache_kind kind, struct str octets, struct buf *out)
{
	(void)arg;
	if (kind == CACHE_EMAIL)
		jmap_row_write(octets, out);
	else
		(void)buf_printf(out, "%d:%zu", kind, octets.n);
}

static const struct home_options home_o = {.host = STR_INIT("host.test"), .render = render};
static const struct change_by by_test = {.actor = STR_INIT("imap"), .sid = STR_INIT("s1")};

static inline void
on_changed(void *arg)
{
	(void)arg;
	changes++;
}

static inline void
open_all(void)
{
	struct jmap_host host = {.user = STR_INIT("alice@example.test"), .changed = on_changed};

	home = home_open(&home_o, &err);
	if (home == NULL)
		print_message("home_open: %s\n", err.text);
	assert_non_null(home);
	host.home = home;
	jmap = jmap_new(&host);
}

static inline void
close_all(void)
{
	jmap_free(&jmap);
	home_close(&home);
}

static inline int
setup(void **state)
{
	(void)state;
	(void)snprintf(test_dir, sizeof test_dir, "/tmp/gk-jmap-XXXXXX");
	if (loop_init(&err) < 0 || mkdtemp(test_dir) == NULL || chdir(test_dir) < 0 ||
	    mkdir("Maildir", 0700) < 0 || mkdir("Maildir/cur", 0700) < 0 ||
	    mkdir("Maildir/new", 0700) < 0 || mkdir("Maildir/tmp", 0700) < 0 ||
	    mkdir("db", 0700) < 0)
		return -1;
	arena_init(&scratch);
	buf_init(&text, SIZE_MAX / 2);
	changes = 0;
	open_all();
	return 0;
}

static inline int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline int
teardown(void **state)
{
	(void)state;
	close_all();
	cJSON_Delete(answer);
	answer = NULL;
	buf_free(&text);
	arena_free(&scratch);
	return chdir("/") < 0 ? -1 : nftw(test_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- mail ---- */

static inline struct mailbox *
box(const char *mailbox)
{
	struct mailbox *mb = home_find(home, str_z(mailbox));

	assert_non_null(mb);
	assert_int_equal(mailbox_load(mb, &err), 0);
	return mb;
}

static inline uint32_t
append(const char *mailbox, const char *message, uint32_t flags)
{
	struct append *ap = append_new(home, strlen(message), &err);
	const struct flag_set set = {.flags = flags};
	uint32_t uid = 0;

	assert_non_null(ap);
	assert_int_equal(append_write(ap, str_z(message), &err), 0);
	assert_int_equal(
	    append_finish(&ap, box(mailbox), &set, 1700000000, &by_test, &uid, &err), 0);
	return uid;
}

/* ---- requests ---- */

static inline void
on_done(void *arg, unsigned st, struct str json)
{
	bool *done = arg;

	status = st;
	buf_reset(&text);
	buf_str(&text, json);
	*done = true;
}

/* Who asks; NULL: the user. */
static const struct jmap_agent *agent;

static inline const char *
ask_n(struct str request)
{
	const struct jmap_from from = {
	    .sid = STR_INIT("s9"), .peer = STR_INIT("192.0.2.1"), .agent = agent};
	bool done = false;
	struct jmap_request *r = jmap_request_new(jmap, &from, request, on_done, &done);

	assert_false(done);
	for (unsigned i = 0; i < 100000 && !done; i++)
		loop_once(1);
	assert_true(done);
	jmap_request_free(&r);
	cJSON_Delete(answer);
	answer = cJSON_ParseWithLength(text.p, text.n);
	assert_non_null(answer);
	assert_int_equal(json_check(buf_view(&text), SIZE_MAX, &err), 0);
	return text.p;
}

/* "$A" becomes the account. */
static inline struct str
with_account(const char *z)
{
	struct str in = str_z(z);
	struct buf b;
	struct str out;

	buf_init(&b, SIZE_MAX / 2);
	while (in.n > 0) {
		size_t at = str_find(in, STR("$A"));

		buf_put(&b, in.p, at);
		if (at < in.n)
			buf_puts(&b, jmap->account);
		in = str_from(in, at < in.n ? at + 2 : at);
	}
	out = arena_dup(&scratch, buf_view(&b));
	buf_free(&b);
	return out;
}

static inline const char *
ask(const char *request)
{
	return ask_n(with_account(request));
}

#define USING                                                                                     \
	"\"using\":[\"" JMAP_CORE "\",\"" JMAP_MAIL "\",\"" JMAP_SUBMISSION "\",\"" JMAP_VACATION \
	"\",\"" JMAP_PREFERENCES "\",\"" JMAP_APPROVAL "\",\"" JMAP_AGENTS "\",\"" JMAP_TRACE     \
	"\"]"

/* Several calls: the inside of methodCalls. `answer` is the Response. */
static inline const char *
calls(const char *inside)
{
	struct str t = arena_printf(&scratch, "{" USING ",\"methodCalls\":[%s]}", inside);

	ask(t.p);
	if (status != 200)
		fail_msg("status %u: %s", status, text.p);
	return text.p;
}

/* One call: its result becomes `answer`. */
static inline cJSON *
call(const char *method, const char *args)
{
	struct str more = str_z(args);
	struct str t = arena_printf(&scratch, "[\"%s\",{\"accountId\":\"$A\"%s%s,\"c\"]", method,
	    more.n > 2 ? "," : "", args + 1);
	cJSON *responses, *first, *result;

	calls(t.p);
	responses = cJSON_GetObjectItemCaseSensitive(answer, "methodResponses");
	first = cJSON_GetArrayItem(responses, 0);
	name = arena_dupz(&scratch, json_str(first->child));
	result = cJSON_DetachItemFromArray(first, 1);
	cJSON_Delete(answer);
	answer = result;
	return answer;
}

/* ---- looking ---- */

static inline int
atoi_of(struct str s)
{
	uint64_t n = 0;

	assert_int_equal(num_parse(s, 0, INT32_MAX, &n), 0);
	return (int)n;
}

/* What a JSON pointer leads to, "*" for the only member of an object; NULL: nothing. */
static inline const cJSON *
at(const cJSON *v, const char *pointer)
{
	struct str path = str_z(pointer), head;
	bool more = path.n > 0;

	if (more)
		path = str_from(path, 1);
	while (more && v != NULL) {
		more = str_cut(&path, '/', &head);
		if (str_eq_z(head, "*"))
			v = v->child;
		else if (cJSON_IsArray(v))
			v = cJSON_GetArrayItem(v, atoi_of(head));
		else
			v = json_get(v, arena_dupz(&scratch, head));
	}
	return v;
}

/* Compares what stands at a pointer of `answer` with a JSON text; "" wants nothing there. */
static inline void
expect_at(const char *file, int line, const char *pointer, const char *want)
{
	const cJSON *v = at(answer, pointer);
	struct str wanted = with_account(want);
	cJSON *w = wanted.n > 0 ? cJSON_ParseWithLength(wanted.p, wanted.n) : NULL;
	struct buf got;

	buf_init(&got, SIZE_MAX / 2);
	if (v != NULL)
		json_print(v, &got);
	if (wanted.n > 0 && w == NULL)
		fail_msg("%s:%d: no JSON: %s", file, line, want);
	if ((v == NULL) != (w == NULL) || (v != NULL && !cJSON_Compare(v, w, true)))
		fail_msg("%s:%d: %s\nwanted: %s\ngot: %s\nin: %s", file, line, pointer, want,
		    got.n ? got.p : "nothing", text.p);
	cJSON_Delete(w);
	buf_free(&got);
}

#define expect(pointer, want) expect_at(__FILE__, __LINE__, (pointer), (want))

static inline struct str
str_at(const char *pointer)
{
	return arena_dup(&scratch, json_str(at(answer, pointer)));
}
