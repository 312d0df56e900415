/* report_unpack.c - gzip (RFC 1952) and zip, both ways as far as reports need them. See report.h.
 */
#include <string.h>

#include <zlib.h>

#include "base/mem.h"
#include "smtpd/screen/report.h"

#define PIECE        65536u
#define SMALL        (1u << 20) /* up to here any ratio will do */
#define GZIP_WINDOW  (15 + 16)
#define RAW_WINDOW   (-15)
#define ZIP_HEADER   30u /* of a file in it, without its name */
#define ZIP_ENTRIES  16u /* looked at */
#define ZIP_CRYPT    0x0001u
#define ZIP_TRAILING 0x0008u /* lengths stand behind the data */

int
report_gzip(struct str in, struct buf *out)
{
	z_stream z = {0};
	char *room;
	int got = Z_OK;

	assume(deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
		   Z_DEFAULT_STRATEGY) == Z_OK);
	z.next_in = (Bytef *)(uintptr_t)in.p;
	z.avail_in = (uInt)in.n;
	while (got == Z_OK && (room = buf_room(out, PIECE)) != NULL) {
		z.next_out = (Bytef *)room;
		z.avail_out = PIECE;
		got = deflate(&z, Z_FINISH);
		buf_added(out, PIECE - z.avail_out);
	}
	deflateEnd(&z);
	return got == Z_STREAM_END ? 0 : -1;
}

/* Room for a piece more, or -1: a bomb. */
static char *
more_room(size_t taken, struct buf *out, struct err *e)
{
	char *room = buf_room(out, PIECE);

	if (out->n > REPORT_UNPACKED_MAX || room == NULL ||
	    (out->n > SMALL && out->n / REPORT_RATIO_MAX > taken)) {
		err_put(e, E_LIMIT, "more than %u octets, or %u for one", REPORT_UNPACKED_MAX,
		    REPORT_RATIO_MAX);
		return NULL;
	}
	return room;
}

/* *used: octets of in that belonged to it. */
static int
inflate_all(struct str in, int window, struct buf *out, size_t *used, struct err *e)
{
	z_stream z = {0};
	char *room;
	int got = Z_OK;

	assume(inflateInit2(&z, window) == Z_OK);
	z.next_in = (Bytef *)(uintptr_t)in.p;
	z.avail_in = (uInt)in.n;
	while (got == Z_OK) {
		if ((room = more_room(in.n - z.avail_in, out, e)) == NULL) {
			inflateEnd(&z);
			return -1;
		}
		z.next_out = (Bytef *)room;
		z.avail_out = PIECE;
		got = inflate(&z, Z_NO_FLUSH);
		buf_added(out, PIECE - z.avail_out);
	}
	*used = in.n - z.avail_in;
	inflateEnd(&z);
	return got == Z_STREAM_END ? 0 : err_set(e, E_PROTO, "damaged or cut off");
}

static unsigned
le16(const char *p)
{
	return (unsigned char)p[0] | (unsigned)(unsigned char)p[1] << 8;
}

static size_t
le32(const char *p)
{
	return le16(p) | (size_t)le16(p + 2) << 16;
}

/* One file of the archive, at the front of *in, which is moved behind it. 1: it is in out; 0: it
 * was none to read (a directory, an empty file). */
static int
zip_entry(struct str *in, struct buf *out, struct err *e)
{
	unsigned flags, method;
	struct str name, data;
	size_t used, had = out->n;

	if (in->n < ZIP_HEADER || memcmp(in->p, "PK\3\4", 4) != 0)
		return err_set(e, E_PROTO, "no file in the archive");
	flags = le16(in->p + 6);
	method = le16(in->p + 8);
	used = le32(in->p + 18);
	name = str_sub(*in, ZIP_HEADER, le16(in->p + 26));
	data = str_from(*in, (size_t)ZIP_HEADER + le16(in->p + 26) + le16(in->p + 28));
	if (flags & ZIP_CRYPT || (method != 0 && method != 8) ||
	    (method == 0 && flags & ZIP_TRAILING))
		return err_set(e, E_PROTO, "encrypted, or packed in a way that is not known");
	if (method == 8) {
		if (inflate_all(data, RAW_WINDOW, out, &used, e) < 0)
			return -1;
	} else {
		if (used > data.n || used > REPORT_UNPACKED_MAX)
			return err_set(e, E_PROTO, "damaged or cut off");
		buf_put(out, data.p, used);
	}
	*in = str_from(data, used);
	return out->n > had && !str_ends(name, STR("/"));
}

static int
unzip(struct str in, struct buf *out, struct err *e)
{
	int got = 0;

	for (unsigned i = 0; i < ZIP_ENTRIES && got == 0; i++) {
		buf_reset(out);
		got = zip_entry(&in, out, e);
	}
	return got > 0 ? 0 : got < 0 ? -1 : err_set(e, E_PROTO, "no file in the archive");
}

int
report_unpack(struct str in, struct buf *out, struct err *e)
{
	size_t used;

	if (in.n > REPORT_PACKED_MAX)
		return err_set(e, E_LIMIT, "larger than %u octets", REPORT_PACKED_MAX);
	if (str_starts(in, STR("\x1f\x8b")))
		return inflate_all(in, GZIP_WINDOW, out, &used, e);
	if (str_starts(in, STR("PK\3\4")))
		return unzip(in, out, e);
	if (buf_str(out, in) < 0)
		return err_set(e, E_LIMIT, "too large");
	return 0;
}
