/*
 * routes.h - every table of routes. An area adds its own here and in routes.c.
 */
#pragma once

#include "webd/exchange.h"

extern const struct route jmap_routes[];       /* jmap.c */
extern const struct route ws_routes[];         /* ws.c */
extern const struct route events_routes[];     /* events.c */
extern const struct route mcp_routes[];        /* mcp.c */
extern const struct route assistant_routes[];  /* assistant.c */
extern const struct route auth_routes[];       /* auth.c */
extern const struct route agents_routes[];     /* agents.c */
extern const struct route wellknown_routes[];  /* wellknown.c */
extern const struct route autoconfig_routes[]; /* autoconfig.c */
extern const struct route challenge_routes[];  /* challenge.c */

/* A table of a test's own, or NULL. */
extern const struct route *routes_more;

/* The row for a path and method. NULL: *status is 404 or 405, and *allow then the methods there
 * are. What no table has may be a file of the page (files.h). */
const struct route *
routes_find(struct str path, unsigned method, unsigned *status, unsigned *allow);
