/*
 * web_calls.h - what gk-webd, and gkmail, ask about sessions of the web (SESSION_…, WEB_…,
 * USER_SESSIONS… in msg.h). A token is all that gk-webd has to show: it can act for nobody who is
 * not logged in there.
 */
#pragma once

#include "ipc/ipc.h"

/* False when the message is none of these. */
bool web_calls(struct ipc_chan *c, struct ipc_in *m);
/* The channel goes away: nobody is answered on it. */
void web_calls_gone(struct ipc_chan *c);
