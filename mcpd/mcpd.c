/* mcpd.c - see mcpd.h. */
#include "mcpd/mcpd.h"

#include "mcpd/exchange.h"
#include "mcpd/stream.h"
#include "svc/svc.h"

bool
mcpd_room(void)
{
	return mcp_stream_count() + mcp_session_count() <
	       conf_num(svc_conf(), CONF_MCP_MAX_CLIENTS);
}

void
mcpd_settle(void)
{
	if (svc_draining() && mcp_stream_count() == 0 && mcp_exchange_count() == 0)
		svc_drained();
}
