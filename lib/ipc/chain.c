/*
 * chain.c - see chain.h.
 */
#include "ipc/chain.h"

#include <sodium.h>

#include "base/num.h"

#define DIGEST (CHAIN_HEX / 2)

static const char hash_name[] = ",\"hash\":\"";
static const char prev_name[] = ",\"prev\":\"";
#define HASH_MEMBER (sizeof(hash_name) - 1 + CHAIN_HEX + 1) /* with the closing quote */
#define PREV_MEMBER (sizeof(prev_name) - 1 + CHAIN_HEX + 1)

void
chain_init(struct chain *c)
{
	c->seq = 0;
	memset(c->hash, '0', CHAIN_HEX);
	c->hash[CHAIN_HEX] = '\0';
}

static void
digest(struct str octets, char hex[CHAIN_HEX + 1])
{
	unsigned char raw[DIGEST];

	crypto_generichash(raw, sizeof(raw), (const unsigned char *)octets.p, octets.n, NULL, 0);
	sodium_bin2hex(hex, CHAIN_HEX + 1, raw, sizeof(raw));
}

void
chain_begin(const struct chain *c, struct buf *line)
{
	buf_printf(line, "{\"seq\":%llu", (unsigned long long)c->seq + 1);
}

void
chain_end(struct chain *c, struct buf *line)
{
	buf_printf(line, "%s%s\"", prev_name, c->hash);
	digest(buf_view(line), c->hash);
	buf_printf(line, "%s%s\"}\n", hash_name, c->hash);
	c->seq++;
}

bool
chain_hash_valid(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_digit(s.p[i]) && (s.p[i] < 'a' || s.p[i] > 'f'))
			return false;
	return s.n == CHAIN_HEX;
}

/* A member that stands at a place: its name and 64 digits. */
static int
member_at(struct str line, size_t at, const char *name, char out[CHAIN_HEX + 1])
{
	struct str m = str_from(line, at), hash;

	if (!str_starts(m, str_z(name)))
		return -1;
	hash = str_sub(m, strlen(name), CHAIN_HEX);
	if (!chain_hash_valid(hash) || m.p[strlen(name) + CHAIN_HEX] != '"')
		return -1;
	memcpy(out, hash.p, CHAIN_HEX);
	out[CHAIN_HEX] = '\0';
	return 0;
}

int
chain_read(struct str line, struct chain *out, char prev[CHAIN_HEX + 1], struct err *e)
{
	static const struct str begins = STR_INIT("{\"seq\":");
	struct str number = str_from(line, begins.n);
	char hash[CHAIN_HEX + 1];
	size_t at;

	if (line.n > CHAIN_LINE_MAX || line.n < begins.n + 1 + PREV_MEMBER + HASH_MEMBER + 1 ||
	    !str_starts(line, begins) || line.p[line.n - 1] != '}')
		return err_set(e, E_INVAL, "no record");
	at = line.n - 1 - HASH_MEMBER;
	if (member_at(line, at, hash_name, out->hash) < 0 ||
	    member_at(line, at - PREV_MEMBER, prev_name, prev) < 0 ||
	    num_parse(str_sub(number, 0, str_chr(number, ',')), 1, INT64_MAX, &out->seq) < 0)
		return err_set(e, E_INVAL, "no record");
	digest(str_sub(line, 0, at), hash);
	if (strcmp(hash, out->hash) != 0)
		return err_set(e, E_INVAL, "its hash is not that of its octets");
	return 0;
}

int
chain_follow(struct chain *c, struct str line, struct err *e)
{
	char prev[CHAIN_HEX + 1];
	struct chain now;

	if (chain_read(line, &now, prev, e) < 0)
		return -1;
	if (c->seq != 0 && now.seq != c->seq + 1)
		return err_set(e, E_INVAL, "record %llu stands behind %llu",
		    (unsigned long long)now.seq, (unsigned long long)c->seq);
	if (c->seq != 0 && strcmp(prev, c->hash) != 0)
		return err_set(e, E_INVAL, "it follows another record than the one before it");
	*c = now;
	return 0;
}
