/*
 * listen.h - the listening sockets that master handed to this daemon. Private to lib/svc but for
 * svc_accept_pause().
 */
#pragma once

#include "ipc/ipc.h"
#include "svc/svc.h"

/* SETUP_LISTEN and LISTEN_END; read the message whole. */
void listen_add(struct ipc_in *m);
void listen_end(struct ipc_in *m);
/* LOCAL_CONN; reads the message whole. */
void listen_local(struct ipc_chan *chan, struct ipc_in *m);
/* From now on connections are taken. */
void listen_start(void (*accept)(const struct svc_conn *c));
/* For good. */
void listen_stop(void);
