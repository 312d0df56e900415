/*
 * page.h - memory that several processes share, of a size that nobody changes: a reader must not be
 * killed by a page that shrinks (SIGBUS).
 */
#pragma once

#include <stddef.h>

#include "base/err.h"

/* A descriptor to so many zeroed octets. name: for /proc. */
int page_create(const char *name, size_t size, struct err *e);
/* The same page through another descriptor, by which it cannot be written. */
int page_read_only(int fd, struct err *e);
/* prot as of mmap(2). NULL: E_INVAL, it is smaller than that. */
void *page_map(int fd, size_t size, int prot, struct err *e);
