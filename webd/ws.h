/*
 * ws.h - what our WebSockets have in common: how frames are written, when who says nothing is
 * asked, and how it ends.
 */
#pragma once

#include "webd/exchange.h"

/* A client that says nothing for so long is asked whether it is there. */
#define WS_PING_MS    45000u
#define WS_GOODBYE_MS 5000u /* to answer a close */
#define WS_IN_MAX     (256u << 10)

/* RFC 6455 7.4.1 and its registry. */
#define WS_CLOSE_AWAY     1001u
#define WS_CLOSE_DENIED   1008u
#define WS_CLOSE_RESTART  1012u
#define WS_CLOSE_TRY_SOON 1013u

/* opcode: WS_FRAME_… (ws_frame.h). */
void ws_put_frame(struct exchange *x, bool fin, unsigned opcode, struct str s);
void ws_put_close(struct exchange *x, unsigned code, const char *why);
