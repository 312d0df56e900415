/* backup_take.h - what those who take a snapshot share: backup_take.c with _known.c, _tree.c
 * and _home.c. */
#pragma once

#include <sys/stat.h>

#include "base/hash.h"
#include "ctl/backup.h"
#include "ipc/ipc.h"
#include "svc/conf.h"

/* Files in data_dir of our own: a restore is under way; when the last backup was taken. */
#define BACKUP_RESTORING ".restoring"
#define BACKUP_LAST      ".last-backup"

struct known;

struct take {
	struct backup_store *store;
	struct backup_taken *out;
	const struct conf *conf;
	struct str data_path, config_path;
	struct stat target; /* the folder of the backup */
	int data, mail;     /* data_dir, and mail in it */
	bool running;       /* the suite is at work */
	struct arena arena;
	struct buf text; /* the manifest */
	/* The snapshot before. */
	struct backup_manifest base;
	struct str base_name;
	struct known *known;
	struct backup_set *digests; /* which objects are good */
};

struct take_how {
	uint64_t max;     /* octets */
	bool trim;        /* zeros at the end do not count */
	bool to_line_end; /* nor does half a line */
};

typedef bool (*take_skip_fn)(struct take *t, struct str path);

/* backup_known.c: what the snapshot before this one knows. */
void take_learn(struct take *t, bool whole);
/* The same octets as last time, and they are in the store? Then x has their digest. */
bool take_is_known(struct take *t, struct backup_entry *x);
/* May an object of that digest be believed to be good? arg is the struct take. */
bool take_has_digest(void *arg, const char *digest);
void take_forget(struct take *t);

/* backup_tree.c: files and folders. */
void take_describe(const struct stat *st, struct str path, struct backup_entry *x);
void take_note(struct take *t, const struct backup_entry *x);
int take_octets(
    struct take *t, int fd, const struct take_how *how, struct backup_entry *x, struct err *e);
/* All that fd has, which is open for reading. */
int take_opened(struct take *t, int fd, const struct take_how *how, struct str path,
    struct backup_entry *x, struct err *e);
/* 1: x is to be noted; 0: it is not there, or no regular file. */
int take_file(struct take *t, int dir, const char *name, struct str path,
    const struct take_how *how, struct backup_entry *x, struct err *e);
/* 1: opened and noted; 0: not there, or not to be taken. */
int take_folder(struct take *t, int dir, const char *name, struct str path, int *fd, struct err *e);
/* A file, or all below a folder, noted; nothing where it is not there or no such. */
int take_any(
    struct take *t, int dir, const char *name, struct str path, take_skip_fn skip, struct err *e);
/* All below a folder, with the folder. skip: which not; may be NULL. */
int take_tree(
    struct take *t, int dir, const char *name, struct str path, take_skip_fn skip, struct err *e);
/* The answer of a daemon that copies a database, in place of the file dir/name. */
int take_copy(struct take *t, const char *daemon, struct ipc_out *m, int dir, const char *name,
    struct str path, struct err *e);
/* Names in a folder, in no order. */
int take_names(int dir, struct arena *a, struct str **out, size_t *n, struct err *e);

/* backup_home.c: all of them, or that of user. */
int take_homes(struct take *t, const char *user, struct err *e);
