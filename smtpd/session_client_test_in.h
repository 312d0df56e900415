/*
 * session_client_test_in.h - inside tests of sessions: the client's side of a socket pair.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "smtpd/answers.h"
#include "smtpd/session.h"
#include "smtpd/session_fakes.h"

static int client = -1;
static struct buf heard;

static inline void
turn(void)
{
	for (int i = 0; i < 12; i++) {
		char *room;
		ssize_t n;

		loop_once(0);
		if (!screen_waits)
			screen_ends();
		room = buf_room(&heard, 65536);
		n = client < 0 ? 0 : recv(client, room, 65536, MSG_DONTWAIT);
		if (n > 0)
			buf_added(&heard, (size_t)n);
	}
}

static inline void
say(struct str s)
{
	while (s.n > 0) {
		ssize_t n = send(client, s.p, s.n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			s = str_from(s, (size_t)n);
		turn();
	}
	turn();
}

/* The codes of the replies heard since last asked, as "250 354 …"; only last lines. */
static inline const char *
codes(void)
{
	static char out[4096];
	struct str s = buf_view(&heard), line;
	size_t n = 0;

	out[0] = '\0';
	while (str_cut(&s, '\n', &line))
		if (line.n > 3 && line.p[3] == ' ' && n + 5 < sizeof(out))
			n += (size_t)snprintf(
			    out + n, sizeof(out) - n, n ? " %.3s" : "%.3s", line.p);
	buf_reset(&heard);
	return out;
}
