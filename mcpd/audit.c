/*
 * audit.c - see audit.h.
 */
#include "mcpd/audit.h"

#include <sodium.h>

#include "base/mem.h"
#include "ipc/agent.h"

#define TEXT_MAX 200u /* octets of a string that is kept as it is */
#define DEPTH    6u
#define DIGEST   16u /* octets: enough to tell one text from another */

static void write_value(const cJSON *v, const char *name, unsigned depth, struct buf *out);

/* Where tools take the words of a mail. */
static bool
is_body(const char *name)
{
	static const char *const names[] = {"body", "text", "textBody", "html", "content", "quote"};

	for (size_t i = 0; name != NULL && i < ARRAY_LEN(names); i++)
		if (str_ieq_z(str_z(name), names[i]))
			return true;
	return false;
}

static bool
is_secret(const char *name, struct str text)
{
	static const char *const names[] = {
	    "token", "password", "secret", "authorization", "credential", "key"};

	for (size_t i = 0; name != NULL && i < ARRAY_LEN(names); i++)
		if (str_ieq_z(str_z(name), names[i]))
			return true;
	return str_find(text, STR(AGENT_TOKEN)) < text.n;
}

static void
write_digest(struct str text, struct buf *out)
{
	unsigned char digest[DIGEST];
	char hex[2 * DIGEST + 1];

	crypto_generichash(digest, sizeof digest, (const unsigned char *)text.p, text.n, NULL, 0);
	buf_printf(out, "{\"octets\":%zu,\"blake2b\":\"%s\"}", text.n,
	    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest));
}

static void
write_string(struct str text, const char *name, struct buf *out)
{
	if (is_secret(name, text))
		buf_puts(out, "\"(secret)\"");
	else if (text.n > TEXT_MAX || is_body(name))
		write_digest(text, out);
	else
		json_print_str(text, out);
}

/* The name goes down into an array: texts of a list are texts all the same. */
static void
write_list(const cJSON *v, const char *name, unsigned depth, struct buf *out)
{
	const cJSON *m;
	unsigned n = 0, left = 0;

	buf_putc(out, '[');
	cJSON_ArrayForEach(m, v)
	{
		if (n == AUDIT_ITEMS) {
			left++;
			continue;
		}
		if (n++ > 0)
			buf_putc(out, ',');
		write_value(m, name, depth + 1, out);
	}
	if (left > 0)
		buf_printf(out, ",\"(%u more)\"", left);
	buf_putc(out, ']');
}

static void
write_object(const cJSON *v, unsigned depth, struct buf *out)
{
	const cJSON *m;

	buf_putc(out, '{');
	cJSON_ArrayForEach(m, v)
	{
		if (m != v->child)
			buf_putc(out, ',');
		/* A name is text from outside as any other. */
		json_print_str(str_sub(json_name(m), 0, TEXT_MAX), out);
		buf_putc(out, ':');
		write_value(m, m->string, depth + 1, out);
	}
	buf_putc(out, '}');
}

static void
write_value(const cJSON *v, const char *name, unsigned depth, struct buf *out)
{
	if (cJSON_IsString(v))
		write_string(json_str(v), name, out);
	else if ((cJSON_IsArray(v) || cJSON_IsObject(v)) && depth >= DEPTH)
		buf_puts(out, "\"(deep)\"");
	else if (cJSON_IsArray(v))
		write_list(v, name, depth, out);
	else if (cJSON_IsObject(v))
		write_object(v, depth, out);
	else
		json_print(v, out);
}

void
audit_arguments(const cJSON *args, struct buf *out)
{
	struct buf all, text;

	buf_init(&text, AUDIT_ARGUMENTS_MAX);
	if (args != NULL)
		write_value(args, NULL, 0, &text);
	else
		buf_puts(&text, "{}");
	if (!text.over) {
		buf_str(out, buf_view(&text));
	} else {
		buf_init(&all, SIZE_MAX / 2);
		json_print(args, &all);
		write_digest(buf_view(&all), out);
		buf_free(&all);
	}
	buf_free(&text);
}
