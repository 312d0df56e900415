/* folder_fuzz.c - names of mailboxes: one form, and each directory leads back to its name. */
#include <stdint.h>

#include "base/mem.h"
#include "store/folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A normal name stays as it is, and its directory reads back to it. */
static void
check_name(struct str name)
{
	char dir[FOLDER_DIR_SIZE];
	struct buf again;

	buf_init(&again, FOLDER_NAME_MAX);
	assume(folder_normalize(name, &again, NULL) == 0);
	assume(str_eq(buf_view(&again), name));
	assume(folder_dir(name, dir, NULL) == 0);
	if (str_eq_z(name, "INBOX")) {
		assume(strcmp(dir, "Maildir") == 0);
	} else {
		assume(str_starts(str_z(dir), STR("Maildir/.")) && strchr(dir + 8, '/') == NULL);
		assume(folder_of_dir(str_z(dir + 8), &again) == 0);
		assume(str_eq(buf_view(&again), name));
	}
	buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = str_of(data, size);
	char dir[FOLDER_DIR_SIZE];
	struct buf name;

	buf_init(&name, FOLDER_NAME_MAX);
	if (folder_normalize(s, &name, NULL) == 0)
		check_name(buf_view(&name));
	if (folder_of_dir(s, &name) == 0) {
		check_name(buf_view(&name));
		assume(folder_dir(buf_view(&name), dir, NULL) == 0);
		assume(str_eq(s, str_z(dir + 8)));
	}
	buf_free(&name);
	return 0;
}
