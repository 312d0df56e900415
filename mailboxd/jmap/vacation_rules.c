/*
 * vacation_rules.c - see vacation.h: which mail an absent user's answer is for (RFC 3834 2). Where
 * there is doubt there is none: an answer too many starts a loop, one too few costs nothing.
 */
#include "base/mem.h"
#include "mail/address.h"
#include "mail/addrlist.h"
#include "mail/header.h"
#include "mail/msgid.h"
#include "mail/rfc2047.h"
#include "mailboxd/jmap/vacation.h"

#define IDS_MAX 20u /* of References in the answer */

/* Of programs, by how such addresses are named (RFC 3834 2; RFC 2142, RFC 2919). */
static bool
is_program(struct str local)
{
	static const char *const whole[] = {"mailer-daemon", "listserv", "majordomo", "postmaster",
	    "noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "bounce", "bounces"};
	static const char *const ends[] = {"-request", "-owner", "-relay", "-bounces", "-noreply"};
	static const char *const starts[] = {"owner-", "bounce-", "bounces+", "noreply-", "srs0="};

	for (size_t i = 0; i < ARRAY_LEN(whole); i++)
		if (str_ieq_z(local, whole[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(starts); i++)
		if (str_istarts(local, str_z(starts[i])))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		size_t n = strlen(ends[i]);

		if (local.n > n && str_ieq_z(str_from(local, local.n - n), ends[i]))
			return true;
	}
	return false;
}

/* The first word of a value, comments aside. */
static bool
begins_with(struct str value, const char *word)
{
	size_t n = strlen(word);

	value = str_trim(value);
	return str_istarts(value, str_z(word)) &&
	       (value.n == n || strchr(" \t;(\r\n", value.p[n]) != NULL);
}

/* RFC 3834 2, 5.2; RFC 2919, RFC 2369; what others have before them. */
static const char *
automatic(struct str header)
{
	struct str rest = header;
	struct header_field f;

	while (header_next(&rest, &f)) {
		if (str_ieq_z(f.name, "Auto-Submitted") && !begins_with(f.value, "no"))
			return "auto-submitted";
		if (str_istarts(f.name, STR("List-")) || str_ieq_z(f.name, "Mailing-List"))
			return "a list";
		if (str_ieq_z(f.name, "Precedence") &&
		    (begins_with(f.value, "bulk") || begins_with(f.value, "list") ||
			begins_with(f.value, "junk")))
			return "bulk";
		if (str_ieq_z(f.name, "X-Auto-Response-Suppress") && !begins_with(f.value, "none"))
			return "it asks for none";
		if (str_ieq_z(f.name, "X-Autoreply") || str_ieq_z(f.name, "X-Autorespond") ||
		    str_ieq_z(f.name, "X-Auto-Reply-From"))
			return "auto-submitted";
		if (str_ieq_z(f.name, "Content-Type") && begins_with(f.value, "multipart/report"))
			return "a report";
	}
	return NULL;
}

/* The address of the user that the message names as a recipient (RFC 3834 2: others are answered
 * for by nobody). */
static struct str
own_recipient(
    struct str header, bool (*is_own)(void *arg, struct str address), void *arg, struct arena *a)
{
	static const char *const names[] = {"To", "Cc", "Resent-To", "Resent-Cc"};
	struct addrlist list;
	struct header_field f;
	struct str rest, path;

	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		for (rest = header; header_next(&rest, &f);) {
			if (!str_ieq_z(f.name, names[k]))
				continue;
			addrlist_parse(f.value, a, &list);
			for (size_t i = 0; i < list.n; i++) {
				if (list.v[i].host.p == NULL)
					continue;
				path = jmap_path(list.v[i].mailbox, list.v[i].host, a);
				if (path.n > 0 && is_own(arg, path))
					return path;
			}
		}
	return STR_NONE;
}

/* RFC 5322 3.6.4: what the message refers to, and then itself. */
static void
take_ids(struct str header, struct arena *a, struct vacation_answer *out)
{
	struct msgid_list ids, refs;
	struct buf b;

	msgid_parse(header_value(header, STR("Message-ID")), a, &ids);
	if (ids.n == 0 || ids.v[0].n > 500)
		return;
	out->id = ids.v[0];
	msgid_parse(header_value(header, STR("References")), a, &refs);
	if (refs.n == 0)
		msgid_parse(header_value(header, STR("In-Reply-To")), a, &refs);
	buf_init(&b, 20000);
	for (size_t i = refs.n > IDS_MAX ? refs.n - IDS_MAX : 0; i < refs.n; i++)
		if (refs.v[i].n <= 500)
			buf_printf(&b, "<" STR_FMT "> ", STR_ARG(refs.v[i]));
	buf_printf(&b, "<" STR_FMT ">", STR_ARG(out->id));
	out->references = arena_dup(a, buf_view(&b));
	buf_free(&b);
}

const char *
vacation_judge(struct str header, bool (*is_own)(void *arg, struct str address), void *arg,
    struct arena *a, struct vacation_answer *out)
{
	struct str path = str_trim(header_value(header, STR("Return-Path")));
	struct address sender;
	struct buf subject;
	const char *why;

	*out = (struct vacation_answer){.to = STR("")};
	if (path.n == 0 || address_path(&path, ADDRESS_UTF8 | ADDRESS_NULL, a, &sender, NULL) < 0 ||
	    sender.text.n == 0)
		return "no return path";
	if (is_program(sender.local))
		return "of a program";
	if (is_own(arg, sender.text))
		return "of the user";
	if ((why = automatic(header)) != NULL)
		return why;
	out->to = sender.text;
	out->from = own_recipient(header, is_own, arg, a);
	if (out->from.n == 0)
		return "the user is no recipient it names";
	take_ids(header, a, out);
	buf_init(&subject, 4000);
	rfc2047_decode(str_sub(header_value(header, STR("Subject")), 0, 900), &subject);
	out->subject = arena_dup(a, str_trim(buf_view(&subject)));
	buf_free(&subject);
	return NULL;
}
