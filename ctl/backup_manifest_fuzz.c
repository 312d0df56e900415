/* backup_manifest_fuzz.c - hostile manifests under a digest that is right: what is read stays below
 * its tree, and is read the same when it is written again. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ctl/backup.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str rest = str_of(p, n), line;
	struct backup_manifest m, again;
	uint64_t files = 0;
	struct buf b, c;
	struct arena a;
	struct err e;

	arena_init(&a);
	buf_init(&b, 1 << 22);
	buf_init(&c, 1 << 22);
	/* As many files as lines that look like one, of size 0. */
	buf_puts(&b, "gkmail-backup 1\n\n");
	while (str_cut(&rest, '\n', &line)) {
		buf_printf(&b, STR_FMT "\n", STR_ARG(line));
		files += line.n > 0 && line.p[0] == 'f';
	}
	backup_manifest_end(&b, files, 0);
	if (!b.over && backup_manifest_read(buf_view(&b), &a, &m, &e) == 0) {
		backup_manifest_head(&c, &m);
		for (size_t i = 0; i < m.n; i++) {
			assume(str_starts(m.v[i].path, STR("data")) ||
			       str_starts(m.v[i].path, STR("config/")));
			assume(str_find(m.v[i].path, STR("/../")) == m.v[i].path.n);
			backup_manifest_add(&c, &m.v[i]);
		}
		backup_manifest_end(&c, files, 0);
		assume(backup_manifest_read(buf_view(&c), &a, &again, &e) == 0 && again.n == m.n);
		for (size_t i = 0; i < m.n; i++)
			assume(str_eq(m.v[i].path, again.v[i].path));
	}
	buf_free(&b);
	buf_free(&c);
	arena_free(&a);
	return 0;
}
