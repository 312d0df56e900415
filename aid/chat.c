/* chat.c - see chat.h. */
#include "aid/chat.h"

#include <unistd.h>

void
chat_open(struct ipc_chan *c, struct ipc_in *m)
{
	struct err e;
	int fd;

	for (int i = 0; i < 4; i++)
		(void)ipc_get_str(m);
	fd = ipc_take_fd(m);
	if (ipc_end(m) == 0) {
		(void)err_set(&e, E_TEMP, "the assistant takes no conversations yet");
		ipc_reply_error(c, m->id, &e);
	}
	if (fd >= 0)
		close(fd);
}

void
chat_drain(void (*done)(void))
{
	done();
}
