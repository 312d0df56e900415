/*
 * backup.h - backups: a folder that holds snapshots of the suite, and what of it backup and restore
 * share.
 *
 *	FOLDER/gkmail-backup            says what this is, and how to read it
 *	FOLDER/objects/ab/cdef...       octets of files, named by their BLAKE2b-256 (b2sum -l 256)
 *	FOLDER/snapshots/TIME.manifest  a snapshot: which files there were, and which octets each
 *has FOLDER/tmp/                     what is being written
 *
 * An object is never changed. A manifest is there once all that it names is durable, and ends with
 * a digest of itself. Owner: whoever runs gkmail, root as a rule; folders 0700, files 0600.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define BACKUP_DIGEST   32u
#define BACKUP_HEX_SIZE 65u
#define BACKUP_NAME_LEN 16u /* of a snapshot: 20261123T120000Z */
#define BACKUP_PIECE    (256u << 10)

/* ---- manifests (backup_manifest.c) ---- */

struct backup_entry {
	bool folder;
	char digest[BACKUP_HEX_SIZE]; /* of the octets; empty: a folder has none */
	uint64_t size;
	uint32_t mode;
	int64_t mtime;          /* ns */
	struct str user, group; /* names, or numbers of those who have none */
	struct str path; /* "data/…", below data_dir, or "config/…" with the whole path */
};

struct backup_manifest {
	struct str scope; /* "all", or the address of the only user in it */
	struct str host, build, base;
	struct str config, data; /* where the configuration and data_dir were */
	struct backup_entry *v;
	size_t n;
	uint64_t octets; /* of all files */
};

void backup_manifest_head(struct buf *b, const struct backup_manifest *m);
void backup_manifest_add(struct buf *b, const struct backup_entry *x);
/* The last line, behind which nothing comes. */
void backup_manifest_end(struct buf *b, uint64_t files, uint64_t octets);
/* Of a whole file; strings lie in a. E_PROTO: it is damaged, or leads out of its tree. E_PERM: of a
 * version that this build does not know. */
int
backup_manifest_read(struct str text, struct arena *a, struct backup_manifest *out, struct err *e);
/* 20261123T120000Z */
bool backup_name_valid(struct str name);

/* ---- the folder (backup_store.c) ---- */

struct backup_store {
	const char *path;
	int dir, objects, snapshots, tmp;
	int lock;
	int sync; /* opened before anything was written (INVARIANTS 5) */
};

/* write: to take or prune; nobody else then has it open. make: it is made where it is not there.
 * E_NOTFOUND; E_TEMP: somebody else has it. */
int
backup_store_open(struct backup_store *s, const char *path, bool write, bool make, struct err *e);
void backup_store_close(struct backup_store *s);
/* Names, oldest first. */
int backup_store_list(
    struct backup_store *s, struct arena *a, struct str **names, size_t *n, struct err *e);
/* The snapshot of that name. E_NOTFOUND: there is none. */
int backup_store_read(struct backup_store *s, const char *at, struct arena *a,
    struct backup_manifest *out, struct str *name, struct err *e);
/* The last snapshot, or the last one of everything (whole). *name says which. E_NOTFOUND: there is
 * none. */
int backup_store_last(struct backup_store *s, bool whole, struct arena *a,
    struct backup_manifest *out, struct str *name, struct err *e);
/* Is there an object of that size? */
bool backup_store_has(struct backup_store *s, const char *digest, uint64_t size);
/* Makes an object of what fd has from its position on, at most max octets of it. trim: without
 * blocks of zeros at the end. known() says whether an object of that digest may be believed to be
 * good. *added: octets that were not there before. */
struct backup_copy {
	uint64_t max;
	bool trim;
	bool to_line_end; /* nothing behind the last line end */
	bool (*known)(void *arg, const char *digest);
	void *arg;
};
int backup_store_put(struct backup_store *s, int fd, const struct backup_copy *how,
    struct backup_entry *x, uint64_t *added, struct err *e);
/* Reads the whole of an object, writes it to fd (-1: nowhere). E_PROTO: it is not what its name
 * says; E_NOTFOUND. */
int backup_store_get(struct backup_store *s, const struct backup_entry *x, int fd, struct err *e);
/* The snapshot is there, durably, on return. */
int backup_store_commit(
    struct backup_store *s, struct str text, char name[BACKUP_NAME_LEN + 1], struct err *e);
/* Removes a snapshot, durably; objects that nobody names stay until backup_store_sweep(). */
int backup_store_drop(struct backup_store *s, struct str name, struct err *e);
/* Removes objects that `keeps` denies. */
int backup_store_sweep(struct backup_store *s, bool (*keeps)(void *arg, const char *digest),
    void *arg, uint64_t *objects, uint64_t *octets, struct err *e);
/* Digest of octets as text. */
void backup_digest(struct str octets, char out[BACKUP_HEX_SIZE]);

/* ---- sets of digests (backup_set.c) ---- */

struct backup_set;
bool backup_set_add(struct backup_set **s, const char *digest); /* was it new? */
bool backup_set_has(struct backup_set *s, const char *digest);
void backup_set_free(struct backup_set **s);

/* ---- taking one (backup_take.c) ---- */

struct backup_taken {
	uint64_t files, octets, added_files, added, homes;
	char name[BACKUP_NAME_LEN + 1];
};

/* user: NULL, or the only user that is wanted. */
int backup_take(struct backup_store *s, const char *user, struct backup_taken *out, struct err *e);

/* ---- what the verbs share (backup.c) ---- */

/* The folder that was named, or that of the configuration. NULL on error. */
const char *backup_folder(const char *given, struct err *e);
/* The last snapshot of everything, and the seconds since; false: there was none. */
bool backup_last(struct str *name, uint64_t *age);
/* Reads all that a snapshot names, but for what is known to be good, and tells what is damaged. */
int backup_verify(struct backup_store *s, const struct backup_manifest *m, struct backup_set **good,
    uint64_t *damaged, struct err *e);

/* ---- who files belong to (backup_names.c) ---- */

/* Can a manifest have it as a name? */
bool backup_is_name(struct str name);
/* Name of a uid or gid, or its number. */
struct str backup_user_name(uint32_t uid);
struct str backup_group_name(uint32_t gid);
int backup_user_id(struct str name, uint32_t *uid, struct err *e);
int backup_group_id(struct str name, uint32_t *gid, struct err *e);
