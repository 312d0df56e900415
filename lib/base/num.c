/* num.c - numbers from outside, and their text. */
#include "base/num.h"

#include <inttypes.h>

int
num_parse(struct str s, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_digit(s.p[i]) || !num_mul(v, 10u, &v) ||
		    !num_add(v, (uint64_t)(s.p[i] - '0'), &v))
			return -1;
	}
	if (v < min || v > max)
		return -1;
	*out = v;
	return 0;
}

struct unit {
	struct str name;
	uint64_t factor;
};

/* Longer names first where one begins another. The last is what the text functions write. */
static const struct unit sizes[] = {
    {STR_INIT("KiB"), 1ull << 10},
    {STR_INIT("MiB"), 1ull << 20},
    {STR_INIT("GiB"), 1ull << 30},
    {STR_INIT("TiB"), 1ull << 40},
    {STR_INIT("K"), 1ull << 10},
    {STR_INIT("M"), 1ull << 20},
    {STR_INIT("G"), 1ull << 30},
    {STR_INIT("T"), 1ull << 40},
    {STR_INIT("kB"), 1000},
    {STR_INIT("MB"), 1000000},
    {STR_INIT("GB"), 1000000000},
    {STR_INIT(""), 1},
};

static const struct unit durations[] = {
    {STR_INIT("ms"), 1},
    {STR_INIT("s"), 1000},
    {STR_INIT("m"), 60000},
    {STR_INIT("h"), 3600000},
    {STR_INIT("d"), 86400000},
    {STR_INIT("w"), 604800000},
};

static int
parse_unit(struct str s, const struct unit *units, size_t n, uint64_t *out)
{
	size_t digits = 0;
	uint64_t v;

	while (digits < s.n && is_digit(s.p[digits]))
		digits++;
	if (num_parse(str_of(s.p, digits), 0, UINT64_MAX, &v) < 0)
		return -1;
	s = str_from(s, digits);
	for (size_t i = 0; i < n; i++)
		if (str_eq(s, units[i].name))
			return num_mul(v, units[i].factor, out) ? 0 : -1;
	return -1;
}

int
num_parse_size(struct str s, uint64_t *out)
{
	return parse_unit(s, sizes, sizeof(sizes) / sizeof(sizes[0]), out);
}

int
num_parse_duration(struct str s, uint64_t *out)
{
	return parse_unit(s, durations, sizeof(durations) / sizeof(durations[0]), out);
}

static const char *
unit_text(uint64_t v, const struct unit *units, size_t n, char out[24])
{
	const struct unit *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (v >= units[i].factor && v % units[i].factor == 0)
			best = &units[i];
	snprintf(out, 24, "%" PRIu64 "%s", best ? v / best->factor : v,
	    best ? best->name.p : units[0].name.p);
	return out;
}

const char *
num_size_text(uint64_t octets, char out[24])
{
	if (octets == 0 || octets % 1024 != 0)
		snprintf(out, 24, "%" PRIu64, octets);
	else
		unit_text(octets, sizes, 4, out);
	return out;
}

const char *
num_duration_text(uint64_t ms, char out[24])
{
	if (ms == 0)
		return memcpy(out, "0s", 3);
	return unit_text(ms, durations, sizeof(durations) / sizeof(durations[0]), out);
}

static void
put_be(unsigned char *p, uint64_t v, size_t n)
{
	while (n > 0) {
		p[--n] = (unsigned char)(v & 0xff);
		v >>= 8;
	}
}

static uint64_t
get_be(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

int
num_hex(char c)
{
	if (is_digit(c))
		return c - '0';
	c = to_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
num_hex_octet(struct str s, size_t at)
{
	if (at >= s.n || s.n - at < 2 || num_hex(s.p[at]) < 0 || num_hex(s.p[at + 1]) < 0)
		return -1;
	return num_hex(s.p[at]) * 16 + num_hex(s.p[at + 1]);
}

void
num_put_u16(void *p, uint16_t v)
{
	put_be(p, v, 2);
}

void
num_put_u32(void *p, uint32_t v)
{
	put_be(p, v, 4);
}

void
num_put_u64(void *p, uint64_t v)
{
	put_be(p, v, 8);
}

uint16_t
num_get_u16(const void *p)
{
	return (uint16_t)get_be(p, 2);
}

uint32_t
num_get_u32(const void *p)
{
	return (uint32_t)get_be(p, 4);
}

uint64_t
num_get_u64(const void *p)
{
	return get_be(p, 8);
}
