/*
 * packet.h - messages as packets on a SOCK_SEQPACKET socket. Private to lib/ipc.
 */
#pragma once

#include <sys/queue.h>

#include "ipc/ipc.h"

struct packet {
	TAILQ_ENTRY(packet) entry;
	unsigned char *p;
	size_t n;
	int fd;      /* goes along; -1: none */
	uint64_t id; /* of the call it carries; 0: none */
};
TAILQ_HEAD(packet_list, packet);

#define PACKETS_AT_ONCE 16u

/* Takes over what m holds and fills in the header. m is empty afterwards. */
struct packet *packet_new(struct ipc_out *m, uint32_t flags, uint64_t id);
void packet_free(struct packet *p);

/* Writes packets from the front of list, freeing those written. 0 when all or what fitted was
 * written, -1 with errno when the socket is broken. */
int packet_send(int fd, struct packet_list *list);

struct packet_received {
	const unsigned char *p;
	size_t n;
	int fd;
};

/* Reads up to PACKETS_AT_ONCE packets into static memory that the next call reuses. How many; 0 at
 * the end of the channel; -1 with errno (EAGAIN: none now). */
int packet_receive(int fd, struct packet_received out[PACKETS_AT_ONCE]);

/* Wipes what packet_receive() read: some messages carry passwords. */
void packet_forget(const struct packet_received *got, int n);

/* Opens a packet for reading; -1 when it is no message. */
int ipc_in_open(struct ipc_in *m, const unsigned char *p, size_t n, int fd, uint32_t *flags);
