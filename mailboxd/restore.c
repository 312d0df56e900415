/*
 * restore.c - see restore.h.
 *
 * A message out of a backup comes as an APPEND would: new UID, its flags and INTERNALDATE. What the
 * mailbox has already, octet by octet and of the same date, is not put there twice, so that a
 * restore that was interrupted may be run again.
 */
#include "mailboxd/restore.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "store/folder.h"
#include "store/mailbox.h"

#define FLAGS_MAX 100u

struct put {
	struct home_waiter waiter;
	struct ipc_chan *parent;
	uint64_t call;
	uint32_t added, uid;
	void (*done)(void);
};

void
restore_copy(struct home *h, struct ipc_chan *parent, struct ipc_in *m)
{
	struct ipc_out out;
	struct err e;
	int fd;

	if (ipc_end(m) < 0)
		return;
	if (home_copy(h, &fd, &e) < 0) {
		ipc_reply_error(parent, m->id, &e);
		return;
	}
	ipc_begin(&out, MSG_OWN_COPY_R);
	ipc_put_fd(&out, fd);
	ipc_reply(parent, m->id, &out);
}

/* ---- a message ---- */

struct coming {
	struct str name; /* of the mailbox */
	struct str octets;
	int64_t date;
	uint32_t flags;
	struct str keywords[FLAGS_MAX];
	size_t nkeywords;
};

static const struct change_by by = {.actor = STR_INIT("restore")};

/* The UID of the same message in the mailbox; 0: there is none. */
static uint32_t
find_same(struct mailbox *mb, const struct coming *in)
{
	for (size_t i = 0; i < mb->n; i++) {
		const struct message *m = &mb->messages[i];
		struct content *c;
		bool same;

		if (m->size != in->octets.n || m->date != in->date)
			continue;
		if ((c = content_open(mb, m->uid, NULL)) == NULL)
			continue;
		same = str_eq(c->octets, in->octets);
		content_close(&c);
		if (same)
			return m->uid;
	}
	return 0;
}

static int
put(struct home *h, const struct coming *in, struct put *p, struct err *e)
{
	const struct flag_set set = {
	    .flags = in->flags, .keywords = in->keywords, .nkeywords = in->nkeywords};
	struct append *ap;
	struct mailbox *mb;
	struct buf name;
	int rc = -1;

	buf_init(&name, FOLDER_NAME_MAX);
	if (folder_normalize(in->name, &name, e) < 0)
		goto out;
	mb = home_find(h, buf_view(&name));
	if (mb == NULL && home_create(h, buf_view(&name), &by, &mb, e) < 0)
		goto out;
	if (mailbox_load(mb, e) < 0)
		goto out;
	if ((p->uid = find_same(mb, in)) != 0) {
		rc = 0;
		goto out;
	}
	p->added = 1;
	if ((ap = append_new(h, in->octets.n, e)) == NULL)
		goto out;
	if (append_write(ap, in->octets, e) < 0)
		append_free(&ap);
	else
		rc = append_finish(&ap, mb, &set, in->date, &by, &p->uid, e);
out:
	buf_free(&name);
	return rc;
}

static void
finish(struct put *p, const struct err *e)
{
	struct ipc_out out;

	if (e != NULL) {
		ipc_reply_error(p->parent, p->call, e);
	} else {
		ipc_begin(&out, MSG_OWN_PUT_R);
		ipc_put_u32(&out, p->added);
		ipc_put_u32(&out, p->uid);
		ipc_reply(p->parent, p->call, &out);
	}
	p->done();
	free(p);
}

static void
durable(void *arg, const struct err *e)
{
	finish(arg, e);
}

static void
take_flags(struct ipc_in *m, struct coming *in)
{
	uint32_t n = ipc_get_list(m);

	for (uint32_t i = 0; i < n; i++) {
		struct str flag = ipc_get_item(m);
		uint32_t bit = mailbox_flag_by_name(flag);

		in->flags |= bit;
		if (bit == 0 && in->nkeywords < FLAGS_MAX)
			in->keywords[in->nkeywords++] = flag;
	}
}

void
restore_put(struct home *h, struct ipc_chan *parent, struct ipc_in *m, void (*done)(void))
{
	struct coming in = {.name = ipc_get_str(m)};
	struct put *p = mem_alloc(sizeof *p);
	struct err e = {0};
	void *map = MAP_FAILED;
	uint64_t size = 0;
	int fd, rc = -1;

	take_flags(m, &in);
	in.date = (int64_t)ipc_get_u64(m);
	fd = ipc_take_fd(m);
	if (ipc_end(m) < 0) {
		file_close(&fd);
		free(p);
		return;
	}
	*p = (struct put){.parent = parent, .call = m->id, .done = done};
	/* Nobody can change it under the map (INVARIANTS 13). */
	if (!file_is_sealed(fd)) {
		err_set(&e, E_INVAL, "not a sealed memory file");
	} else if (file_size(fd, &size, &e) == 0 && size == 0) {
		err_set(&e, E_INVAL, "an empty message");
	} else if (size > 0 &&
		   (map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED) {
		err_sys(&e, "map the message");
	} else if (size > 0) {
		in.octets = str_of(map, size);
		rc = put(h, &in, p, &e);
	}
	if (map != MAP_FAILED)
		munmap(map, size);
	file_close(&fd);
	if (rc < 0) {
		finish(p, &e);
		return;
	}
	p->waiter = (struct home_waiter){.fn = durable, .arg = p};
	home_commit(h, &p->waiter);
}
