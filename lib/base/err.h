/*
 * err.h - the one error value.
 *
 * A function that can fail returns 0, or -1 with *e filled in. Each layer may put its own context
 * in front with err_wrap(); only the top of a call chain logs, once. Every function here takes e ==
 * NULL to mean "the caller does not want to know".
 */
#pragma once

#include <stdbool.h>

enum err_code {
	E_OK,
	E_TEMP,     /* try again later: 4xx */
	E_PERM,     /* will never work: 5xx */
	E_INVAL,    /* the caller's words are wrong */
	E_PROTO,    /* the peer broke the protocol */
	E_NOTFOUND, /* no such thing */
	E_EXISTS,   /* already there */
	E_DENIED,   /* not allowed */
	E_LIMIT,    /* a configured limit was met */
	E_QUOTA,    /* the mailbox or domain is full */
	E_NOSPACE,  /* the disk is full */
	E_IO,       /* the system refused */
	E_TIMEOUT,  /* no answer in time */
	E_CLOSED,   /* the peer or channel is gone */
	E_INTERNAL  /* our own mistake */
};

#define ERR_TEXT_MAX 512

struct err {
	enum err_code code;
	char text[ERR_TEXT_MAX]; /* one line, cut when too long */
};

/* Sets code and text. Returns -1, so that a failing function can return it. */
#define err_set(...) (err_put(__VA_ARGS__), err_failure())

/* The same with ": strerror(errno)" appended; the code follows from errno (ENOSPC, EDQUOT:
 * E_NOSPACE; ENOENT: E_NOTFOUND; EEXIST: E_EXISTS; EACCES, EPERM: E_DENIED; else E_IO). Returns -1.
 */
#define err_sys(...) (err_put_sys(__VA_ARGS__), err_failure())

/* Puts "context: " in front of the text. Returns -1. */
#define err_wrap(...) (err_put_context(__VA_ARGS__), err_failure())

/* What those three are made of: the -1 stands at the call, so that a compiler or analyzer that sees
 * one file only knows that the caller fails. */
void err_put(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), cold));
void err_put_sys(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));
void
err_put_context(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));

static inline int
err_failure(void)
{
	return -1;
}

/* True for what a retry may mend: E_TEMP, E_NOSPACE, E_IO, E_TIMEOUT, E_CLOSED, E_INTERNAL. */
bool err_is_temporary(const struct err *e);

/* The stable lower-case name of a code, for logs and --json. */
const char *err_code_name(enum err_code code);
