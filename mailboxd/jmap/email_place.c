/*
 * email_place.c - see email_set.h: mailboxIds, keywords and receivedAt of an Email (RFC
 * 8621 4.1.1), and a message that comes to stand there.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/date.h"
#include "mailboxd/jmap/blob.h"
#include "mailboxd/jmap/email_set.h"
#include "mailboxd/jmap/mailbox.h"

/* ---- reading ---- */

static int
read_mailboxes(struct jmap_call *c, struct jmap_item *it, const cJSON *v, struct jmap_standing *out)
{
	const cJSON *m;

	if (!cJSON_IsObject(v) || v->child == NULL) {
		(void)jmap_item_invalid(
		    it, "mailboxIds", "an email stands in one mailbox at least");
		return -1;
	}
	if (cJSON_GetArraySize(v) > (int)JMAP_EMAIL_PLACES) {
		(void)jmap_item_fail(it, "tooManyMailboxes", "more than %u", JMAP_EMAIL_PLACES);
		return -1;
	}
	cJSON_ArrayForEach(m, v)
	{
		struct mailbox *mb = jmap_mailbox_of(c, json_name(m));

		if (!cJSON_IsTrue(m) || mb == NULL) {
			(void)jmap_item_invalid(
			    it, "mailboxIds", "%s", mb == NULL ? "no such mailbox" : "not true");
			return -1;
		}
		for (size_t i = 0; i < out->nboxes; i++)
			if (out->boxes[i] == mb)
				mb = NULL;
		if (mb != NULL)
			out->boxes[out->nboxes++] = mb;
	}
	return 0;
}

/* RFC 8621 4.1.1: what an IMAP flag-keyword may be (RFC 9051 9), and no flag of IMAP's own. */
static bool
is_keyword(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 32 || s.p[i] == 127 || strchr("(){]%*\"\\", s.p[i]) != NULL)
			return false;
	return s.n > 0 && s.n <= KEYWORD_MAX_LEN && str_is_ascii(s);
}

static int
read_keywords(struct jmap_call *c, struct jmap_item *it, const cJSON *v, struct jmap_standing *out)
{
	const cJSON *m;
	uint32_t flag;

	if (v == NULL)
		return 0;
	if (!cJSON_IsObject(v)) {
		(void)jmap_item_invalid(it, "keywords", "no map");
		return -1;
	}
	cJSON_ArrayForEach(m, v)
	{
		struct str word = json_name(m);

		if (!cJSON_IsTrue(m) || !is_keyword(word)) {
			(void)jmap_item_invalid(it, "keywords", "no keyword, or not true");
			return -1;
		}
		if ((flag = jmap_flag_of_keyword(word)) != 0) {
			out->set.flags |= flag;
			continue;
		}
		if (out->set.nkeywords == JMAP_KEYWORDS) {
			(void)jmap_item_fail(it, "tooManyKeywords", "more than %u", JMAP_KEYWORDS);
			return -1;
		}
		word = arena_dup(&c->arena, word);
		str_lower(word, (char *)word.p);
		out->keywords[out->set.nkeywords++] = word;
	}
	out->set.keywords = out->keywords;
	return 0;
}

int
jmap_standing_read(
    struct jmap_call *c, struct jmap_item *it, const cJSON *v, struct jmap_standing *out)
{
	const cJSON *received = json_member(v, "receivedAt");

	*out = (struct jmap_standing){.received = clock_wall()};
	if (received != NULL && date_utc_parse(json_str(received), &out->received) < 0) {
		(void)jmap_item_invalid(it, "receivedAt", "no UTCDate");
		return -1;
	}
	if (read_mailboxes(c, it, json_get(v, "mailboxIds"), out) < 0)
		return -1;
	return read_keywords(c, it, json_member(v, "keywords"), out);
}

/* ---- putting it there ---- */

/* RFC 8621 4.6, 4.8: what a client cannot know. */
static int
tell(struct jmap_call *c, struct jmap_item *it, uint64_t size, struct err *e)
{
	struct jmap_model *model = jmap_emails(c->jmap, e);
	const struct jmap_email *em = model != NULL ? jmap_model_find(model, it->id) : NULL;
	char blob[JMAP_BLOB_EMAIL_SIZE], thread[EMAIL_TEXT_SIZE];
	struct jmap_thread *t;

	if (model == NULL)
		return -1;
	if (em == NULL)
		return err_set(e, E_INTERNAL, "an email that was made is not there");
	if (jmap_model_thread(model, em, &t, e) < 0)
		return -1;
	json_put_str(it->out, "blobId", str_z(jmap_blob_of_email(it->id, blob)));
	json_put_str(it->out, "threadId", str_z(email_text(t->number, THREAD_LETTER, thread)));
	json_put_num(it->out, "size", (int64_t)size);
	return 0;
}

enum jmap_step
jmap_email_put(struct jmap_call *c, struct jmap_item *it, const struct jmap_standing *s,
    uint64_t size, int (*write)(void *arg, struct append *ap, struct err *e), void *arg)
{
	struct append *ap;
	struct mailbox *first = s->boxes[0];
	struct copy_result copied;
	uint32_t uid = 0;
	struct err e = {0};
	int rc = -1;

	ap = append_new(c->home, size, &e);
	if (ap == NULL || write(arg, ap, &e) < 0 ||
	    append_finish(&ap, first, &s->set, s->received, c->by, &uid, &e) < 0)
		goto out;
	it->id = mailbox_get(first, uid)->email;
	for (size_t i = 1; i < s->nboxes; i++)
		if (mailbox_copy(first, &uid, 1, s->boxes[i], c->by, &c->arena, &copied, &e) < 0)
			goto out;
	rc = tell(c, it, size, &e);
out:
	append_free(&ap);
	return rc < 0 ? jmap_item_err(c, it, &e) : JMAP_DONE;
}
