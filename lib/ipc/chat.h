/*
 * chat.h - the socket that AID_OPEN passes, between gk-webd (the page's WebSocket) and gk-aid.
 *
 * Frames (ipc/frames.h) of one kind: each is one message of the page or for it, JSON in UTF-8, as
 * it goes through the WebSocket. What messages there are stands in aid/chat.h; gk-webd looks into
 * none. Either side closes the socket to end the chat.
 */
#pragma once

#define CHAT_TEXT   1u
#define CHAT_IN_MAX (32u << 10) /* octets of a message of the page; one for it has FRAMES_MAX */
