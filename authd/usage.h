/*
 * usage.h - writes usage back to accounts.db now and then: after a crash it is a few seconds old,
 * and the owners of mailboxes correct it.
 */
#pragma once

#include <stdbool.h>

#define USAGE_SAVE_MS 10000u
#define USAGE_BATCH   1000u

void usage_init(void);
void usage_done(void);
/* Hands what changed to the writer; true when nothing is left to hand over. */
bool usage_save(void);
