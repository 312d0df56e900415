/*
 * drain.c - the end: nobody new is let in, then fronts finish, then those they hand their work to,
 * each stage within what is left of drain_timeout. A second signal ends everything at once; what
 * was accepted is in the journal.
 */
#include "master/master.h"

#define GRACE_MS   2000u /* beyond the daemons' own limit */
#define PARTING_MS 200u  /* a handshake that has begun takes a round trip more */

static struct loop_timer *deadline;
static unsigned stage;
static bool parting; /* no stage was ordered to end yet */

static bool
stage_done(void)
{
	for (size_t i = 0; i < SERVICES; i++)
		if (master.processes[i].pid != 0 &&
		    master.processes[i].service->drain_stage == stage)
			return false;
	return true;
}

static void
order_stage(void)
{
	struct ipc_out m;

	for (size_t i = 0; i < SERVICES; i++) {
		struct process *p = &master.processes[i];

		if (p->pid == 0 || p->service->drain_stage != stage)
			continue;
		ipc_begin(&m, MSG_DRAIN);
		ipc_send(p->control, &m);
	}
}

static void
kill_all(void)
{
	for (size_t i = 0; i < SERVICES; i++)
		if (master.processes[i].pid != 0)
			kill(master.processes[i].pid, SIGKILL);
}

static void
on_deadline(void *arg)
{
	(void)arg;
	log_warn("master.drain_timeout", LU("stage", stage));
	kill_all();
}

void
drain_step(void)
{
	while (!parting && stage <= DRAIN_LAST && stage_done()) {
		stage++;
		order_stage();
	}
	if (stage > DRAIN_LAST)
		loop_stop();
}

/* Whoever came in time is in a kernel's line by now, where the fronts take it from when they are
 * told to drain. */
static void
parted(void *arg)
{
	(void)arg;
	parting = false;
	listeners_close();
	local_close();
	order_stage();
	drain_step();
}

void
drain_begin(void)
{
	if (master.draining) {
		log_warn("master.killed", LU("stage", stage));
		kill_all();
		return;
	}
	master.draining = true;
	parting = true;
	listeners_turn_away();
	log_info("master.drain", LU("pid", getpid()));
	for (size_t i = 0; i < SERVICES; i++)
		if (master.processes[i].restart != NULL)
			loop_timer_stop(master.processes[i].restart);
	deadline = loop_timer_new(on_deadline, NULL);
	loop_timer_set(
	    deadline, conf_num(master.conf, CONF_SERVER_DRAIN_TIMEOUT) + PARTING_MS + GRACE_MS);
	loop_timer_set(loop_timer_new(parted, NULL), PARTING_MS);
}
