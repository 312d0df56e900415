/*
 * lex.h - the tokens of IMAP (RFC 3501 9), read one by one from a complete command.
 *
 * Each function takes its token off the front and returns 0, or -1 with l->e set (E_INVAL, words
 * for a BAD). Results borrow from the input, except quoted strings with escapes, which are copied
 * into the arena. Literals stand in the input with their octets behind "{n}CRLF", as the framer
 * left them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct lex {
	const char *p;
	size_t n; /* left */
	struct arena *a;
	struct err *e;
};

void lex_init(struct lex *l, struct str s, struct arena *a, struct err *e);
/* The next octet, or 0 at the end. */
char lex_peek(const struct lex *l);
/* Takes c when it is next. */
bool lex_take(struct lex *l, char c);
/* Takes word when it is next, in any case, and no atom character follows. */
bool lex_word(struct lex *l, const char *word);
int lex_space(struct lex *l);
int lex_char(struct lex *l, char c);
int lex_end(struct lex *l);
int lex_tag(struct lex *l, struct str *out);
int lex_atom(struct lex *l, struct str *out);
int lex_astring(struct lex *l, struct str *out);
int lex_string(struct lex *l, struct str *out);
int lex_nstring(struct lex *l, struct str *out); /* NIL: STR_NONE */
/* list-mailbox: an astring in which wildcards may stand bare. */
int lex_list_mailbox(struct lex *l, struct str *out);
int lex_number(struct lex *l, uint64_t min, uint64_t max, uint64_t *out);
/* "{n}" or "{n+}" at the very end of the input (RFC 7888). */
int lex_literal_header(struct lex *l, uint64_t *size, bool *sync);
/* -1 with E_INVAL and "text". */
int lex_fail(struct lex *l, const char *text);

/* What may be written bare; else it wants quotes or a literal. */
bool lex_is_atom(struct str s);
bool lex_is_astring(struct str s);
