/* maildir_fuzz.c - names of message files and homes: what parses can be written again. */
#include <stdint.h>

#include "base/mem.h"
#include "store/maildir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[MAILDIR_NAME_SIZE], home[MAILDIR_HOME_SIZE];
	struct str s = str_of(data, size);
	struct maildir_name m, again;

	if (maildir_parse(s, &m) == 0 && maildir_name(name, m.base, m.letters) == 0) {
		assume(maildir_parse(str_z(name), &again) == 0);
		assume(str_eq(m.base, again.base) && str_eq(m.id, again.id));
		assume(m.letters == again.letters && m.time == again.time);
		assume(m.has_size == again.has_size && m.size == again.size);
		assume(str_eq(m.email, again.email));
	}
	if (maildir_home(s, home, NULL) == 0) {
		assume(home[0] != '/' && home[0] != '.' && strstr(home, "/.") == NULL);
		assume(strchr(strchr(home, '/') + 1, '/') == NULL);
	}
	return 0;
}
