/*
 * connected.c - connect(2) for libcurl, which calls it (7.88 does, Debian 12's) though it was told
 * that the socket is connected already (CURL_SOCKOPT_ALREADY_CONNECTED).
 *
 * A program's own function comes before the one of libc for the libraries it is linked with, too.
 * In gk-aid connect(2) is EPERM (svc/sandbox.c) and nothing but libcurl calls it: here it says how
 * things stand.
 */
#include <errno.h>
#include <sys/socket.h>

int
connect(int fd, const struct sockaddr *address, socklen_t size)
{
	struct sockaddr_storage peer;
	socklen_t n = sizeof(peer);

	(void)address, (void)size;
	if (getpeername(fd, (struct sockaddr *)&peer, &n) == 0)
		return 0;
	errno = EPERM;
	return -1;
}
