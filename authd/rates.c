/*
 * rates.c - see rates.h.
 */
#include "authd/rates.h"

#include "authd/notes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "svc/metrics.h"

#define HOUR 3600
#define DAY  86400

static struct rates_rule of_user, of_domain;

void
rates_configure(const struct rates_rule *user, const struct rates_rule *domain)
{
	of_user = *user;
	of_domain = *domain;
}

struct window {
	enum note_kind kind;
	const char *whose, *period;
	struct str about;
	uint64_t messages, recipients; /* at most; 0: any number */
	int64_t lasts;
};

/* The note of a window, of zeros when a new window begins. NULL: nothing is limited. */
static struct note *
note_of(const struct window *w)
{
	struct note_key k;

	if (w->messages == 0 && w->recipients == 0)
		return NULL;
	k = notes_key(w->kind, &w->about, 1);
	return notes_get(w->kind, &k);
}

static enum rcpt_verdict
look(const struct window *w, bool first)
{
	const struct note *x = note_of(w);

	if (x == NULL)
		return RCPT_OK;
	if (first && w->messages > 0 && x->a >= w->messages)
		return RCPT_MESSAGES;
	return w->recipients > 0 && x->b >= w->recipients ? RCPT_RECIPIENTS : RCPT_OK;
}

static void
take(const struct window *w, bool first)
{
	struct note *x = note_of(w);

	if (x == NULL)
		return;
	x->a += first;
	x->b++;
	notes_set(x, x->until != 0 ? x->until : clock_wall() + w->lasts);
}

static void
refuse(const struct window *w, struct str user, enum rcpt_verdict v, uint32_t *wait)
{
	const struct note *x = note_of(w);

	assume(x != NULL);
	*wait = (uint32_t)num_max(x->until - clock_wall(), 1);
	metric_add(METRIC_LIMIT_USERS, 1);
	log_info("limit.user", LS("user", user), LZ("of", w->whose), LZ("in", w->period),
	    LZ("what", v == RCPT_MESSAGES ? "messages" : "recipients"), LU("wait", *wait));
}

enum rcpt_verdict
rates_take(struct str user, struct str sender, bool first, uint32_t *wait)
{
	struct str whose = sender.n > 0 ? sender : user;
	struct str domain = str_from(whose, num_min(str_rchr(whose, '@') + 1, whose.n));
	const struct window windows[] = {
	    {NOTE_USER_HOUR, "user", "hour", user, of_user.messages_hour, of_user.recipients_hour,
		HOUR},
	    {NOTE_USER_DAY, "user", "day", user, of_user.messages_day, of_user.recipients_day, DAY},
	    {NOTE_DOMAIN_HOUR, "domain", "hour", domain, of_domain.messages_hour,
		of_domain.recipients_hour, HOUR},
	    {NOTE_DOMAIN_DAY, "domain", "day", domain, of_domain.messages_day,
		of_domain.recipients_day, DAY},
	};

	*wait = 0;
	for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
		enum rcpt_verdict v = look(&windows[i], first);

		if (v != RCPT_OK) {
			refuse(&windows[i], user, v, wait);
			return v;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(windows); i++)
		take(&windows[i], first);
	return RCPT_OK;
}
