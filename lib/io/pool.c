/*
 * pool.c - threads for what blocks.
 *
 * Jobs wait in one queue under one mutex; what is finished goes into a second, and the thread that
 * finds that one empty writes to an eventfd, so that any number of results costs the loop one
 * wake-up. Owner: whoever made it, in the loop's thread; every function here is called from there.
 */
#include "io/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/loop.h"

#define POOL_MAGIC 0x504f4f4cu

/* Syncs and hashing need little; sanitizers a lot. */
#ifdef GK_SANITIZED
#define STACK_SIZE (1024u * 1024u)
#else
#define STACK_SIZE (256u * 1024u)
#endif

struct job {
	STAILQ_ENTRY(job) link;
	void (*work)(void *);
	void (*done)(void *);
	void *arg;
};

STAILQ_HEAD(jobs, job);

struct pool {
	unsigned magic;
	pthread_mutex_t lock; /* over what follows, up to stop */
	pthread_cond_t more;
	struct jobs waiting, finished;
	size_t nwaiting;
	bool stop;
	/* The loop's alone. */
	size_t backlog;
	unsigned nthreads, wanted;
	SLIST_ENTRY(pool) held; /* while it has no threads yet */
	pthread_t *threads;
	int wake;
	struct loop_io *io;
	bool reporting; /* inside a done() */
};

static bool holding;
static SLIST_HEAD(, pool) held = SLIST_HEAD_INITIALIZER(held);

/* Whoever is woken takes the lock at once: both ends wake the other only after they have let go of
 * it, or it would go to sleep again. */
static void
finish(struct pool *p, struct job *j)
{
	uint64_t one = 1;
	bool first;

	pthread_mutex_lock(&p->lock);
	first = STAILQ_EMPTY(&p->finished);
	STAILQ_INSERT_TAIL(&p->finished, j, link);
	pthread_mutex_unlock(&p->lock);
	if (first)
		while (write(p->wake, &one, sizeof(one)) < 0 && errno == EINTR)
			;
}

static void *
thread_main(void *arg)
{
	struct pool *p = arg;
	struct job *j;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (!p->stop && STAILQ_EMPTY(&p->waiting))
			pthread_cond_wait(&p->more, &p->lock);
		if (p->stop)
			break;
		j = STAILQ_FIRST(&p->waiting);
		STAILQ_REMOVE_HEAD(&p->waiting, link);
		p->nwaiting--;
		pthread_mutex_unlock(&p->lock);
		j->work(j->arg);
		finish(p, j);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Runs done() of everything finished so far, in the loop. */
static void
report(struct pool *p)
{
	struct jobs batch = STAILQ_HEAD_INITIALIZER(batch);
	struct job *j;

	pthread_mutex_lock(&p->lock);
	STAILQ_CONCAT(&batch, &p->finished);
	pthread_mutex_unlock(&p->lock);
	p->reporting = true;
	while ((j = STAILQ_FIRST(&batch))) {
		STAILQ_REMOVE_HEAD(&batch, link);
		j->done(j->arg);
		free(j);
	}
	p->reporting = false;
}

static void
on_wake(void *arg, unsigned events)
{
	struct pool *p = arg;
	uint64_t count;

	(void)events;
	OBJ(p, POOL_MAGIC);
	/* Emptied before the queue is taken, so that a result that comes later wakes us again. */
	if (read(p->wake, &count, sizeof(count)) < 0 && errno == EAGAIN)
		return;
	report(p);
}

/* Signals are the loop's business; those that a fault raises stay, so that it is reported where it
 * happens. */
static void
mask_signals(sigset_t *old)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGABRT, SIGTRAP};
	sigset_t all;

	sigfillset(&all);
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		sigdelset(&all, faults[i]);
	pthread_sigmask(SIG_SETMASK, &all, old);
}

static int
start_threads(struct pool *p, struct err *e)
{
	pthread_attr_t attr;
	sigset_t old;
	int no = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	mask_signals(&old);
	for (; p->nthreads < p->wanted; p->nthreads++)
		if ((no = pthread_create(&p->threads[p->nthreads], &attr, thread_main, p)) != 0)
			break;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (no == 0)
		return 0;
	errno = no;
	return err_sys(e, "start a thread");
}

struct pool *
pool_new(unsigned threads, size_t backlog, struct err *e)
{
	struct pool *p = mem_alloc(sizeof(*p));

	assume(threads > 0);
	p->magic = POOL_MAGIC;
	p->backlog = backlog;
	p->threads = mem_array(threads, sizeof(*p->threads));
	STAILQ_INIT(&p->waiting);
	STAILQ_INIT(&p->finished);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	if ((p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
		err_sys(e, "eventfd");
		pool_free(&p);
		return NULL;
	}
	p->io = loop_io_new(p->wake, LOOP_READ, on_wake, p);
	p->wanted = threads;
	if (holding)
		SLIST_INSERT_HEAD(&held, p, held);
	else if (start_threads(p, e) < 0)
		pool_free(&p);
	return p;
}

void
pool_hold(void)
{
	holding = true;
}

int
pool_release(struct err *e)
{
	holding = false;
	while (!SLIST_EMPTY(&held)) {
		if (start_threads(SLIST_FIRST(&held), e) < 0)
			return -1;
		SLIST_REMOVE_HEAD(&held, held);
	}
	return 0;
}

/* It may end before it began. */
static void
forget(struct pool *p)
{
	struct pool *q;

	SLIST_FOREACH (q, &held, held)
		if (q == p) {
			SLIST_REMOVE(&held, p, pool, held);
			return;
		}
}

int
pool_submit(struct pool *p, void (*work)(void *), void (*done)(void *), void *arg, struct err *e)
{
	struct job *j;

	OBJ(p, POOL_MAGIC);
	if (pool_waiting(p) >= p->backlog)
		return err_set(e, E_LIMIT, "too much work is waiting");
	j = mem_alloc(sizeof(*j));
	j->work = work;
	j->done = done;
	j->arg = arg;
	pthread_mutex_lock(&p->lock);
	STAILQ_INSERT_TAIL(&p->waiting, j, link);
	p->nwaiting++;
	pthread_mutex_unlock(&p->lock);
	pthread_cond_signal(&p->more);
	return 0;
}

size_t
pool_waiting(const struct pool *p)
{
	struct pool *own = (struct pool *)p; /* the lock is no part of what const promises */
	size_t n;

	pthread_mutex_lock(&own->lock);
	n = p->nwaiting;
	pthread_mutex_unlock(&own->lock);
	return n;
}

void
pool_free(struct pool **pp)
{
	struct pool *p = *pp;
	struct job *j;

	if (!p)
		return;
	OBJ(p, POOL_MAGIC);
	assume(!p->reporting);
	forget(p);
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	while (p->nthreads > 0)
		pthread_join(p->threads[--p->nthreads], NULL);
	report(p);
	while ((j = STAILQ_FIRST(&p->waiting))) {
		STAILQ_REMOVE_HEAD(&p->waiting, link);
		free(j);
	}
	loop_io_free(&p->io);
	if (p->wake >= 0)
		close(p->wake);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p->threads);
	p->magic = 0;
	free(p);
	*pp = NULL;
}
