/*
 * lookup.h - looks up what an evaluator wished for (sender/facts.h), by gk-dnsd.
 */
#pragma once

#include "net/dns.h"
#include "sender/facts.h"

struct lookup;

/* Asks for every wish of f, and calls fn once, from the loop, when all are answered. dns and f
 * outlive it. */
struct lookup *lookup_new(struct dns *dns, struct facts *f, void (*fn)(void *arg), void *arg);
/* Also before fn was called; from within fn too. NULL inside is fine. */
void lookup_free(struct lookup **l);
