/*
 * toml_json.c - reads TOML from standard input, prints it as the tagged JSON of the toml-test
 * suite.
 *
 * Exit 1 with the message on standard error when the input is no TOML.
 */
#include <stdio.h>

#include "svc/toml.h"

static void
print_string(struct str s)
{
	putchar('"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			printf("\\%c", s.p[i]);
		else if (is_cntl(s.p[i]))
			printf("\\u%04x", (unsigned)(unsigned char)s.p[i]);
		else
			putchar(s.p[i]);
	}
	putchar('"');
}

static void
print_scalar(const char *type, struct str text)
{
	printf("{\"type\":\"%s\",\"value\":", type);
	print_string(text);
	putchar('}');
}

static void
print_number(const char *type, const char *fmt, ...)
{
	char text[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print_scalar(type, str_z(text));
}

static void print_value(const struct toml *v);

static void
print_children(const struct toml *v, char open, char close)
{
	putchar(open);
	for (const struct toml *c = v->child; c != NULL; c = c->next) {
		if (open == '{') {
			print_string(c->key);
			putchar(':');
		}
		print_value(c);
		if (c->next != NULL)
			putchar(',');
	}
	putchar(close);
}

static void
print_value(const struct toml *v)
{
	switch (v->type) {
	case TOML_STRING:
		print_scalar("string", v->text);
		break;
	case TOML_INTEGER:
		print_number("integer", "%lld", (long long)v->i);
		break;
	case TOML_FLOAT:
		print_number("float", "%.17g", v->f);
		break;
	case TOML_BOOL:
		print_scalar("bool", v->i ? STR("true") : STR("false"));
		break;
	case TOML_DATETIME:
		print_scalar("datetime", v->text);
		break;
	case TOML_DATETIME_LOCAL:
		print_scalar("datetime-local", v->text);
		break;
	case TOML_DATE_LOCAL:
		print_scalar("date-local", v->text);
		break;
	case TOML_TIME_LOCAL:
		print_scalar("time-local", v->text);
		break;
	case TOML_ARRAY:
		print_children(v, '[', ']');
		break;
	case TOML_TABLE:
		print_children(v, '{', '}');
		break;
	}
}

int
main(void)
{
	static char text[2u << 20];
	struct arena a;
	struct err e;
	struct toml *root;
	size_t n = fread(text, 1, sizeof(text), stdin);

	arena_init(&a);
	if ((root = toml_parse(str_of(text, n), "stdin", &a, &e)) == NULL)
		fprintf(stderr, "%s\n", e.text);
	else
		print_value(root);
	arena_free(&a);
	return root == NULL;
}
