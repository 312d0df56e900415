/* task.c - see task.h. */
#include "mailboxd/task.h"

#include "base/arena.h"
#include "base/mem.h"
#include "store/check.h"

#define ROWS_MAX   48000u /* octets of findings in an answer */
#define ROWS_COUNT 400u   /* strings */

struct findings {
	struct arena arena;
	struct str rows[ROWS_COUNT];
	size_t n, octets;
};

static void
note_finding(void *arg, struct str mailbox, struct str text)
{
	struct findings *f = arg;

	if (f->n + 2 > ROWS_COUNT || f->octets + mailbox.n + text.n > ROWS_MAX)
		return;
	f->rows[f->n++] = arena_dup(&f->arena, mailbox);
	f->rows[f->n++] = arena_dup(&f->arena, text);
	f->octets += mailbox.n + text.n;
}

static void
answer(
    struct ipc_chan *parent, uint64_t call, const struct home_report *r, const struct findings *f)
{
	struct ipc_out out;

	ipc_begin(&out, MSG_OWN_TASK_R);
	ipc_put_u64(&out, r->messages);
	ipc_put_u64(&out, r->found);
	ipc_put_u64(&out, r->mended);
	ipc_put_list(&out, f->rows, f->n);
	ipc_reply(parent, call, &out);
}

bool
task_run(struct home *h, struct ipc_chan *parent, struct ipc_in *m)
{
	struct findings *f = mem_alloc(sizeof *f);
	struct home_report r = {.say = note_finding, .arg = f};
	uint32_t what = ipc_get_u32(m);
	struct err e = {0};
	int rc;

	arena_init(&f->arena);
	if (ipc_end(m) < 0)
		goto out;
	if (what == MAILBOX_REINDEX)
		rc = home_reindex(h, &r, &e);
	else
		rc = home_check(h, what == MAILBOX_REPAIR, &r, &e);
	if (rc < 0)
		ipc_reply_error(parent, m->id, &e);
	else
		answer(parent, m->id, &r, f);
	ipc_flush(parent); /* what follows may be the owner's end */
out:
	arena_free(&f->arena);
	free(f);
	return r.rebuild;
}
