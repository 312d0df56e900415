/*
 * import_batch.c - see import_batch.h.
 *
 * Octets stand one behind the other in a sealed memory file, the rest is in the call. The owner may
 * take fewer than it is given: the others are given again, and the first of them gets the error.
 */
#include "ctl/import_batch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/num.h"
#include "ctl/client.h"
#include "io/file.h"

#define MESSAGES_MAX 256u
#define OCTETS_MAX   (4u << 20)  /* the owner's other work waits for the syncs of so many */
#define ROWS_MAX     (48u << 10) /* of a packet of 64 KiB */
#define ROW          5u
#define TRIES        10
#define PAUSE_MS     500

struct row {
	struct str field[ROW];
	size_t octets;
	uint64_t read;
};

struct import_batch {
	struct row rows[MESSAGES_MAX];
	size_t n, fields; /* octets of all fields */
	struct buf octets;
	struct arena arena;
};

struct import_batch *
import_batch_new(uint64_t max_message)
{
	struct import_batch *b = mem_alloc(sizeof *b);

	buf_init(&b->octets, num_max(max_message, OCTETS_MAX));
	arena_init(&b->arena);
	return b;
}

void
import_batch_free(struct import_batch **b)
{
	if (*b == NULL)
		return;
	buf_free(&(*b)->octets);
	arena_free(&(*b)->arena);
	free(*b);
	*b = NULL;
}

static size_t
size_of_row(const struct import_box *box, const struct import_mail *m)
{
	/* Numbers, and the length of each field. */
	return IMPORT_KEY + box->at.n + m->flags.n + 2 * 20 + ROW * 4;
}

bool
import_batch_fits(
    const struct import_batch *b, const struct import_box *box, const struct import_mail *m)
{
	return b->n == 0 || (b->n < MESSAGES_MAX && b->octets.n + m->octets.n <= OCTETS_MAX &&
				b->fields + size_of_row(box, m) <= ROWS_MAX);
}

void
import_batch_add(struct import_batch *b, const struct import_box *box, const struct import_mail *m)
{
	struct row *r = &b->rows[b->n++];

	*r = (struct row){.octets = m->octets.n, .read = m->read};
	r->field[0] = arena_dup(&b->arena, str_of(m->key, IMPORT_KEY));
	r->field[1] = box->at;
	r->field[2] = arena_dup(&b->arena, m->flags);
	r->field[3] = arena_printf(&b->arena, "%" PRId64, m->date);
	r->field[4] = arena_printf(&b->arena, "%zu", m->octets.n);
	b->fields += size_of_row(box, m);
	(void)buf_str(&b->octets, m->octets);
	assume(!b->octets.over);
}

static void
empty(struct import_batch *b)
{
	b->n = b->fields = 0;
	buf_reset(&b->octets);
	arena_reset(&b->arena);
}

/* From the `first` on, whose octets begin at `at`. */
static int
give(struct import_batch *b, const char *user, size_t first, size_t at, uint32_t *added,
    uint32_t *there, struct err *e)
{
	struct str *fields = mem_array((b->n - first) * ROW, sizeof *fields);
	struct str octets = str_from(buf_view(&b->octets), at);
	struct ipc_out m;
	struct ipc_in in;
	int fd, rc = -1;
	size_t n = 0;

	for (size_t i = first; i < b->n; i++)
		for (size_t k = 0; k < ROW; k++)
			fields[n++] = b->rows[i].field[k];
	if ((fd = file_memory("messages", octets.p, octets.n, e)) >= 0) {
		ipc_begin(&m, MSG_MAILBOX_TAKE);
		ipc_put_z(&m, user);
		ipc_put_list(&m, fields, n);
		ipc_put_fd(&m, fd);
		rc = client_call("mailboxd", &m, &in, e);
	}
	free(fields);
	if (rc < 0)
		return -1;
	*added = ipc_get_u32(&in);
	*there = ipc_get_u32(&in);
	if (ipc_end(&in) < 0 || *added + *there == 0 || *added + *there > b->n - first)
		return err_set(e, E_PROTO, "unreadable answer");
	return 0;
}

/* Was it for a moment only? The connection is made anew then. */
static bool
may_go_again(const struct err *e, unsigned *tries)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

	if ((e->code != E_TEMP && e->code != E_CLOSED && e->code != E_NOTFOUND) || ++*tries > TRIES)
		return false;
	client_close();
	(void)nanosleep(&pause, NULL);
	return true;
}

int
import_batch_flush(
    struct import_batch *b, const char *user, struct import_taken *out, struct err *e)
{
	size_t done = 0, at = 0;
	unsigned tries = 0;

	*out = (struct import_taken){0};
	while (done < b->n) {
		uint32_t added, there;

		if (give(b, user, done, at, &added, &there, e) < 0) {
			if (may_go_again(e, &tries))
				continue;
			return -1;
		}
		tries = 0;
		out->added += added;
		out->there += there;
		for (uint32_t i = 0; i < added + there; i++, done++) {
			at += b->rows[done].octets;
			out->added_octets += added > 0 ? b->rows[done].octets : 0;
			out->read += b->rows[done].read;
		}
	}
	empty(b);
	return 0;
}
