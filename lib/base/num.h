/*
 * num.h - arithmetic on numbers from outside, and their text.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define num_add(a, b, out) (!__builtin_add_overflow((a), (b), (out))) /* false on overflow */
#define num_sub(a, b, out) (!__builtin_sub_overflow((a), (b), (out)))
#define num_mul(a, b, out) (!__builtin_mul_overflow((a), (b), (out)))

#define num_min(a, b) ((a) < (b) ? (a) : (b))
#define num_max(a, b) ((a) > (b) ? (a) : (b))

/* Decimal digits only, all of s, within [min, max]; else -1 and *out untouched. */
int num_parse(struct str s, uint64_t min, uint64_t max, uint64_t *out);

/* "512", "64KiB", "50MiB", "2GiB" (also K, M, G, kB, MB, GB as powers of 1024 for IEC names only):
 * octets. */
int num_parse_size(struct str s, uint64_t *out);

/* "250ms", "30s", "5m", "4h", "2d", "1w": milliseconds. A bare number is refused. */
int num_parse_duration(struct str s, uint64_t *out);

/* The shortest exact form that the parsers above read back; out holds 24 octets. */
const char *num_size_text(uint64_t octets, char out[24]);
const char *num_duration_text(uint64_t ms, char out[24]);

/* The value of a hexadecimal digit, or of the two at s[at]; -1 where they are none. */
int num_hex(char c);
int num_hex_octet(struct str s, size_t at);

/* Big-endian octets, as every format of ours on disk and on a channel has them. */
void num_put_u16(void *p, uint16_t v);
void num_put_u32(void *p, uint32_t v);
void num_put_u64(void *p, uint64_t v);
uint16_t num_get_u16(const void *p);
uint32_t num_get_u32(const void *p);
uint64_t num_get_u64(const void *p);
