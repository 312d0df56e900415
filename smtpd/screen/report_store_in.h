/* report_store_in.h - what the two halves of the store share. */
#pragma once

#include "base/clock.h"
#include "smtpd/screen/report_store.h"

struct report_store {
	struct db *db;
};

/* A statement with one number bound. */
int report_store_run1(struct report_store *s, const char *sql, int64_t v, struct err *e);
/* 1: the number in the first column of its first row; 0: there is none; -1. */
int report_store_get(struct report_store *s, const char *sql, int64_t *out, struct err *e);
/* The same with one number bound. */
int
report_store_get1(struct report_store *s, const char *sql, int64_t v, int64_t *out, struct err *e);
