/*
 * token.h - sender tokens: how gk-smtpd, which authenticates nobody itself, proves to gk-sign whose
 * submission it hands over (docs/adr/0018-dkim-signing.md).
 *
 * 32 random octets, given with a login over SMTP or, for a program of this machine, to master on
 * its word. Good for as many messages as the session has, so until the session ends, its user's
 * password changes, gk-smtpd ends, or a day is over. Kept by their digest.
 */
#pragma once

#include <stdbool.h>

#include "base/str.h"

#define TOKEN_SIZE 32u
#define TOKEN_MS   86400000u /* the longest smtp.session_timeout */
#define TOKEN_MAX  65536u

void token_issue(struct str user, bool trusted, unsigned char out[TOKEN_SIZE]);
/* The same of what an agent session of the user's has asked to be sent: it needs approval. */
void token_issue_agent(struct str user, struct str session, unsigned char out[TOKEN_SIZE]);
/* True, whose it is, and the agent session (empty: none): borrowed as below. */
bool token_find_agent(struct str token, struct str *user, struct str *session);
/* True, and whose it is: borrowed, until anything else of this page is called. trusted: may write
 * as anybody. */
bool token_find(struct str token, struct str *user, bool *trusted);
void token_end(struct str token);
void token_revoke(struct str user);
void token_done(void); /* all of them */
