/*
 * token.h - the words of a request, as the grammar compares them.
 *
 * A word is folded as search folds it (mail/words.h): "Reçus" is "recus". What people write as one
 * piece stays one: an address, a quotation, a date in figures. The raw text is kept beside it,
 * since names and texts are taken over as they were typed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

#define TOKENS_MAX 256u

enum token_kind {
	TOKEN_WORD,
	TOKEN_NUMBER,  /* digits alone */
	TOKEN_ADDRESS, /* with an '@' inside */
	TOKEN_QUOTED,  /* raw is what stands between the quotes */
	TOKEN_DATE,    /* 2026-03-05, 05/03/2026 */
	TOKEN_MARK     /* one of , ; : and the end of a line */
};

struct token {
	enum token_kind kind;
	struct str word;   /* folded; the mark itself; empty for an address or a quotation */
	struct str raw;    /* as typed, borrowed from the text */
	size_t start, end; /* octets of the text, quotes included */
};

struct tokens {
	struct token t[TOKENS_MAX];
	size_t n;
	struct str text;
};

/* Takes the first TOKENS_MAX tokens of text (borrowed; any octets); words are in the arena. */
void tokens_scan(struct tokens *out, struct str text, struct arena *a);
