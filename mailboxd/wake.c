/*
 * wake.c - see parent.h: mail comes for a user who has no process and is away, with an answer to be
 * given (jmap/vacation.h), or has devices to be told (jmap/push.h). That there is one is told by a
 * file in the home, asked for by its name alone: two system calls for each delivery to a user who
 * sleeps.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "mailboxd/jmap/push.h"
#include "mailboxd/parent.h"
#include "store/answered.h"
#include "store/maildir.h"
#include "svc/svc.h"

static void
checked(void *arg, struct ipc_in *m, const struct err *e)
{
	char *name = arg;
	uint64_t quota;
	struct user *u;

	(void)e;
	if (m == NULL)
		goto out; /* the next mail, or client, wakes it */
	(void)ipc_get_str(m);
	quota = ipc_get_u64(m);
	if (ipc_end(m) < 0)
		goto out;
	u = user_get(str_z(name));
	u->mail = u->state == OWNER_NONE || u->state == OWNER_LEAVING;
	if (u->state == OWNER_NONE) {
		u->quota = quota;
		spawn_want(u);
	}
	user_settle(u);
out:
	free(name);
}

static bool
has_file(struct str user, const char *name)
{
	char path[MAILDIR_HOME_SIZE + 64], home[MAILDIR_HOME_SIZE];

	if (maildir_home(user, home, NULL) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "%s/%s", home, name);
	return faccessat(AT_FDCWD, path, F_OK, 0) == 0;
}

void
wake_revoked(struct str user)
{
	char path[MAILDIR_HOME_SIZE + sizeof PUSH_PATH + 1], home[MAILDIR_HOME_SIZE];

	if (maildir_home(user, home, NULL) < 0)
		return;
	(void)snprintf(path, sizeof(path), "%s/%s", home, PUSH_PATH);
	(void)unlinkat(AT_FDCWD, path, 0);
}

void
wake_delivered(struct str user)
{
	struct ipc_out m;

	if (!has_file(user, ANSWERED_PATH) && !has_file(user, PUSH_PATH))
		return;
	log_debug("mailbox.wake", LS("user", user));
	ipc_begin(&m, MSG_USER_CHECK);
	ipc_put_str(&m, user);
	ipc_call(svc_channel(PEER_AUTHD), &m, checked, mem_dup(user.p, user.n));
}
