/*
 * route.h - the rows of [[route]], and which of them mail for a domain takes.
 *
 * The queue keeps mail by destination: the recipients' domain, or, where a route names the next
 * host, that host ("relay.example.net:587"), so that a smart host is one destination however many
 * domains go by it. gk-remote finds the route again by the destination. No route changes what an
 * address literal is: "[192.0.2.1]" is a domain that only "*" covers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "svc/conf.h"

struct routes;

#define ROUTE_NONE ((size_t)-1)

struct routes *routes_new(const struct conf *c);
void routes_free(struct routes **r);

/* Where mail for a domain (A-labels, lower case) waits: the domain itself, or the name of a route,
 * which lives as long as r. */
struct str routes_destination(const struct routes *r, struct str domain);
/* Which row of CONF_TABLE_ROUTE holds for a destination, or ROUTE_NONE. */
size_t routes_find(const struct routes *r, struct str dest);
/* The first row with the same text for that key, a file: it is opened once, and has that row's
 * number in its name ("route.0.password_file"). */
size_t route_file_row(const struct conf *c, enum conf_key k, size_t i);
#define ROUTE_FILE_SIZE 40u
/* "route.0.password_file": as master hands it over (svc_file()). */
const char *route_file_name(enum conf_key k, size_t row, char out[ROUTE_FILE_SIZE]);
/* Is it the name of a route, though perhaps of one that is there no more? */
bool routes_is_name(struct str dest);
