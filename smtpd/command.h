/*
 * command.h - SMTP command lines, read into a struct.
 *
 * Pure: no I/O, no allocation; every string borrows from the line. What a command means, and
 * whether it may be given now, is the business of the verbs (helo.c, mailrcpt.c, data.c, bdat.c,
 * auth.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* RFC 5321 4.5.3.1.4 asks for 512 octets; extensions add to it. RFC 4954 4 asks for 12288 in AUTH.
 */
#define COMMAND_LINE_MAX      4096u
#define COMMAND_AUTH_LINE_MAX 12288u
/* RFC 5321 4.5.3.1.3 */
#define COMMAND_PATH_MAX 256u

enum verb {
	VERB_UNKNOWN,
	VERB_HTTP, /* somebody takes us for a web server, or makes a browser do so */
	VERB_HELO,
	VERB_EHLO,
	VERB_MAIL,
	VERB_RCPT,
	VERB_DATA,
	VERB_BDAT,
	VERB_RSET,
	VERB_NOOP,
	VERB_QUIT,
	VERB_VRFY,
	VERB_EXPN,
	VERB_HELP,
	VERB_STARTTLS,
	VERB_AUTH
};

enum command_result {
	COMMAND_OK,
	COMMAND_BAD_SYNTAX,   /* 501 5.5.4 */
	COMMAND_BAD_PATH,     /* 501 5.1.7, 5.1.3: no <path> */
	COMMAND_BAD_PARAM,    /* 501 5.5.4: a known parameter with a wrong value, or given twice */
	COMMAND_UNKNOWN_PARAM /* 555 5.5.4 */
};

/* Parameters that were given. */
#define PARAM_SIZE     0x01u  /* RFC 1870 */
#define PARAM_BODY     0x02u  /* RFC 6152 */
#define PARAM_SMTPUTF8 0x04u  /* RFC 6531 */
#define PARAM_RET      0x08u  /* RFC 3461 4.3 */
#define PARAM_ENVID    0x10u  /* RFC 3461 4.4 */
#define PARAM_AUTH     0x20u  /* RFC 4954 5 */
#define PARAM_NOTIFY   0x40u  /* RFC 3461 4.1 */
#define PARAM_ORCPT    0x80u  /* RFC 3461 4.2 */
#define PARAM_HOLD     0x100u /* RFC 4865 5: HOLDFOR or HOLDUNTIL */

struct command {
	enum verb verb;
	struct str arg;  /* what stands behind the verb, without blanks around it */
	struct str path; /* MAIL, RCPT: inside the brackets, without a source route; empty for <> */
	unsigned params; /* PARAM_ bits */
	uint64_t size;   /* SIZE=, or the octets of BDAT */
	bool eightbit;   /* BODY=8BITMIME */
	bool ret_full;   /* RET=FULL; else HDRS */
	uint32_t notify; /* NOTIFY_ bits of mail/envelope.h */
	struct str envid, orcpt; /* as given */
	uint64_t hold_for;       /* HOLDFOR: seconds */
	int64_t hold_until;      /* HOLDUNTIL: seconds since the epoch; 0: HOLDFOR was given */
	bool last;               /* BDAT … LAST */
	struct str mech;         /* AUTH */
	struct str initial;      /* AUTH: the initial response in base64 */
	bool has_initial;
};

/* line without its CRLF. The verb is set even when the rest is wrong. */
enum command_result command_parse(struct str line, struct command *out);
const char *command_verb_name(enum verb v);

enum line_result {
	LINE_MORE, /* no line yet */
	LINE_DONE, /* *line is one, *used octets with its CRLF */
	LINE_BAD,  /* the same, but it has a bare CR, a bare LF or a NUL in it (RFC 5321 2.3.8) */
	LINE_TOO_LONG /* *used octets are of a line that is too long: drop them, and all up to the
			 next CRLF */
};

/* The next line of the input. Lines that begin with AUTH, and all when auth is set, may be longer.
 */
enum line_result command_line(struct str in, bool auth, struct str *line, size_t *used);
