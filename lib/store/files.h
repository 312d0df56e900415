/*
 * files.h - files of messages and directories of folders, relative to the home.
 *
 * Knows where things lie and what they are, nothing of the index. Only lib/store includes this.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "store/folder.h"
#include "store/index.h"
#include "store/maildir.h"

#define PATH_SIZE (FOLDER_DIR_SIZE + 4 + MAILDIR_NAME_SIZE)

/* ---- messages ---- */

int files_path(
    const struct mailbox *mb, const struct index_file *f, char out[PATH_SIZE], struct err *e);
/* mtime of dir/sub in nanoseconds; 0 when it cannot be told. */
int64_t files_mtime(const char *dir, const char *sub);
/* For reading, without a note of when in the inode, which would be a write for each message that is
 * read for the first time in a day. Only the file's owner may ask for that; a file of somebody
 * else's is opened as usual. Negative as open(2). */
int files_open_quietly(const char *path);
/* RFC822.SIZE of a file; -1 for what is no message (INVARIANTS 1), or not yet: it is passed over.
 */
int files_measure(const char *path, const struct maildir_name *n, uint64_t *size);
/* Octets of a message when each line ends in CRLF. */
uint64_t files_crlf_size(struct str s);

/* Is there room for so many octets that a client wants to add? E_NOSPACE below the floor
 * (INVARIANTS 7). */
int files_check_space(uint64_t size, struct err *e);

/* ---- folders, by normal name; durable on return ---- */

bool files_is_dir(const char *path);
/* made: it was not there before. A failure leaves nothing behind. */
int files_make_folder(struct str name, bool *made, struct err *e);
/* Takes back what files_make_folder() made; nothing is in it yet. Not durable. */
void files_unmake_folder(struct str name);
/* Not durable yet: before several are made for good, so that the first sync carries them all. */
int files_mkdir_folder(struct str name, struct err *e);
/* What is gone already is success. */
int files_remove_folder(struct str name, struct err *e);
/* Done before is success. */
int files_rename_folder(struct str from, struct str to, struct err *e);
int files_sync_folders(struct err *e);
