/* packet_test.c - DNS messages read into fields: good ones, every cut of them, hostile ones. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "dnsd/packet.h"

/* ---- writing messages ---- */

static struct buf b;
static unsigned answers, authorities;

static void
put16(unsigned v)
{
	unsigned char p[2];

	num_put_u16(p, (uint16_t)v);
	assert_int_equal(buf_put(&b, p, 2), 0);
}

static void
put_name(const char *name)
{
	struct str rest = str_z(name), label;

	while (rest.n > 0) {
		str_cut(&rest, '.', &label);
		assert_int_equal(buf_putc(&b, (char)label.n), 0);
		assert_int_equal(buf_str(&b, label), 0);
	}
	assert_int_equal(buf_putc(&b, '\0'), 0);
}

static void
message(unsigned rcode, const char *name, enum dns_type type)
{
	buf_reset(&b);
	answers = authorities = 0;
	put16(1);
	put16(0x8180u | rcode);
	put16(1);
	put16(0);
	put16(0);
	put16(0);
	put_name(name);
	put16(type);
	put16(1);
}

/* A record with data as it stands. */
static void
record(const char *owner, unsigned type, uint32_t ttl, struct str data)
{
	unsigned char p[4];

	put_name(owner);
	put16(type);
	put16(1);
	num_put_u32(p, ttl);
	assert_int_equal(buf_put(&b, p, 4), 0);
	put16((unsigned)data.n);
	assert_int_equal(buf_str(&b, data), 0);
	if (type == 6)
		num_put_u16(b.p + 8, (uint16_t)++authorities);
	else
		num_put_u16(b.p + 6, (uint16_t)++answers);
}

static struct arena arena;
static struct dns_answer r;

static void
read_it(const char *name, enum dns_type type)
{
	arena_reset(&arena);
	packet_read(buf_view(&b), str_z(name), type, &arena, &r);
}

static void
equal(struct str got, const char *want)
{
	if (!str_eq_z(got, want))
		fail_msg("got \"" STR_FMT "\", want \"%s\"", STR_ARG(got), want);
}

static int
setup(void **state)
{
	(void)state;
	buf_init(&b, 1u << 20);
	arena_init(&arena);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_free(&b);
	arena_free(&arena);
	return 0;
}

/* ---- good ones ---- */

static void
test_types(void **state)
{
	(void)state;
	message(0, "x.test", DNS_A);
	record("X.tesT", DNS_A, 60, STR("\xc0\x00\x02\x07"));
	read_it("x.TEST", DNS_A);
	assert_int_equal(r.status, DNS_FOUND);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.ttl, 60);
	assert_int_equal(ntohl(r.records[0].a.s_addr), 0xc0000207);
	equal(r.canonical, "x.test");

	message(0, "x.test", DNS_AAAA);
	record("x.test", DNS_AAAA, 60, STR("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"));
	read_it("x.test", DNS_AAAA);
	assert_int_equal(r.records[0].aaaa.s6_addr[15], 1);

	message(0, "x.test", DNS_MX);
	record("x.test", DNS_MX, 60, STR("\0\x0a\2MX\1y\0"));
	record("x.test", DNS_MX, 30, STR("\0\x00\0"));
	read_it("x.test", DNS_MX);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.ttl, 30);
	assert_int_equal(r.records[0].preference, 10);
	equal(r.records[0].name, "mx.y");
	equal(r.records[1].name, "."); /* RFC 7505 */

	message(0, "_25._tcp.x.test", DNS_TLSA);
	record("_25._tcp.x.test", DNS_TLSA, 60, STR("\3\1\1abc"));
	read_it("_25._tcp.x.test.", DNS_TLSA);
	assert_int_equal(r.records[0].usage, 3);
	assert_int_equal(r.records[0].selector, 1);
	assert_int_equal(r.records[0].matching, 1);
	equal(r.records[0].data, "abc");

	message(0, "s.test", DNS_SRV);
	record("s.test", DNS_SRV, 60, STR("\0\1\0\2\0\x19\1h\0"));
	read_it("s.test", DNS_SRV);
	assert_int_equal(r.records[0].preference, 1);
	assert_int_equal(r.records[0].weight, 2);
	assert_int_equal(r.records[0].port, 25);
	equal(r.records[0].name, "h");
}

static void
test_txt_is_joined(void **state)
{
	struct buf data;
	char whole[256];

	(void)state;
	message(0, "x.test", DNS_TXT);
	record("x.test", DNS_TXT, 60, STR("\6v=spf1\0\6 a -al\1l"));
	record("x.test", DNS_TXT, 60, STR("\3\0\xff\n"));
	record("x.test", DNS_TXT, 60, STR(""));
	read_it("x.test", DNS_TXT);
	assert_int_equal(r.n, 3);
	equal(r.records[0].data, "v=spf1 a -all");
	assert_true(str_eq(r.records[1].data, STR("\0\xff\n")));
	assert_int_equal(r.records[2].data.n, 0);

	/* As much as a message can hold. */
	buf_init(&data, 65536);
	memset(whole, 'x', sizeof(whole));
	whole[0] = (char)255;
	for (int i = 0; i < 255; i++)
		assert_int_equal(buf_put(&data, whole, 256), 0);
	message(0, "x.test", DNS_TXT);
	record("x.test", DNS_TXT, 60, buf_view(&data));
	read_it("x.test", DNS_TXT);
	assert_int_equal(r.status, DNS_FOUND);
	assert_int_equal(r.records[0].data.n, 255 * 255);
	buf_free(&data);
}

static void
test_aliases(void **state)
{
	(void)state;
	message(0, "a.test", DNS_A);
	record("c.test", DNS_A, 90, STR("\x7f\0\0\1"));
	record("b.test", DNS_CNAME, 20, STR("\1c\4test\0"));
	record("a.test", DNS_CNAME, 50, STR("\1b\4test\0"));
	record("other.test", DNS_A, 1, STR("\x7f\0\0\2"));
	read_it("a.test", DNS_A);
	assert_int_equal(r.status, DNS_FOUND);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.ttl, 20);
	equal(r.canonical, "c.test");
	read_it("a.test", DNS_CNAME);
	assert_int_equal(r.n, 1);
	equal(r.records[0].name, "b.test");

	/* The code is about the last of them (RFC 6604). */
	message(3, "a.test", DNS_A);
	record("a.test", DNS_CNAME, 50, STR("\1b\4test\0"));
	read_it("a.test", DNS_A);
	assert_int_equal(r.status, DNS_NO_NAME);
	equal(r.canonical, "b.test");

	message(0, "a.test", DNS_A);
	record("a.test", DNS_CNAME, 50, STR("\1b\4test\0"));
	record("b.test", DNS_CNAME, 50, STR("\1a\4test\0"));
	read_it("a.test", DNS_A);
	assert_int_equal(r.status, DNS_TEMP);
}

static void
test_denials(void **state)
{
	static const char soa[] = "\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\x1e";

	(void)state;
	message(0, "a.test", DNS_MX);
	record("test", 6, 3600, STR(soa));
	read_it("a.test", DNS_MX);
	assert_int_equal(r.status, DNS_NO_DATA);
	assert_int_equal(r.ttl, 30);
	message(3, "a.test", DNS_MX);
	record("test", 6, 7, STR(soa));
	read_it("a.test", DNS_MX);
	assert_int_equal(r.status, DNS_NO_NAME);
	assert_int_equal(r.ttl, 7);
	message(3, "a.test", DNS_MX);
	read_it("a.test", DNS_MX);
	assert_int_equal(r.ttl, 0);
	message(2, "a.test", DNS_MX);
	read_it("a.test", DNS_MX);
	assert_int_equal(r.status, DNS_TEMP);
	message(5, "a.test", DNS_MX);
	read_it("a.test", DNS_MX);
	assert_int_equal(r.status, DNS_TEMP);
}

/* ---- hostile ones ---- */

static void
test_names_are_text(void **state)
{
	char out[DNS_TEXT_SIZE], name[DNS_NAME_MAX + 1];

	(void)state;
	message(0, "x.test", DNS_PTR);
	record("x.test", DNS_PTR, 60, STR("\5e\r\n.l\4\\t\"\xff\0"));
	read_it("x.test", DNS_PTR);
	equal(r.records[0].name, "e\\013\\010\\046l.\\092t\"\\255");
	assert_false(dns_is_host(r.records[0].name));

	assert_string_equal(packet_name_out(STR("A_b-c.d\\e\n.x"), out), "a_b-c.d\\092e\\010.x");
	for (size_t i = 0; i < DNS_NAME_MAX; i++)
		name[i] = i % 64 == 63 ? '.' : '\1';
	assert_true(dns_is_name(str_of(name, DNS_NAME_MAX)));
	assert_int_equal(strlen(packet_name_out(str_of(name, DNS_NAME_MAX), out)), 250 * 4 + 3);
}

static void
test_malformed(void **state)
{
	static const struct {
		enum dns_type type;
		const char *data;
		size_t n;
	} cases[] = {
	    {DNS_A, "\1\2\3", 3},
	    {DNS_A, "\1\2\3\4\5", 5},
	    {DNS_AAAA, "\1\2\3\4", 4},
	    {DNS_TXT, "\5abc", 4},
	    {DNS_MX, "\0", 1},
	    {DNS_MX, "\0\1", 2},
	    {DNS_MX, "\0\1\5ab", 5},
	    {DNS_MX, "\0\1\1a\0x", 6},   /* something behind the name */
	    {DNS_MX, "\0\1\xff\xff", 4}, /* a pointer past the end */
	    {DNS_MX, "\0\1\x41z", 4},    /* a label type of the past */
	    {DNS_TLSA, "\1\2", 2},
	    {DNS_SRV, "\0\1\0\2\0", 5},
	    {DNS_PTR, "", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		message(0, "x.test", cases[i].type);
		record("x.test", cases[i].type, 60, str_of(cases[i].data, cases[i].n));
		read_it("x.test", cases[i].type);
		if (r.status != DNS_TEMP || r.n != 0 || r.why.n == 0)
			fail_msg("case %zu: %s", i, dns_status_name(r.status));
	}
}

static void
test_pointers(void **state)
{
	char loop[2];
	size_t at;

	(void)state;
	/* To the question's name, at 12. */
	message(0, "x.test", DNS_MX);
	record("x.test", DNS_MX, 60, STR("\0\1\2mx\xc0\x0c"));
	read_it("x.test", DNS_MX);
	assert_int_equal(r.status, DNS_FOUND);
	equal(r.records[0].name, "mx.x.test");

	/* To itself, and to each other. */
	message(0, "x.test", DNS_MX);
	at = b.n + 8 + 10 + 2;
	loop[0] = (char)(0xc0 | at >> 8);
	loop[1] = (char)at;
	record("x.test", DNS_MX, 60, STR("\0\1ab"));
	memcpy(b.p + at, loop, 2);
	read_it("x.test", DNS_MX);
	assert_int_equal(r.status, DNS_TEMP);

	/* A name that grows past 255 octets by pointers. */
	message(0, "x.test", DNS_TXT);
	for (int i = 0; i < 8; i++) {
		char data[66];

		memset(data, 'a', sizeof(data));
		data[0] = 63;
		data[64] = i == 0 ? (char)0xc0 : (char)(0xc0 | (b.n - 66) >> 8);
		data[65] = i == 0 ? 12 : (char)(b.n - 66);
		record("z.test", DNS_CNAME, 60, str_of(data, sizeof(data)));
	}
	read_it("z.test", DNS_CNAME);
	assert_int_equal(r.status, DNS_TEMP);
}

static void
test_too_many(void **state)
{
	(void)state;
	message(0, "x.test", DNS_A);
	for (unsigned i = 0; i < DNS_RECORDS_MAX; i++)
		record("x.test", DNS_A, 60, STR("\x7f\0\0\1"));
	read_it("x.test", DNS_A);
	assert_int_equal(r.n, DNS_RECORDS_MAX);
	record("x.test", DNS_A, 60, STR("\x7f\0\0\1"));
	read_it("x.test", DNS_A);
	assert_int_equal(r.status, DNS_TOO_LARGE);
	assert_int_equal(r.n, 0);
}

/* A message cut anywhere, or with any octet changed, is read to some end. */
static void
test_every_cut(void **state)
{
	struct str whole;
	char *copy;

	(void)state;
	message(0, "a.test", DNS_MX);
	record("a.test", DNS_CNAME, 50, STR("\1b\xc0\x0e"));
	record("b.test", DNS_MX, 60, STR("\0\1\2mx\xc0\x0c"));
	record("b.test", DNS_MX, 60, STR("\0\1\2my\xc0\x0c"));
	whole = buf_view(&b);
	for (size_t n = 0; n < whole.n; n++) {
		copy = mem_dup(whole.p, n); /* so that a sanitizer sees one octet too many */
		packet_read(str_of(copy, n), STR("a.test"), DNS_MX, &arena, &r);
		assert_int_equal(r.status, DNS_TEMP);
		free(copy);
	}
	for (size_t i = 0; i < whole.n; i++)
		for (unsigned v = 0; v < 256; v++) {
			copy = mem_dup(whole.p, whole.n);
			copy[i] = (char)v;
			arena_reset(&arena);
			packet_read(str_of(copy, whole.n), STR("a.test"), DNS_MX, &arena, &r);
			assert_true(r.status == DNS_FOUND ? r.n > 0 : r.n == 0);
			free(copy);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_types, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_txt_is_joined, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_aliases, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_denials, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_names_are_text, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_malformed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_pointers, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_every_cut, setup, teardown),
	};

	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
