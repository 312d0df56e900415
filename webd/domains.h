/*
 * domains.h - is a domain one of ours? gk-authd knows.
 */
#pragma once

#include "webd/exchange.h"

/* Calls then() in a later turn when the domain is ours; else x is answered with 404, or 503 when
 * gk-authd does not tell. Takes x's events. */
void domains_ask(
    struct exchange *x, struct str domain, void (*then)(struct exchange *x, void *arg), void *arg);
