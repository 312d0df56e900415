/*
 * assistant.h - the page's WebSocket to the assistant (its route is in routes.h).
 */
#pragma once

/* For main.c. */
void assistant_init(void);
