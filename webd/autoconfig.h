/*
 * autoconfig.h - what mail programs ask to set themselves up: Thunderbird's autoconfig, Outlook's
 * autodiscover, Apple's configuration profiles.
 */
#pragma once

#include "base/buf.h"
#include "svc/conf.h"
#include "webd/exchange.h"

/* What they are told of a server. Port 0: none of that kind. */
struct autoconfig {
	struct str host;
	unsigned imap, imaps, submission, submissions;
};

void autoconfig_of(const struct conf *c, struct autoconfig *out);
/* The address in Outlook's question (MS-OXDSCLI 2.2.3.1); STR_NONE: there is none. */
struct str autoconfig_asked(struct str xml);

void autoconfig_thunderbird(const struct autoconfig *a, struct str domain, struct buf *out);
void autoconfig_outlook(const struct autoconfig *a, struct str address, struct buf *out);
void autoconfig_apple(const struct autoconfig *a, struct str address, struct buf *out);
