/*
 * owner_attack.c - an owner turned hostile, on a running suite: confined exactly as gk-mailboxd
 * confines the owner of a home, it tries to open what tests name.
 *
 *	owner_attack MAIL HOME UID PATH...
 *
 * MAIL is data_dir/mail, HOME relative to it, UID the store's (taken when we are root). For each
 * PATH one line, "read PATH: no" or "read PATH: yes", and "write …", by name and from a descriptor
 * of MAIL that it kept; then what it sees of its own: "own NAMES". Exit code 2 when it could not be
 * confined.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "mailboxd/owner.h"

static int mail_fd = -1;

/* As the parent is when it forks. */
static int
become_parent(uid_t uid)
{
	cap_value_t keep = CAP_SYS_CHROOT;
	cap_t caps = cap_init();
	int rc = -1;

	if (geteuid() != 0 || caps == NULL)
		return caps == NULL ? -1 : 0;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && setgroups(0, NULL) == 0 &&
	    setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0 &&
	    cap_set_flag(caps, CAP_PERMITTED, 1, &keep, CAP_SET) == 0 &&
	    cap_set_flag(caps, CAP_EFFECTIVE, 1, &keep, CAP_SET) == 0 && cap_set_proc(caps) == 0)
		rc = 0;
	cap_free(caps);
	return rc;
}

static int
try_open(const char *mail, const char *path, int flags)
{
	size_t n = strlen(mail);
	char up[PATH_MAX];

	if (open(path, flags | O_CLOEXEC) >= 0)
		return 1;
	/* From where the root may have been left open. */
	if (strncmp(path, mail, n) == 0 && path[n] == '/' &&
	    openat(mail_fd, path + n + 1, flags | O_CLOEXEC) >= 0)
		return 1;
	(void)snprintf(up, sizeof(up), "../../../../../../../../../../../..%s", path);
	return open(up, flags | O_CLOEXEC) >= 0 || openat(mail_fd, up, flags | O_CLOEXEC) >= 0;
}

static void
show_own(void)
{
	DIR *d = opendir("Maildir");
	unsigned n = 0;

	while (d != NULL && readdir(d) != NULL)
		n++;
	printf("own %u\n", n);
}

int
main(int argc, char **argv)
{
	struct sandbox_filter *filter;
	struct err e = {0};

	if (argc < 5)
		return 2;
	if (chdir(argv[1]) < 0 || (mail_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		perror(argv[1]);
		return 2;
	}
	filter = sandbox_filter_new(OWNER_CALLS, &e);
	if (filter == NULL || become_parent((uid_t)strtoul(argv[3], NULL, 10)) < 0 ||
	    owner_confine(argv[2], filter, true, &e) < 0) {
		fprintf(stderr, "not confined: %s\n", e.text);
		return 2;
	}
	for (int i = 4; i < argc; i++) {
		printf(
		    "read %s: %s\n", argv[i], try_open(argv[1], argv[i], O_RDONLY) ? "yes" : "no");
		printf(
		    "write %s: %s\n", argv[i], try_open(argv[1], argv[i], O_WRONLY) ? "yes" : "no");
	}
	show_own();
	fflush(stdout);
	return 0;
}
