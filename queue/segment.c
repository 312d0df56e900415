/*
 * segment.c - see segment.h.
 *
 * Durability: segment_create and segment_recycle return after fdatasync of the file and fsync of
 * the directory, so that a later synchronous write to the file alone makes a batch durable. A crash
 * in between leaves a file whose header does not agree with its name: recovery removes it, nothing
 * was in it.
 */
#include "queue/segment.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"

#define MAGIC "GKQUEUE\n"

/* Header: magic 8, u32 version, u32 reserved, u64 number, key 32, boot 40, u64 created (s),
 * checksum 16. */
#define AT_VERSION 8u
#define AT_NUMBER  16u
#define AT_KEY     24u
#define AT_BOOT    (AT_KEY + RECORD_KEY)
#define AT_CREATED (AT_BOOT + SEGMENT_BOOT_SIZE)
#define AT_SUM     (AT_CREATED + 8)
#define SUM_SIZE   16u

const char *
segment_name(uint64_t number, char out[SEGMENT_NAME_SIZE])
{
	snprintf(out, SEGMENT_NAME_SIZE, "%016" PRIu64 ".seg", number);
	return out;
}

int
segment_number(const char *name, uint64_t *out)
{
	struct str s = str_z(name);

	if (s.n != 20 || !str_ends(s, STR(".seg")))
		return -1;
	return num_parse(str_sub(s, 0, 16), 1, UINT64_MAX, out);
}

static struct segment *
segment_new(uint64_t number, int fd, uint64_t size)
{
	struct segment *s = mem_alloc(sizeof(*s));

	s->number = number;
	s->fd = fd;
	s->direct = -1;
	s->size = size;
	s->used = s->ready = SEGMENT_BLOCK;
	TAILQ_INIT(&s->messages);
	return s;
}

/* Draws a key and writes the header: what the file held before stops verifying. */
static int
write_header(struct segment *s, const char *boot, struct err *e)
{
	unsigned char block[SEGMENT_BLOCK] = {0};

	randombytes_buf(s->key, sizeof(s->key));
	snprintf(s->boot, sizeof(s->boot), "%s", boot);
	memcpy(block, MAGIC, sizeof(MAGIC) - 1);
	num_put_u32(block + AT_VERSION, SEGMENT_VERSION);
	num_put_u64(block + AT_NUMBER, s->number);
	memcpy(block + AT_KEY, s->key, sizeof(s->key));
	memcpy(block + AT_BOOT, s->boot, strlen(s->boot));
	num_put_u64(block + AT_CREATED, (uint64_t)clock_wall());
	crypto_generichash(block + AT_SUM, SUM_SIZE, block, AT_SUM, NULL, 0);
	return file_pwrite(s->fd, block, sizeof(block), 0, e);
}

/* Not every file system can: then the page cache is in between. */
static void
open_direct(struct segment *s, int dir, const char *name)
{
	s->direct = file_open(dir, name, O_WRONLY | O_DIRECT, 0, NULL);
}

struct segment *
segment_create(int dir, uint64_t number, uint64_t size, const char *boot, struct err *e)
{
	char name[SEGMENT_NAME_SIZE];
	struct segment *s = NULL;
	int fd;

	segment_name(number, name);
	if ((fd = file_open(dir, name, O_RDWR | O_CREAT | O_EXCL, 0600, e)) < 0)
		goto out;
	s = segment_new(number, fd, size);
	/* Blocks are taken now: a full disk is met here and not by a message already answered. */
	if (file_reserve(fd, 0, (off_t)size, e) < 0 || write_header(s, boot, e) < 0 ||
	    file_sync(fd, "queue.segment", e) < 0 ||
	    file_sync_dir(dir, "queue.segment_name", e) < 0) {
		segment_free(&s);
		file_unlink(dir, name, NULL);
	} else {
		open_direct(s, dir, name);
	}
out:
	if (!s)
		err_wrap(e, "segment %s", name);
	return s;
}

struct segment *
segment_recycle(int dir, uint64_t old, int fd, uint64_t ready, uint64_t number, uint64_t size,
    const char *boot, struct err *e)
{
	char from[SEGMENT_NAME_SIZE], to[SEGMENT_NAME_SIZE];
	struct segment *s = segment_new(number, fd, size);

	segment_name(old, from);
	segment_name(number, to);
	if (write_header(s, boot, e) < 0 || file_sync(fd, "queue.recycle", e) < 0 ||
	    file_rename(dir, from, dir, to, e) < 0 ||
	    file_sync_dir(dir, "queue.recycle_name", e) < 0) {
		err_wrap(e, "segment %s out of %s", to, from);
		segment_free(&s);
	} else {
		s->ready = ready;
		open_direct(s, dir, to);
	}
	return s;
}

int
segment_write(struct segment *s, char *room, size_t n, uint64_t off, struct err *e)
{
	uint64_t end = off + n, ahead = 0;

	assume(off % SEGMENT_BLOCK == 0 && n % SEGMENT_BLOCK == 0 && end <= s->size);
	if (end > s->ready) {
		ahead =
		    num_min((uint64_t)SEGMENT_AHEAD, s->size - end) / SEGMENT_BLOCK * SEGMENT_BLOCK;
		memset(room + n, 0, (size_t)ahead);
	}
	if (file_pwrite_sync(
		s->fd, s->direct, room, n + (size_t)ahead, (off_t)off, "queue.batch", e) < 0)
		return -1;
	s->ready = num_max(s->ready, end + ahead);
	return 0;
}

int
segment_header_read(struct str s, uint64_t number, struct segment *out, struct err *e)
{
	const unsigned char *p = (const unsigned char *)s.p;
	unsigned char sum[SUM_SIZE];

	if (s.n < SEGMENT_BLOCK || sodium_is_zero(p, SEGMENT_BLOCK))
		return err_set(e, E_INVAL, "its header was never written");
	/* The header lies in one sector: a crash leaves the old one or the new one, and this is
	 * neither. */
	crypto_generichash(sum, sizeof(sum), p, AT_SUM, NULL, 0);
	if (memcmp(p, MAGIC, sizeof(MAGIC) - 1) != 0 || memcmp(sum, p + AT_SUM, sizeof(sum)) != 0)
		return err_set(e, E_IO,
		    "its header is damaged; move the file away to go on without "
		    "the messages in it");
	if (num_get_u32(p + AT_VERSION) != SEGMENT_VERSION)
		return err_set(e, E_PERM, "version %u of the journal is not known to this build",
		    num_get_u32(p + AT_VERSION));
	if (num_get_u64(p + AT_NUMBER) != number)
		return err_set(e, E_INVAL, "header of another segment");
	memcpy(out->key, p + AT_KEY, sizeof(out->key));
	memcpy(out->boot, p + AT_BOOT, sizeof(out->boot) - 1);
	return 0;
}

struct segment *
segment_open(int dir, uint64_t number, struct err *e)
{
	unsigned char block[SEGMENT_BLOCK];
	char name[SEGMENT_NAME_SIZE];
	struct segment *s = NULL;
	uint64_t size = 0;
	int fd;

	segment_name(number, name);
	if ((fd = file_open(dir, name, O_RDWR, 0, e)) < 0)
		goto out;
	if (file_size(fd, &size, e) < 0)
		goto out;
	s = segment_new(number, fd, size);
	fd = -1;
	if (size < SEGMENT_BLOCK) {
		err_set(e, E_INVAL, "shorter than a header");
		segment_free(&s);
	} else if (file_pread(s->fd, block, sizeof(block), 0, e) < 0 ||
		   segment_header_read(str_of(block, sizeof(block)), number, s, e) < 0) {
		segment_free(&s);
	}
out:
	file_close(&fd);
	if (!s)
		err_wrap(e, "segment %s", name);
	return s;
}

void
segment_free(struct segment **s)
{
	if (!*s)
		return;
	assume(TAILQ_EMPTY(&(*s)->messages));
	file_close(&(*s)->fd);
	file_close(&(*s)->direct);
	free(*s);
	*s = NULL;
}

#define WINDOW (4u << 20)

void
segment_cursor_init(struct segment_cursor *c, int fd, uint64_t size)
{
	*c = (struct segment_cursor){.fd = fd, .size = size, .end = UINT64_MAX};
	c->off = c->base = SEGMENT_BLOCK;
	buf_init(&c->window, WINDOW);
}

void
segment_cursor_done(struct segment_cursor *c)
{
	buf_free(&c->window);
}

/* Puts the window at the next record, with at least one of the largest size in it where the file
 * has as much. */
static int
fill_window(struct segment_cursor *c, struct err *e)
{
	size_t passed = (size_t)(c->off - c->base), want;
	char *room;

	if (c->fd < 0 ||
	    (c->window.n >= passed && c->window.n - passed >= RECORD_HEADER + RECORD_PAYLOAD_MAX))
		return 0;
	buf_consume(&c->window, passed);
	c->base = c->off;
	want = (size_t)num_min((uint64_t)WINDOW - c->window.n, c->size - c->base - c->window.n);
	if (want == 0)
		return 0;
	room = buf_room(&c->window, want);
	assume(room != NULL);
	if (file_pread(c->fd, room, want, (off_t)(c->base + c->window.n), e) < 0)
		return -1;
	buf_added(&c->window, want);
	return 0;
}

int
segment_next(struct segment_cursor *c, const unsigned char key[RECORD_KEY], struct record *out,
    uint64_t *at, struct err *e)
{
	struct str rest;

	if (c->off >= c->end || c->off >= c->size)
		return 0;
	if (fill_window(c, e) < 0)
		return -1;
	rest = str_from(buf_view(&c->window), (size_t)(c->off - c->base));
	if (!record_read(rest, key, out) || out->size > c->end - c->off)
		return 0;
	*at = c->off + RECORD_HEADER;
	c->off += out->size;
	return 1;
}
