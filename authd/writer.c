/*
 * writer.c - see writer.h.
 */
#include "authd/writer.h"

#include "authd/accounts.h"
#include "base/mem.h"
#include "io/pool.h"

struct job {
	void (*work)(void *, struct db *);
	void (*done)(void *);
	void *arg;
};

static struct db *db; /* the thread's, once it runs */
static struct pool *pool;
static size_t pending;

int
writer_init(struct err *e)
{
	if ((db = accounts_open(e)) == NULL)
		return -1;
	return (pool = pool_new(1, WRITER_BACKLOG, e)) ? 0 : -1;
}

void
writer_done(void)
{
	pool_free(&pool);
	db_close(&db);
}

static void
work(void *arg)
{
	struct job *j = arg;

	j->work(j->arg, db);
}

static void
done(void *arg)
{
	struct job *j = arg;

	pending--;
	j->done(j->arg);
	free(j);
}

int
writer_submit(
    void (*do_work)(void *, struct db *), void (*do_done)(void *), void *arg, struct err *e)
{
	struct job *j;

	if (pool == NULL)
		return err_set(e, E_TEMP, "not started yet");
	j = mem_alloc(sizeof(*j));
	*j = (struct job){.work = do_work, .done = do_done, .arg = arg};
	if (pool_submit(pool, work, done, j, e) < 0) {
		free(j);
		return -1;
	}
	pending++;
	return 0;
}

size_t
writer_pending(void)
{
	return pending;
}
