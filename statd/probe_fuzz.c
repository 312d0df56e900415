/*
 * probe_fuzz.c - what the other end of a try says: the first octet is the protocol and whether the
 * server hangs up in the end, each 0xff after it ends a piece. Told is once, and what is good
 * begins as the protocol says.
 */
#include "statd/scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned told;
static bool good;

static void
on_told(void *arg, const char *why)
{
	(void)arg;
	told++;
	good = why == NULL;
	assume(good || why[0] != '\0');
}

static void
give(int fd, struct str piece)
{
	if (piece.n > 0)
		(void)!send(fd, piece.p, piece.n, MSG_NOSIGNAL);
	loop_once(0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const begins[] = {"220", "* OK", "HTTP/1."};
	struct str rest, piece;
	struct buf said;
	int fd[2];

	if (size < 1)
		return 0;
	if (scene.conf == NULL)
		scene_up("[server]\nhost_name = \"mail.test\"\n");
	assume(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
	told = 0;
	good = false;
	buf_init(&said, size);
	probe_start(fd[0], (enum probe_kind)(data[0] % 3), false, true, on_told, NULL);
	rest = str_of((const char *)data + 1, size - 1);
	while (str_cut(&rest, (char)0xff, &piece)) {
		buf_str(&said, piece);
		give(fd[1], piece);
	}
	buf_str(&said, piece);
	give(fd[1], piece);
	if (data[0] & 4)
		shutdown(fd[1], SHUT_WR);
	for (int i = 0; i < 3; i++)
		loop_once(0);
	close(fd[1]);
	for (int i = 0; i < 3; i++)
		loop_once(0);
	assume(told == 1);
	assume(!good || str_starts(buf_view(&said), str_z(begins[data[0] % 3])));
	buf_free(&said);
	/* Whatever is left ends by its time. */
	clock_advance(15000);
	loop_once(0);
	return 0;
}
