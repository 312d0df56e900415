/*
 * prompt.h - what a model is told before it is asked.
 *
 * Rules in a prompt protect nothing: what a model may do is decided elsewhere (ADR 32). They make
 * it useful.
 */
#pragma once

#include "aid/turn.h"
#include "base/buf.h"

/* The system's message. */
void prompt_system(const struct turn *t, struct buf *out);
/* The person's, with what the page shows. */
void prompt_asked(const struct turn *t, struct buf *out);
/* What the second phase asks for: which messages belong to the answer. */
extern const char prompt_pick_en[], prompt_pick_fr[];
/* JSON Schema of that. */
extern const char prompt_pick_schema[];
