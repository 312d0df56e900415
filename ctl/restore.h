/* restore.h - what the two halves of gkmail restore share: restore.c, restore_user.c. */
#pragma once

#include "ctl/backup.h"

struct restore_wish {
	const char *user, *mailbox, *message, *to_mailbox;
};

/* Into the suite that runs. */
int restore_user(struct backup_store *s, const struct backup_manifest *m,
    const struct restore_wish *w, struct err *e);
