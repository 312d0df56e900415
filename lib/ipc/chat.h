/*
 * chat.h - the socket that AID_OPEN passes, between gk-webd (the page's WebSocket) and gk-aid.
 *
 * A frame (ipc/frames.h) CHAT_TEXT is one message of the page or for it, JSON in UTF-8, as it goes
 * through the WebSocket. One for the page that is longer than a frame comes in several: CHAT_PART
 * is not yet its end, a CHAT_TEXT is. What messages there are stands in aid/chat.h; gk-webd looks
 * into none.
 * Where the socket just ends, the page may come back to its conversation; behind CHAT_GONE, from
 * gk-webd and empty, it may not: the browser's session is over.
 */
#pragma once

#define CHAT_TEXT    1u
#define CHAT_GONE    2u
#define CHAT_PART    3u
#define CHAT_IN_MAX  (32u << 10)  /* octets of a message of the page */
#define CHAT_OUT_MAX (480u << 10) /* of one for it */
