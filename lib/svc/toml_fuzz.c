/* toml_fuzz.c - any octets: a tree that can be walked, or an error that names a place. */
#include "base/mem.h"
#include "svc/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
walk(const struct toml *v, unsigned depth)
{
	assume(depth < 300 && v->line >= 1 && v->column >= 1);
	for (const struct toml *c = v->child; c != NULL; c = c->next) {
		if (v->type == TOML_TABLE) {
			assume(toml_get(v, c->key) == c);
			assume(c->key_line >= 1 && c->key_column >= 1);
		}
		walk(c, depth + 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena a;
	struct err e;
	struct toml *root;

	arena_init(&a);
	root = toml_parse(str_of(p, n), "t", &a, &e);
	if (root != NULL)
		walk(root, 0);
	else
		assume(strncmp(e.text, "t:", 2) == 0);
	arena_free(&a);
	return 0;
}
