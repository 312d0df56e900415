/* Fuzz target of resource.c: addresses of resources. */
#include <stddef.h>
#include <stdint.h>

#include "mcpd/resource.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)mcp_resource_known(str_of(data, size));
	return 0;
}
