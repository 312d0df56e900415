/*
 * numbers.c - see numbers.h.
 *
 * Version 2: two slots of equal size, written in turn and in place, so that a write costs one sync
 * of octets that have their blocks already. A slot: "GKST", version, a serial number whose lowest
 * bit names the slot, the fields, a checksum. Of two good ones the later counts; one that a crash
 * tore leaves the other, which was true when the torn one's numbers had not been shown. A file that
 * is not there, too small or of version 1 (the fields alone) is replaced: written beside it,
 * synced, renamed over it, and the directory synced. A file without a good slot counts as lost.
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
#define VERSION      2
#define STATE_MAX    (4u << 20)
#define SLOT_UNIT    4096u /* no two slots share a block */
#define CHECKSUM_LEN 16u
#define FIXED_LEN    45u /* of a slot before its UIDs */

static void
checksum(struct str s, unsigned char out[CHECKSUM_LEN])
{
	(void)crypto_generichash(out, CHECKSUM_LEN, (const unsigned char *)s.p, s.n, NULL, 0);
}

/* ---- reading ---- */

/* Everything before the checksum; *n is empty when it fails. */
static int
decode(struct str s, uint32_t version, struct numbers *n)
{
	unsigned char sum[CHECKSUM_LEN];
	struct wire_in w;
	uint32_t count;

	*n = (struct numbers){0};
	wire_open(&w, s);
	if (wire_u32(&w) != MAGIC || wire_u32(&w) != version)
		return -1;
	if (version > 1)
		n->serial = wire_u64(&w);
	n->clean = wire_u8(&w) == 1;
	n->epoch = wire_u64(&w);
	n->next_uidvalidity = wire_u32(&w);
	n->next_mailbox = wire_u32(&w);
	n->modseq_ceiling = wire_u64(&w);
	count = wire_u32(&w);
	if (w.bad || count > w.n / 8 || w.n - 8 * count < CHECKSUM_LEN)
		return -1;
	checksum(str_sub(s, 0, s.n - w.n + 8 * count), sum);
	if (memcmp(sum, w.p + 8 * count, CHECKSUM_LEN) != 0)
		return -1;
	n->uids = mem_array(num_max(count, 1u), sizeof *n->uids);
	for (n->nuids = 0; n->nuids < count; n->nuids++) {
		n->uids[n->nuids].mailbox = wire_u32(&w);
		n->uids[n->nuids].ceiling = wire_u32(&w);
	}
	return 0;
}

static int
decode_file(struct str s, struct numbers *n)
{
	size_t room = s.n / 2;
	struct numbers slots[2] = {{0}};
	bool good[2] = {false, false};
	unsigned at;

	if (decode(s, 1, n) == 0)
		return 0;
	if (room == 0 || room % SLOT_UNIT != 0 || s.n != 2 * room)
		return -1;
	for (unsigned i = 0; i < 2; i++)
		good[i] = decode(str_sub(s, i * room, room), VERSION, &slots[i]) == 0 &&
			  slots[i].serial % 2 == i;
	at = good[1] && (!good[0] || slots[1].serial > slots[0].serial);
	*n = slots[at];
	n->room = (uint32_t)room;
	numbers_done(&slots[1 - at]);
	if (good[at])
		return 0;
	numbers_done(n);
	return -1;
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
	if (decode_file(s, n) == 0)
		*found = n->clean ? NUMBERS_CLEAN : NUMBERS_UNCLEAN;
out:
	arena_free(&a);
	return rc;
}

/* ---- writing ---- */

static void
encode(const struct numbers *n, struct buf *b)
{
	unsigned char sum[CHECKSUM_LEN];
	size_t from = b->n;

	wire_put_u32(b, MAGIC);
	wire_put_u32(b, VERSION);
	wire_put_u64(b, n->serial);
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
	checksum(str_sub(buf_view(b), from, b->n - from), sum);
	(void)buf_put(b, sum, sizeof sum);
}

/* Into the slot that is not the latest. */
static int
write_slot(int fd, const struct numbers *n, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, STATE_MAX);
	encode(n, &b);
	assume(!b.over && b.n <= n->room);
	rc = file_pwrite(fd, b.p, b.n, (off_t)(n->serial % 2 * n->room), e) < 0
		 ? -1
		 : file_sync(fd, "store.state", e);
	buf_free(&b);
	return rc;
}

static int
replace(const struct numbers *n, struct err *e)
{
	int rc = -1, fd = -1, dir = -1;
	char *zeros = mem_alloc(2 * (size_t)n->room);

	if ((dir = file_open(AT_FDCWD, "db", O_RDONLY | O_DIRECTORY, 0, e)) < 0 ||
	    file_unlink(dir, "state.new", e) < 0 ||
	    (fd = file_open(dir, "state.new", O_WRONLY | O_CREAT | O_EXCL, 0600, e)) < 0)
		goto out;
	if (file_write(fd, zeros, 2 * (size_t)n->room, e) < 0 || write_slot(fd, n, e) < 0 ||
	    file_rename(dir, "state.new", dir, "state", e) < 0 ||
	    file_sync_dir(dir, "store.state_name", e) < 0)
		goto out;
	rc = 0;
out:
	free(zeros);
	file_close(&fd);
	file_close(&dir);
	return rc;
}

int
numbers_write(struct numbers *n, const struct numbers *old, struct err *e)
{
	size_t need = FIXED_LEN + 8 * n->nuids + CHECKSUM_LEN;
	struct err why = {0};
	int fd = -1, rc;

	n->serial = old->serial + 1;
	n->room = old->room;
	assume(need < STATE_MAX / 4 - SLOT_UNIT);
	if (need <= n->room)
		fd = file_open(AT_FDCWD, NUMBERS_PATH, O_WRONLY, 0, &why);
	if (fd >= 0) {
		rc = write_slot(fd, n, e);
		file_close(&fd);
	} else {
		/* With room to grow. */
		n->room = (uint32_t)((2 * need + SLOT_UNIT - 1) / SLOT_UNIT * SLOT_UNIT);
		rc = replace(n, e);
	}
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
