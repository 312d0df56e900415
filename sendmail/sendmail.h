/*
 * sendmail.h - the stand-in for the program by which others send mail, and what its parts need of
 * one another.
 *
 * main.c takes the command line, letter.c makes a message of what came on standard input, talk.c
 * speaks SMTP with gk-smtpd by run_dir/submit.sock. It runs as whoever calls it, with no right that
 * the caller has not: who that is the kernel tells gk-master (docs/adr/0011-sendmail.md). Every
 * function that can fail returns an exit code of sysexits.h, and has said why.
 */
#pragma once

#include <stdbool.h>
#include <sysexits.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

/* The largest message read at all; what the server takes is less (smtp.max_size). */
#define LETTER_MAX (1u << 30)

/* What the command line says. */
struct options {
	bool from_header;   /* -t */
	bool dots;          /* no -i: a line of one dot ends the message */
	const char *sender; /* -f; NULL: the caller */
	const char *name;   /* -F */
	const char *notify; /* -N */
	const char *ret;    /* -R */
	const char *conf;   /* -C */
	char **to;
	int nto;
};

/* Who the caller is, by the server's word. */
struct account {
	struct str address, host;
	bool any; /* may write as anybody */
};

struct recipient {
	struct str address;
	const char *login; /* it was given without a domain: may be an account of this system */
};

struct letter {
	struct str sender; /* empty: the null path */
	struct recipient *to;
	size_t nto, cap;
	bool utf8; /* an address is not ASCII (RFC 6531) */
	struct buf text;
};

/* Prints "sendmail: …" and returns code. */
int complain(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));

/* Standard input, with lines that end in CRLF and no NUL. */
int letter_read(int fd, bool dots, struct buf *out);
/* The message as it is sent, its sender and recipients. */
int letter_make(struct str raw, const struct options *o, const struct account *who, struct arena *a,
    struct letter *out);

struct talk;
/* Connects, and hears who the caller is. Strings live as long as the arena. */
int talk_open(const char *socket, struct arena *a, struct talk **out, struct account *who);
int talk_send(struct talk *t, const struct options *o, const struct letter *l);
void talk_close(struct talk **t);
