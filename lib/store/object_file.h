/*
 * object_file.h - db/objects: the objects of a home (object.h) once more, from which a lost index
 * gets them back.
 *
 * A text of records behind a head line. Each is a line `<kind of record> <kind> <id> <octets>
 * <checksum>`, the octets, and a line end; the checksum (BLAKE2b, 16 octets in hex) is of all of it
 * before and after. Later ones override earlier ones; one that does not verify is passed over.
 *
 *	gkmail objects 1
 *	P <kind> <id> <octets> <checksum>	it is this text
 *	R <kind> <id> 0 <checksum>		it is removed
 *	N 0 <number> 0 <checksum>		numbers up to this one were given out
 *
 * Appended and synced behind each commit of the index that changed an object, before anybody hears
 * that it is done: what was answered is in both. Where that fails the index alone has it (told in
 * the log), and the file is written anew as soon as it can be. So it is after an end that was not
 * in order, when its last record may be torn or missing. Only lib/store includes this.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store/model.h"
#include "store/object.h"

#define OBJECT_FRAME    100u /* octets of a record beside its text, at most */
#define OBJECT_FILE_MAX (OBJECTS_OCTETS_MAX + 65536u)

/* A home opens. in_order: index and file agree, and what changes can be put behind. */
void object_file_begin(struct home *h, bool in_order);
/* Puts what the file has into an index that has none. */
int object_file_restore(struct home *h, struct err *e);

/* Facts for the next commit to append. */
void object_file_note(struct home *h, unsigned kind, uint32_t id, struct str text);
void object_file_note_gone(struct home *h, unsigned kind, uint32_t id);
/* Writes what was noted; durable on return. Failing is only logged. */
void object_file_append(struct home *h);
/* Writes the whole file anew from the index where it is behind, or mostly stale. */
void object_file_settle(struct home *h);
