/*
 * mail.h - what tools, resources and prompts share of mail: invocations of JMAP, mailboxes, rows of
 * lists, texts of messages, and what is said when something is refused.
 *
 * Whatever comes from mail goes through fence.h on its way out, and by mail_seen() into the
 * session's origins.
 */
#pragma once

#include "mcpd/agent.h"
#include "mcpd/fence.h"
#include "mcpd/origin.h"
#include "mcpd/search.h"
#include "mcpd/tool.h"

#define MAIL_LIST_MAX  50u
#define MAIL_LIST_ROOM 15400u /* octets of a list's rows: 50 messages under 4,000 tokens */

/* What mail_row() needs of an email. */
#define MAIL_ROW                                                                        \
	"[\"id\",\"threadId\",\"mailboxIds\",\"keywords\",\"from\",\"to\",\"subject\"," \
	"\"receivedAt\",\"hasAttachment\",\"header:Authentication-Results:asRaw:all\"]"

/* ---- invocations ---- */

/* Appends ["method", args, "<its place>"]. args is taken. */
void mail_call(cJSON *calls, const char *method, cJSON *args);
/* JSON that is a constant of ours. */
cJSON *mail_json(const char *text);
/* A result reference (RFC 8620 3.7): name (with its '#') is what the invocation `of` gave. */
void mail_ref(cJSON *args, const char *name, const cJSON *calls, size_t of, const char *path);
/* As mcp_response(); NULL: the call has ended with what went wrong. */
const cJSON *mail_answer(struct mcp_call *c, const cJSON *responses, size_t i, const char *method);
/* The end: as mcp_done(); of a resource what there is to say becomes its contents. */
void mail_done(struct mcp_call *c);
/* The end: what was asked for is not there. As a tool's error, or as a resource's. */
void mail_none(struct mcp_call *c, const char *text);
/* What a SetError (RFC 8620 5.3) says; ends the call. what: what could not be done. */
void mail_refused(struct mcp_call *c, const char *what, const cJSON *error);
/* An argument that is a string; STR_NONE: it was not given. */
struct str mail_arg(const struct mcp_call *c, const char *name);
bool mail_arg_true(const struct mcp_call *c, const char *name);
/* limit: fallback where it was not given. */
int64_t mail_arg_int(const struct mcp_call *c, const char *name, int64_t fallback);

/* ---- mailboxes ---- */

/* {"ids":null,…}: what mail_boxes() reads. */
cJSON *mail_boxes_args(void);
/* Of the response of Mailbox/get; all of it in the call's arena. */
void mail_boxes(struct mcp_call *c, const cJSON *response, struct search *out);
/* By what an agent calls it. NULL: the call has ended and says which there are. */
const struct search_box *mail_box(struct mcp_call *c, const struct search *boxes, struct str named);

/* ---- what mail said ---- */

/* Text that goes to the agent, for its session's origins. where is a constant. */
void mail_seen(struct mcp_call *c, struct str text, struct str email, const char *where);
struct verdict_read mail_verdict(const cJSON *email);
/* The address of the first in From; "" where there is none. */
struct str mail_sender(const cJSON *email);
/* "Name <address>" of an EmailAddress, at most max octets; goes into origins too, and its address
 * where `where` is none of From. */
struct str mail_person(
    struct mcp_call *c, const cJSON *address, struct str email, const char *where, size_t max);
/* The same of a list of them, as an array of strings. */
cJSON *mail_people(struct mcp_call *c, const cJSON *list, struct str email, const char *where);
/* One line of a mail, visible, at most max octets of JSON. */
struct str mail_line(struct mcp_call *c, struct str text, size_t max);
/* The subject, seen. */
struct str mail_subject(struct mcp_call *c, const cJSON *email, size_t max);
/* Adds the members that stand before and behind all that came from mail in an object. */
void mail_begin(
    struct mcp_call *c, const struct fence *f, const char *what, const cJSON *email, cJSON *out);
void mail_end(struct mcp_call *c, const struct fence *f, cJSON *out);

/* A row of a list of n, {"id", "thread", "from" …}. */
cJSON *mail_row(struct mcp_call *c, const cJSON *email, const struct search *boxes, size_t n);
/* What a model knows of it from one tool need not be said again by the others. */
#define MAIL_ROW_SCHEMA                                                                        \
	"{\"type\":\"object\",\"required\":[\"id\",\"thread\",\"subject\",\"date\",\"auth\"]," \
	"\"properties\":{\"id\":{\"type\":\"string\"},\"thread\":{\"type\":\"string\"},"       \
	"\"from\":{\"type\":\"string\"},\"to\":{\"type\":\"string\",\"description\":"          \
	"\"In place of from where the user wrote it\"},\"subject\":{\"type\":\"string\"},"     \
	"\"date\":{\"type\":\"string\"},\"auth\":{\"enum\":[\"none\",\"unproven\",\"pass\","   \
	"\"fail\"],\"description\":\"What this host verified of the sender (DMARC); none: of " \
	"this host, or not looked at\"},\"unread\":{\"type\":\"boolean\"},\"flagged\":{"       \
	"\"type\":\"boolean\"},\"draft\":{\"type\":\"boolean\"},\"attachments\":{\"type\":"    \
	"\"boolean\"},\"messages\":{\"type\":\"integer\"}}}"
#define MAIL_ROW_AGAIN                                                               \
	"{\"type\":\"object\",\"required\":[\"id\",\"thread\",\"subject\",\"date\"," \
	"\"auth\"],\"description\":\"As of list_threads\"}"

/* ---- texts of messages ---- */

/* For Email/get: what mail_text() needs, with at most that many octets a part. */
void mail_text_args(cJSON *args, unsigned max);
/* What a reader of the page sees of it, as text; quotes false: without what it quotes. Appends.
 * false: parts of it were cut by the owner. */
bool mail_text(const cJSON *email, bool quotes, struct buf *out);
/* Of one part's value. */
void mail_text_of(struct str type, struct str value, bool quotes, struct buf *out);
