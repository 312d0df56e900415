/*
 * numbers.c - see numbers.h.
 *
 * The file: "GKST", version, then the fields, then a checksum; a new one is written beside it,
 * synced, renamed over it, and the directory synced. A torn or foreign file counts as lost.
 */
#include "store/numbers.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "ipc/wire.h"

#define MAGIC        0x474b5354u /* "GKST" */
#define VERSION      1
#define STATE_MAX    (4u << 20)
#define CHECKSUM_LEN 16u

static void
checksum(struct str s, unsigned char out[CHECKSUM_LEN])
{
	(void)crypto_generichash(out, CHECKSUM_LEN, (const unsigned char *)s.p, s.n, NULL, 0);
}

static int
decode(struct str s, struct numbers *n)
{
	unsigned char sum[CHECKSUM_LEN];
	struct wire_in w;
	uint32_t count;

	if (s.n < CHECKSUM_LEN)
		return -1;
	checksum(str_sub(s, 0, s.n - CHECKSUM_LEN), sum);
	if (memcmp(sum, s.p + s.n - CHECKSUM_LEN, CHECKSUM_LEN) != 0)
		return -1;
	wire_open(&w, str_sub(s, 0, s.n - CHECKSUM_LEN));
	if (wire_u32(&w) != MAGIC || wire_u32(&w) != VERSION)
		return -1;
	n->clean = wire_u8(&w) == 1;
	n->epoch = wire_u64(&w);
	n->next_uidvalidity = wire_u32(&w);
	n->next_mailbox = wire_u32(&w);
	n->modseq_ceiling = wire_u64(&w);
	count = wire_u32(&w);
	if (w.bad || count > w.n / 8)
		return -1;
	n->uids = mem_array(num_max(count, 1u), sizeof *n->uids);
	for (n->nuids = 0; n->nuids < count; n->nuids++) {
		n->uids[n->nuids].mailbox = wire_u32(&w);
		n->uids[n->nuids].ceiling = wire_u32(&w);
	}
	return wire_end(&w);
}

int
numbers_read(struct numbers *n, enum numbers_found *found, struct err *e)
{
	struct arena a;
	struct err why = {0};
	struct str s;
	int rc = -1;

	*n = (struct numbers){0};
	*found = NUMBERS_LOST;
	arena_init(&a);
	if (file_read_all(AT_FDCWD, NUMBERS_PATH, STATE_MAX, &a, &s, &why) < 0) {
		if (why.code == E_NOTFOUND || why.code == E_LIMIT)
			rc = 0;
		else if (e != NULL)
			*e = why;
		goto out;
	}
	rc = 0;
	if (decode(s, n) < 0)
		numbers_done(n);
	else
		*found = n->clean ? NUMBERS_CLEAN : NUMBERS_UNCLEAN;
out:
	arena_free(&a);
	return rc;
}

static void
encode(const struct numbers *n, struct buf *b)
{
	unsigned char sum[CHECKSUM_LEN];

	wire_put_u32(b, MAGIC);
	wire_put_u32(b, VERSION);
	wire_put_u8(b, n->clean);
	wire_put_u64(b, n->epoch);
	wire_put_u32(b, n->next_uidvalidity);
	wire_put_u32(b, n->next_mailbox);
	wire_put_u64(b, n->modseq_ceiling);
	wire_put_u32(b, (uint32_t)n->nuids);
	for (size_t i = 0; i < n->nuids; i++) {
		wire_put_u32(b, n->uids[i].mailbox);
		wire_put_u32(b, n->uids[i].ceiling);
	}
	checksum(buf_view(b), sum);
	(void)buf_put(b, sum, sizeof sum);
}

int
numbers_write(const struct numbers *n, struct err *e)
{
	int rc = -1, fd = -1, dir = -1;
	struct buf b;

	buf_init(&b, STATE_MAX);
	encode(n, &b);
	assume(!b.over);
	if ((dir = file_open(AT_FDCWD, "db", O_RDONLY | O_DIRECTORY, 0, e)) < 0)
		goto out;
	if (file_unlink(dir, "state.new", e) < 0)
		goto out;
	if ((fd = file_open(dir, "state.new", O_WRONLY | O_CREAT | O_EXCL, 0600, e)) < 0)
		goto out;
	if (file_write(fd, b.p, b.n, e) < 0 || file_sync(fd, "store.state", e) < 0)
		goto out;
	if (file_rename(dir, "state.new", dir, "state", e) < 0 ||
	    file_sync_dir(dir, "store.state_name", e) < 0)
		goto out;
	rc = 0;
out:
	file_close(&fd);
	file_close(&dir);
	buf_free(&b);
	return rc < 0 ? err_wrap(e, "%s", NUMBERS_PATH) : 0;
}

uint32_t
numbers_ceiling(const struct numbers *n, uint32_t mailbox)
{
	for (size_t i = 0; i < n->nuids; i++)
		if (n->uids[i].mailbox == mailbox)
			return n->uids[i].ceiling;
	return 0;
}

void
numbers_done(struct numbers *n)
{
	free(n->uids);
	*n = (struct numbers){0};
}
