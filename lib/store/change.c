/*
 * change.c - see change.h.
 */
#include "store/change.h"

#include "store/model.h"

const char *
change_kind_name(enum change_kind kind)
{
	switch (kind) {
	case CHANGE_ADDED:
		return "added";
	case CHANGE_COPIED:
		return "copied";
	case CHANGE_FLAGS:
		return "flags";
	case CHANGE_EXPUNGED:
		return "expunged";
	case CHANGE_MOVED:
		return "moved";
	case CHANGE_CREATED:
		return "created";
	case CHANGE_DELETED:
		return "deleted";
	case CHANGE_RENAMED:
		return "renamed";
	case CHANGE_SUBSCRIBED:
		return "subscribed";
	case CHANGE_VANISHED:
		return "vanished";
	case CHANGE_OBJECT_MADE:
		return "object-made";
	case CHANGE_OBJECT_CHANGED:
		return "object-changed";
	case CHANGE_OBJECT_GONE:
		return "object-gone";
	case CHANGE_ARRANGED:
		return "arranged";
	case CHANGE_THREADED:
		return "threaded";
	case CHANGE_AGENT:
		return "agent";
	case CHANGE_UNDONE:
		return "undone";
	}
	return "?";
}

int
change_each(struct home *h, uint64_t after, bool (*fn)(void *arg, const struct change *c),
    void *arg, struct err *e)
{
	return index_changes(h->index, after, fn, arg, e);
}

int
change_latest(struct home *h, uint32_t kinds, unsigned object, struct str actor, uint64_t *modseq,
    struct err *e)
{
	return index_change_latest(h->index, kinds, object, actor, modseq, e);
}

bool
change_is_known(const struct home *h, uint64_t modseq)
{
	uint64_t forgotten = 0;

	return home_modseq_is_known(h, modseq) &&
	       index_get(h->index, "log_pruned", &forgotten, NULL) == 0 && modseq >= forgotten;
}

int
change_rows(struct home *h, uint64_t after, bool (*fn)(void *arg, const struct change *c),
    void *arg, struct err *e)
{
	return index_change_rows(h->index, after, fn, arg, e);
}

int
change_rows_of(struct home *h, const char *actor, struct str sid, uint64_t after,
    bool (*fn)(void *arg, const struct change *c), void *arg, struct err *e)
{
	return index_change_rows_of(h->index, actor, sid, after, fn, arg, e);
}

int
change_sessions(struct home *h, bool (*fn)(void *arg, struct str sid), void *arg, struct err *e)
{
	return index_change_sessions(h->index, fn, arg, e);
}

int
change_note(struct home *h, enum change_kind kind, struct str before, const struct change_by *by,
    struct err *e)
{
	uint64_t modseq;

	if (home_ready(h, e) < 0 || model_next_modseq(h, &modseq, e) < 0)
		return -1;
	return model_log(h, modseq, kind, 0, NULL, before, by, e) < 0 ? home_fail(h, e) : 0;
}

int
change_forgotten(struct home *h, uint64_t *modseq, struct err *e)
{
	return index_get(h->index, "log_pruned", modseq, e);
}
