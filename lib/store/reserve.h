/*
 * reserve.h - octets of the store's file system that are kept back for the time when it is full
 * (INVARIANTS 7).
 *
 * One preallocated file, mail/.reserve. What must go on when there is no space left - delivery of
 * what was accepted, expunging, the index of a home that opens - lets go of a piece of it and tries
 * again. gk-local makes it, and makes it whole again when there is space; the parent of the owners
 * gives from it for them. Each holds a descriptor of its own, and the file's size is what is left.
 * Nothing of it has to be durable.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* The descriptor of it in mail, made where there is none. */
int reserve_open(int mail, struct err *e);
/* Lets go of a piece. true: there is more free space now than before. Not where space is not what
 * is missing. */
bool reserve_give(int fd);
/* Takes what is missing to size, when as much again stays free. true: it is whole. */
bool reserve_fill(int fd, uint64_t size);
/* Free octets of the file system of fd or of the working directory (-1); UINT64_MAX where that
 * cannot be known. */
uint64_t reserve_free(int fd);
/* So little that a piece of the reserve is needed. */
bool reserve_is_full(uint64_t octets);
