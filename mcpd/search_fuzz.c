/* Fuzz target of search.c: whatever is typed is a filter within bounds. */
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "mcpd/search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct search_box boxes[] = {
	    {STR_INIT("m1"), STR_INIT("Inbox"), STR_INIT("inbox")},
	    {STR_INIT("m2"), STR_INIT("\xc3\x89t\xc3\xa9"), STR_INIT("")},
	    {STR_INIT("m3"), STR_INIT("Trash"), STR_INIT("trash")}};
	struct search s = {boxes, ARRAY_LEN(boxes), 1795361400, size % 3 ? 60 : -480, STR_NONE};
	cJSON *filter = search_filter(&s, str_of(data, size)), *again;
	struct buf text;

	assume(cJSON_IsObject(filter) && json_count(filter) <= 20 * size + 20);
	buf_init(&text, SIZE_MAX / 2);
	json_print(filter, &text);
	assume((again = json_parse(buf_view(&text), SIZE_MAX, NULL)) != NULL);
	cJSON_Delete(again);
	cJSON_Delete(filter);
	buf_free(&text);
	return 0;
}
