/*
 * main.c - gk-mailboxd: the mailboxes. The parent of one confined process per active user.
 *
 * Works in data_dir/mail. The parent knows who owns what and reads no mail; owners (owner.c) are
 * forked from it without exec, so that they start in about a millisecond, and confine themselves to
 * one home before they read a byte. They inherit the parent's filter and Landlock rules, and so the
 * parent's have to allow what an owner's do.
 */
#include <linux/capability.h>

#include "mail/charset.h"
#include "mailboxd/parent.h"
#include "svc/svc.h"

static const struct sandbox_path paths[] = {
    {".", SBP_READ | SBP_LIST | SBP_WRITE | SBP_MAKE | SBP_REMOVE | SBP_REFER | SBP_MAKE_DIR |
	      SBP_REMOVE_DIR | SBP_TRUNCATE},
};

static const struct svc svc = {
    .name = "mailboxd",
    .peer = PEER_MAILBOXD,
    .sections = "server mailbox imap submission smtp log",
    .root = "mail",
    .sandbox = OWNER_CALLS | SB_FORK,
    .paths = paths,
    .npaths = 1,
    .keep_caps = 1u << CAP_SYS_CHROOT,
    .start = parent_start,
    .message = parent_message,
    .channel = parent_channel,
    .reload = parent_reload,
    .log = parent_log,
    .drain = parent_drain,
};

int
main(int argc, char **argv)
{
	/* Owners search in any charset. What that needs is read from disk while there is no chroot
	 * yet. */
	charset_init();
	return svc_main(&svc, argc, argv);
}
