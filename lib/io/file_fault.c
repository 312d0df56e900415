/*
 * file_fault.c - see file_fault.h. Without GK_FAULTS there is nothing here.
 *
 * Threads of one process share the rules under a lock; a sleep is without it.
 */
#include "io/file_fault.h"

#ifdef GK_FAULTS
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define RULES 32u

struct rule {
	char op[16], name[64], action[16], process[32];
	unsigned often, pass;
};

static const char *page;
static char seen[24]; /* the number of the text that the rules are of */
static struct rule rules[RULES];
static unsigned nrules;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Before main: later the sandbox would not let us. */
__attribute__((constructor)) static void
map_page(void)
{
	const char *path = getenv("GKMAIL_FAULTS");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, FAULT_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	page = p == MAP_FAILED ? NULL : p;
}

static void
read_rules(char *text)
{
	char *rest = text, *line;

	nrules = 0;
	(void)strsep(&rest, "\n"); /* the number */
	while ((line = strsep(&rest, "\n")) != NULL && nrules < RULES) {
		struct rule *r = &rules[nrules];

		/* What a rule leaves out must not be taken from the next line. */
		*r = (struct rule){.process = "*", .often = ~0u};
		if (sscanf(line, "%15s %63s %15s %31s %u %u", r->op, r->name, r->action, r->process,
			&r->often, &r->pass) >= 3)
			nrules++;
	}
}

static void
refresh(void)
{
	char text[FAULT_PAGE];

	if (strncmp(page, seen, strlen(seen)) == 0 && seen[0] != '\0')
		return;
	memcpy(text, page, sizeof(text));
	text[sizeof(text) - 1] = '\0';
	snprintf(seen, sizeof(seen), "%.*s", (int)strcspn(text, "\n") + 1, text);
	read_rules(text);
}

static bool
applies(struct rule *r, const char *op, const char *name)
{
	if (strcmp(r->op, "*") != 0 && strcmp(r->op, op) != 0)
		return false;
	if (strcmp(r->name, "*") != 0 && (!name || !strstr(name, r->name)))
		return false;
	if (strcmp(r->process, "*") != 0 && strcmp(r->process, program_invocation_short_name) != 0)
		return false;
	if (r->pass > 0) {
		r->pass--;
		return false;
	}
	if (r->often == 0)
		return false;
	r->often--;
	return true;
}

static int
act(const char *action)
{
	struct timespec t;
	unsigned ms;

	if (strcmp(action, "EIO") == 0)
		return EIO;
	if (strcmp(action, "ENOSPC") == 0)
		return ENOSPC;
	if (strcmp(action, "skip") == 0)
		return FILE_LEAVE_OUT;
	if (sscanf(action, "sleep=%u", &ms) == 1) {
		t = (struct timespec){ms / 1000, (long)(ms % 1000) * 1000000};
		nanosleep(&t, NULL);
	}
	return 0;
}

int
file_fault_page(enum file_op op, const char *name)
{
	static const char *const names[] = {"open", "read", "write", "sync", "syncdir", "syncall",
	    "link", "rename", "unlink", "reserve", "truncate"};
	char action[16] = "";

	if (!page)
		return 0;
	pthread_mutex_lock(&lock);
	refresh();
	for (unsigned i = 0; i < nrules && action[0] == '\0'; i++)
		if (applies(&rules[i], names[op], name))
			memcpy(action, rules[i].action, sizeof(action));
	pthread_mutex_unlock(&lock);
	return act(action);
}
#endif
