/*
 * smtp_out.h - one message to gk-smtpd, over the connection that the parent has given (outside.h):
 * EHLO, MAIL, RCPT, BDAT, QUIT, one after the other, as any client speaks SMTP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define SMTP_OUT_RCPTS_MAX 1000u
#define SMTP_OUT_REPLY_MAX 512u

/* What is sent; all of it must hold until done(). */
struct smtp_letter {
	struct str sender;     /* without brackets; empty: the null reverse-path */
	struct str parameters; /* of MAIL beside those below, each with a blank before it */
	const struct str *rcpts;
	const struct str *rcpt_parameters; /* of each RCPT, or NULL */
	size_t nrcpts;
	bool utf8;             /* SMTPUTF8 */
	bool eightbit;         /* BODY=8BITMIME */
	struct str head, body; /* octets of the message, header with its empty line first */
};

enum smtp_out_stage {
	SMTP_OUT_HELLO,
	SMTP_OUT_MAIL,
	SMTP_OUT_RCPT, /* one recipient or more were refused: nothing was sent */
	SMTP_OUT_DATA,
	SMTP_OUT_DONE /* taken */
};

struct smtp_result {
	enum smtp_out_stage stage; /* where it ended */
	unsigned code;             /* of the reply that ended it; 0: none came */
	struct str text;           /* of that reply: "550 5.7.1 …" */
	const struct str *rcpts;   /* the reply to each RCPT; empty where there was none */
	struct str mid;            /* taken: the message's id */
};

struct smtp_out;

/* Takes fd over. done is called once, never before this returns; result holds during it, and the
 * smtp_out is freed after it. */
struct smtp_out *smtp_out_new(int fd, const struct smtp_letter *letter,
    void (*done)(void *arg, const struct smtp_result *r), void *arg);
void smtp_out_free(struct smtp_out **s);
