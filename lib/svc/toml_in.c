/* toml_in.c - where in a TOML text we are, and what is wrong there. */
#include "svc/toml_in.h"

#include "base/num.h"

void
toml_place(struct toml_in *in, size_t off, unsigned *line, unsigned *column)
{
	if (off < in->at_off) {
		in->at_off = 0;
		in->at_line = in->at_column = 1;
	}
	for (; in->at_off < off; in->at_off++) {
		if (in->text.p[in->at_off] == '\n') {
			in->at_line++;
			in->at_column = 1;
		} else if (in->at_off + 1 == in->text.n ||
			   ((unsigned char)in->text.p[in->at_off + 1] & 0xC0) != 0x80) {
			in->at_column++; /* counts characters: the octets that begin one */
		}
	}
	*line = in->at_line;
	*column = in->at_column;
}

int
toml_fail(struct toml_in *in, size_t off, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	unsigned line, column;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	toml_place(in, num_min(off, in->text.n), &line, &column);
	return err_set(in->e, E_INVAL, "%s:%u:%u: %s", in->name, line, column, text);
}

const char *
toml_found(struct toml_in *in, char out[32])
{
	int c = toml_peek(in, 0);

	if (c < 0)
		snprintf(out, 32, "the end of the file");
	else if (c == '\n' || c == '\r')
		snprintf(out, 32, "the end of the line");
	else if (is_cntl((char)c) || c >= 127)
		snprintf(out, 32, "the character 0x%02x", (unsigned)c);
	else
		snprintf(out, 32, "\"%c\"", c);
	return out;
}

size_t
toml_newline(const struct toml_in *in)
{
	int c = toml_peek(in, 0);

	if (c == '\n')
		return 1;
	return c == '\r' && toml_peek(in, 1) == '\n' ? 2 : 0;
}

bool
toml_is_control(int c)
{
	return c != '\t' && c >= 0 && is_cntl((char)c);
}
