/*
 * rates.h - how much a user, and all users of a domain, may send in an hour and in a day, by
 * whatever way.
 *
 * An hour and a day begin with the first message in them. What was sent is kept in notes (notes.h),
 * so that a restart forgets a few seconds at most.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "ipc/msg.h"

/* 0: any number. */
struct rates_rule {
	uint64_t messages_hour, messages_day, recipients_hour, recipients_day;
};

void rates_configure(const struct rates_rule *user, const struct rates_rule *domain);
/* One more recipient; first: of one more message. sender: the address of MAIL, whose domain counts,
 * or empty: the user's own. RCPT_OK and counted, or RCPT_MESSAGES or RCPT_RECIPIENTS and the
 * seconds to wait. */
enum rcpt_verdict rates_take(struct str user, struct str sender, bool first, uint32_t *wait);
