/* rfc2047_fuzz.c - decoding gives valid UTF-8 whatever comes, and what was encoded comes back. */
#include "mail/rfc2047.h"

#include "base/mem.h"
#include "mail/charset.h"
#include "mail/compose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Encoded words of a whole line, and no line end in it. */
static void
check_round_trip(struct str in)
{
	struct buf encoded, decoded;

	buf_init(&encoded, in.n * 16 + 64);
	buf_init(&decoded, in.n * 16 + 64);
	rfc2047_encode(in, false, &encoded);
	assume(!encoded.over && str_is_ascii(buf_view(&encoded)));
	rfc2047_decode(buf_view(&encoded), &decoded);
	if (str_eq(str_trim(in), in))
		assume(str_eq(buf_view(&decoded), in));
	buf_reset(&encoded);
	compose_address(&encoded, "From", in, STR("a@b"));
	assume(!encoded.over && str_ends(buf_view(&encoded), STR("\r\n")));
	buf_free(&decoded);
	buf_free(&encoded);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	struct str in = str_of(data, size), s;
	struct buf out;

	if (!ready)
		charset_init();
	ready = true;
	buf_init(&out, size * 16 + 64);
	rfc2047_decode(in, &out);
	assume(!out.over);
	/* A NUL is ASCII, and stays. */
	for (s = buf_view(&out); s.n > 0;) {
		struct str piece;

		str_cut(&s, '\0', &piece);
		assume(str_is_utf8(piece));
	}
	buf_free(&out);
	if (str_is_utf8(in))
		check_round_trip(in);
	return 0;
}
