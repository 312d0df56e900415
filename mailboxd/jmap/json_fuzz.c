/*
 * json_fuzz.c - libFuzzer target: what a client says, as JSON, as references to results, as a
 * patch.
 *
 * What json_check() lets pass cJSON must read, print and read again the same. The input as a list
 * of [value, path] pairs has each path looked for in the value, by the budget of a request.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "mailboxd/jmap/request.h"

static void
round_trip(const cJSON *v)
{
	struct buf text;
	cJSON *again;

	buf_init(&text, SIZE_MAX / 2);
	json_print(v, &text);
	again = json_parse(buf_view(&text), SIZE_MAX, NULL);
	assume(again != NULL);
	assume(json_count(again) == json_count(v));
	cJSON_Delete(again);
	buf_free(&text);
}

/* Core/echo of what refers to v by a path, as a request does it. */
static void
refer(const cJSON *v, const cJSON *path)
{
	struct jmap_request r = {.budget = {10000, 1000, 100000}};
	cJSON *result = cJSON_CreateArray(), *args = cJSON_CreateObject(),
	      *ref = cJSON_CreateObject();
	const char *type = "";
	struct err e = {0};

	arena_init(&r.arena);
	r.results = cJSON_CreateArray();
	json_add(result, json_new_str(STR("Core/echo")));
	json_add(result, cJSON_Duplicate(v, true));
	json_add(result, json_new_str(STR("c")));
	json_add(r.results, result);
	json_put_str(ref, "resultOf", STR("c"));
	json_put_str(ref, "name", STR("Core/echo"));
	json_put(ref, "path", cJSON_Duplicate(path, true));
	json_put(args, "#a", ref);
	if (jmap_references(&r, args, &type, &e) == 0) {
		assume(json_count(args) <= 1002);
		round_trip(args);
	}
	cJSON_Delete(args);
	cJSON_Delete(r.results);
	arena_free(&r.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e = {0};
	cJSON *v = json_parse(str_of(p, n), 10000, &e), *patched;
	const cJSON *m;

	if (v == NULL)
		return 0;
	round_trip(v);
	cJSON_ArrayForEach(m, v)
	{
		if (cJSON_IsArray(m) && cJSON_GetArraySize(m) == 2)
			refer(m->child, m->child->next);
		if (cJSON_IsArray(m) && cJSON_IsObject(m->child) &&
		    cJSON_IsObject(m->child->next) &&
		    (patched = json_patched(m->child, m->child->next, &e)) != NULL) {
			round_trip(patched);
			cJSON_Delete(patched);
		}
	}
	cJSON_Delete(v);
	return 0;
}
