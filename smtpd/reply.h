/*
 * reply.h - every reply of the server, in one table: code, enhanced code (RFC 3463, 2034), text.
 *
 * A text may hold one "%s", for which the argument of reply_format() stands.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* RFC 5321 4.5.3.1.5: a reply line is at most 512 octets with its CRLF. */
#define REPLY_MAX 512u

/* clang-format off */
#define REPLIES(X) \
	/* Good news. */ \
	X(GREETING,        220, "",      "%s ESMTP GK Mail") \
	X(HELO,            250, "",      "%s") \
	X(OK,              250, "2.0.0", "OK") \
	X(SENDER_OK,       250, "2.1.0", "Sender OK") \
	X(RCPT_OK,         250, "2.1.5", "Recipient OK") \
	X(QUEUED,          250, "2.0.0", "Queued as %s") \
	X(CHUNK_OK,        250, "2.0.0", "%s octets received") \
	X(GO_AHEAD,        354, "",      "Send the message, end it with CRLF.CRLF") \
	X(BYE,             221, "2.0.0", "%s closing connection") \
	X(VRFY,            252, "2.5.2", "Send some mail, and it will be seen") \
	X(HELP,            214, "2.0.0", "See RFC 5321. Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP STARTTLS AUTH") \
	X(STARTTLS_GO,     220, "2.0.0", "Ready to start TLS") \
	X(AUTH_OK,         235, "2.7.0", "Authentication succeeded") \
	X(AUTH_CONTINUE,   334, "",      "%s") \
	/* The server cannot now. */ \
	X(SHUTDOWN,        421, "4.3.2", "%s shutting down, try again later") \
	X(TIMEOUT,         421, "4.4.2", "%s timed out waiting for you") \
	X(TOO_MANY_CONNS,  421, "4.7.0", "%s too many connections, try again later") \
	X(TOO_MANY_ERRORS, 421, "4.7.0", "%s too many errors, closing connection") \
	X(TOO_OFTEN,       421, "4.7.0", "%s too many connections from your address, try again later") \
	X(TROUBLE,         421, "4.7.0", "%s too many errors from your address, try again later") \
	X(BANNED,          421, "4.7.0", "%s takes nothing from your address for a while, try again later") \
	X(SESSION_OVER,    421, "4.7.0", "%s session lasted too long, closing connection") \
	X(REVOKED,         421, "4.7.0", "%s ends this session, log in again") \
	X(RATE_MESSAGES,   450, "4.7.1", "Too many messages from your address, try again later") \
	X(RATE_UNKNOWN,    450, "4.7.1", "Too many unknown recipients from your address, try again later") \
	X(USER_MESSAGES,   450, "4.7.1", "You have sent as many messages as you may for now, try again in %s") \
	X(GREYLISTED,      451, "4.7.1", "Greylisted, try again in %s") \
	X(UNAVAILABLE,     451, "4.3.2", "Part of the server is restarting, try again later") \
	X(LOCAL_ERROR,     451, "4.3.0", "Local error, try again later") \
	X(NOT_SIGNED,      451, "4.7.5", "The message cannot be signed now, try again later") \
	X(SCREEN_AWAY,     451, "4.7.1", "Mail cannot be checked at present, try again later") \
	X(SCREEN_DNS,      451, "4.4.3", "%s") \
	X(SCREEN_SPF_LATER, 451, "4.7.24", "%s") \
	X(NO_SPACE,        452, "4.3.1", "No room for more mail at present, try again later") \
	X(TOO_MANY_RCPTS,  452, "4.5.3", "Too many recipients, send the rest in another transaction") \
	X(USER_RCPTS,      452, "4.5.3", "You have sent to as many recipients as you may for now, try again in %s") \
	X(QUOTA,           452, "4.2.2", "Mailbox full") \
	X(TLS_UNAVAILABLE, 454, "4.7.0", "TLS not available") \
	X(AUTH_TEMP,       454, "4.7.0", "Temporary authentication failure") \
	/* The client is wrong. */ \
	X(UNKNOWN,         500, "5.5.1", "Command not recognized") \
	X(LINE_TOO_LONG,   500, "5.5.2", "Line too long") \
	X(LINE_BAD,        500, "5.5.2", "A line ends in CRLF and has no other CR, LF or NUL in it") \
	X(SYNTAX,          501, "5.5.4", "Syntax error in arguments") \
	X(BAD_SENDER,      501, "5.1.7", "Bad sender address syntax") \
	X(BAD_RCPT,        501, "5.1.3", "Bad recipient address syntax") \
	X(BAD_HELO,        501, "5.5.4", "Not a host name") \
	X(AUTH_SYNTAX,     501, "5.5.2", "Cannot make sense of that response") \
	X(AUTH_CANCELLED,  501, "5.0.0", "Authentication cancelled") \
	X(EXPN,            502, "5.5.1", "Lists are not told") \
	X(NO_AUTH_HERE,    502, "5.5.1", "No authentication here: users submit on ports 465 and 587") \
	X(NO_STARTTLS,     502, "5.5.1", "TLS is on already") \
	X(HELO_FIRST,      503, "5.5.1", "Say EHLO first") \
	X(MAIL_FIRST,      503, "5.5.1", "Need MAIL first") \
	X(IN_TRANSACTION,  503, "5.5.1", "A transaction is open: RSET first") \
	X(AUTH_DONE,       503, "5.5.1", "Already authenticated") \
	X(BDAT_OPEN,       503, "5.5.1", "Finish with BDAT, or RSET") \
	X(BDAT_FAILED,     503, "5.5.1", "The transaction has failed: RSET first") \
	X(AUTH_MECH,       504, "5.5.4", "Unknown authentication mechanism") \
	X(AUTH_REQUIRED,   530, "5.7.0", "Authentication required") \
	X(TLS_FIRST,       530, "5.7.0", "Say STARTTLS first") \
	X(AUTH_FAIL,       535, "5.7.8", "Authentication credentials invalid") \
	X(NEED_TLS,        538, "5.7.11", "Encryption required for authentication: STARTTLS first") \
	X(NO_USER,         550, "5.1.1", "No such user here") \
	X(RELAY,           550, "5.7.1", "Relaying denied") \
	X(LOOP,            550, "5.4.6", "This address leads back to itself") \
	X(NOT_OWNER,       550, "5.7.1", "Sender address is not yours") \
	X(FROM_NOT_OWNER,  550, "5.7.1", "The address in the %s field is not yours") \
	X(FROM_BAD,        550, "5.6.0", "The %s field must stand once and hold addresses") \
	X(FORGED,          550, "5.7.1", "Too many fields in our name") \
	X(SCREEN_SPF,      550, "5.7.23", "%s") \
	X(SCREEN_DMARC,    550, "5.7.26", "%s") \
	X(SCREEN_REFUSED,  550, "5.7.1", "%s") \
	X(BARE_EOL,        550, "5.6.0", "Message with a bare CR or LF in it refused") \
	X(TOO_BIG,         552, "5.3.4", "Message too big") \
	X(HEADER_TOO_BIG,  552, "5.3.4", "Message header too big") \
	X(NEED_SMTPUTF8,   553, "5.6.7", "Addresses beyond ASCII need SMTPUTF8") \
	X(NO_RCPTS,        554, "5.5.1", "No valid recipients") \
	X(TOO_MANY_HOPS,   554, "5.4.6", "Too many Received fields: this message loops") \
	X(TEXT_TOO_LONG,   554, "5.6.0", "Text line too long") \
	X(REFUSED,         554, "5.3.0", "Message refused") \
	X(EARLY_TALKER,    554, "5.5.0", "%s speaks first: wait for the greeting") \
	X(HASTY,           554, "5.5.0", "%s: commands before the answer to EHLO or HELO are not taken") \
	X(NOT_HTTP,        554, "5.5.1", "%s speaks SMTP, not HTTP") \
	X(UNKNOWN_PARAM,   555, "5.5.4", "Parameter not recognized")
/* clang-format on */

#define REPLY_ENUM(id, ...) REPLY_##id,
enum reply {
	REPLIES(REPLY_ENUM) REPLY_COUNT
};

/* The whole line with its CRLF into out; its length. Octets of arg that may not stand in a reply
 * become "?". */
size_t reply_format(enum reply r, struct str arg, char out[REPLY_MAX]);
int reply_code(enum reply r);
const char *reply_enhanced(enum reply r);
/* For logs: "relay", "no_user". */
const char *reply_name(enum reply r);
bool reply_is_refusal(enum reply r); /* 4xx or 5xx */
