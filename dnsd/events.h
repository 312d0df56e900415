/*
 * events.h - the loop as libunbound wants to see it.
 */
#pragma once

struct ub_event_base;

/* One for the process, never freed. */
struct ub_event_base *events_base(void);
