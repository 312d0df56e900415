/*
 * rates.c - see rates.h.
 */
#include "authd/rates.h"

#include "authd/notes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/address.h"
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
	struct note_key key;
	uint64_t messages, recipients; /* at most; 0: any number */
	int64_t lasts;
};

static bool
is_limited(const struct window *w)
{
	return w->messages > 0 || w->recipients > 0;
}

/* until: when the window ends, where it is full. */
static enum rcpt_verdict
look(const struct window *w, bool first, int64_t *until)
{
	const struct note *x = notes_find(w->kind, &w->key);

	if (x == NULL)
		return RCPT_OK; /* a new window begins */
	*until = x->until;
	if (first && w->messages > 0 && x->a >= w->messages)
		return RCPT_MESSAGES;
	return w->recipients > 0 && x->b >= w->recipients ? RCPT_RECIPIENTS : RCPT_OK;
}

static void
take(const struct window *w, bool first)
{
	struct note *x = notes_get(w->kind, &w->key);

	x->a += first;
	x->b++;
	notes_set(x, x->until != 0 ? x->until : clock_wall() + w->lasts);
}

static void
refuse(const struct window *w, struct str user, enum rcpt_verdict v, int64_t until, uint32_t *wait)
{
	*wait = (uint32_t)num_max(until - clock_wall(), 1);
	metric_add(METRIC_LIMIT_USERS, 1);
	log_info("limit.user", LS("user", user), LZ("of", w->whose), LZ("in", w->period),
	    LZ("what", v == RCPT_MESSAGES ? "messages" : "recipients"), LU("wait", *wait));
}

enum rcpt_verdict
rates_take(struct str user, struct str sender, bool first, uint32_t *wait)
{
	struct str whose = sender.n > 0 ? sender : user;
	struct str domain = address_host(whose);
	const struct window windows[] = {
	    {NOTE_USER_HOUR, "user", "hour", notes_key(NOTE_USER_HOUR, &user, 1),
		of_user.messages_hour, of_user.recipients_hour, HOUR},
	    {NOTE_USER_DAY, "user", "day", notes_key(NOTE_USER_DAY, &user, 1), of_user.messages_day,
		of_user.recipients_day, DAY},
	    {NOTE_DOMAIN_HOUR, "domain", "hour", notes_key(NOTE_DOMAIN_HOUR, &domain, 1),
		of_domain.messages_hour, of_domain.recipients_hour, HOUR},
	    {NOTE_DOMAIN_DAY, "domain", "day", notes_key(NOTE_DOMAIN_DAY, &domain, 1),
		of_domain.messages_day, of_domain.recipients_day, DAY},
	};
	int64_t until = 0;

	*wait = 0;
	for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
		enum rcpt_verdict v = look(&windows[i], first, &until);

		if (v != RCPT_OK) {
			refuse(&windows[i], user, v, until, wait);
			return v;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(windows); i++)
		if (is_limited(&windows[i]))
			take(&windows[i], first);
	return RCPT_OK;
}
