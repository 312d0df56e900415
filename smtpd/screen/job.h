/*
 * job.h - one message that is looked at: takes its octets in, looks things up, answers.
 *
 * A job ends when it has answered, when nobody wants an answer any more, or when its time is over
 * (screen.timeout): what the DNS has not said by then counts as a temporary error.
 */
#pragma once

#include "ipc/ipc.h"
#include "net/dns.h"

#define JOBS_MAX 4096u /* at one time; more get E_LIMIT */

/* Once: who answers questions; lent. */
void job_init(struct dns *dns);
/* SCREEN_PUT and SCREEN_STREAM. */
void job_start(struct ipc_chan *c, struct ipc_in *m);
/* SCREEN_END: all octets of a stream are in its socket. */
void job_end(struct ipc_in *m);
/* SCREEN_ABORT */
void job_abort(struct ipc_in *m);
/* Whoever asked is gone. */
void job_forget_all(void);
/* None is under way. */
bool job_idle(void);
