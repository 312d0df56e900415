/*
 * mcpd.h - what the fronts of gk-mcpd share: how many clients there may be, and its end.
 */
#pragma once

#include <stdbool.h>

/* One more client? */
bool mcpd_room(void);
/* A client has gone: while draining, it may have been the last. */
void mcpd_settle(void);
