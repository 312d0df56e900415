/*
 * app_used.c - see app_used.h.
 */
#include "authd/app_used.h"

#include <stddef.h>

#include "authd/notes.h"
#include "base/clock.h"

#define DAY_S  86400
#define KEPT_S (400 * (int64_t)DAY_S)
#define EACH_S 3600 /* programs log in all day: no need to write each time */

static struct note_key
key_of(struct str user, struct str name)
{
	struct str parts[2] = {user, name};

	return notes_key(NOTE_APPPASS, parts, 2);
}

void
app_used(struct str user, struct str name)
{
	struct note_key k = key_of(user, name);
	struct note *note = notes_get(NOTE_APPPASS, &k);
	int64_t now = clock_wall();

	/* A clock that went back is believed too. */
	if (note->a != 0 && now >= (int64_t)note->a && now < (int64_t)note->a + EACH_S)
		return;
	note->a = (uint64_t)now;
	notes_set(note, now + KEPT_S);
}

int64_t
app_used_last(struct str user, struct str name)
{
	struct note_key k = key_of(user, name);
	struct note *note = notes_find(NOTE_APPPASS, &k);

	return note != NULL ? (int64_t)note->a : 0;
}
