/* Fuzz target of message.c: header fields and a body, apart by newlines; the answer is JSON again.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "mcpd/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_of(data, size);
	struct mcp_headers h = {0};
	struct mcp_message m;
	struct mcp_failure f;
	struct buf out;
	cJSON *again;

	(void)str_cut(&rest, '\n', &h.version);
	(void)str_cut(&rest, '\n', &h.method);
	(void)str_cut(&rest, '\n', &h.name);
	(void)str_cut(&rest, '\n', &h.session);
	buf_init(&out, 1u << 24);
	if (mcp_message_parse(&m, rest, size % 3 == 0 ? NULL : &h, size % 2 == 0, &f) < 0)
		mcp_failure_print(&m, &f, &out);
	else
		mcp_result_print(&m, cJSON_CreateObject(), &out);
	assume((again = json_parse(buf_view(&out), MCP_VALUES_MAX, NULL)) != NULL);
	cJSON_Delete(again);
	mcp_message_done(&m);
	buf_free(&out);
	return 0;
}
