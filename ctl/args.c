/* args.c - a verb's arguments. */
#include "ctl/ctl.h"

#include "base/mem.h"
#include "svc/conf.h"

#define OPTIONS_MAX 32u

struct ctl ctl;

/* Set by args_wrong, so that main.c tells wrong use from refused values. */
static bool wrong_use;

static void
drop(int at, int n)
{
	memmove(ctl.args + at, ctl.args + at + n, (size_t)(ctl.nargs - at - n) * sizeof(*ctl.args));
	ctl.nargs -= n;
}

bool
args_flag(const char *name)
{
	bool found = false;

	for (int i = 0; i < ctl.nargs && strcmp(ctl.args[i], "--") != 0;) {
		if (strcmp(ctl.args[i], name) == 0) {
			drop(i, 1);
			found = true;
		} else {
			i++;
		}
	}
	return found;
}

const char *
args_value(const char *name)
{
	size_t n = strlen(name);
	const char *value;

	for (int i = 0; i < ctl.nargs && strcmp(ctl.args[i], "--") != 0; i++) {
		if (strncmp(ctl.args[i], name, n) != 0)
			continue;
		if (ctl.args[i][n] == '=') {
			value = ctl.args[i] + n + 1;
			drop(i, 1);
			return value;
		}
		if (ctl.args[i][n] == '\0' && i + 1 < ctl.nargs) {
			value = ctl.args[i + 1];
			drop(i, 2);
			return value;
		}
	}
	return NULL;
}

/* The n-th argument of a verb's usage that is no option: "ADDRESS". */
static const char *
argument_name(int n)
{
	struct str rest = str_z(ctl.verb != NULL ? ctl.verb->usage : ""), word;
	int depth = 0;

	while (rest.n > 0) {
		str_cut(&rest, ' ', &word);
		if (depth == 0 && word.n > 0 && word.p[0] != '[' && n-- == 0)
			return arena_dupz(&ctl.arena, word);
		for (size_t i = 0; i < word.n; i++)
			depth += word.p[i] == '[' ? 1 : word.p[i] == ']' ? -1 : 0;
	}
	return "an argument";
}

/* Every "--name" of the usage, for suggestions. */
static size_t
options_of(const char *usage, const char **out, size_t max)
{
	static const char *const everywhere[] = {"--json", "--config", "--dir", "--help"};
	size_t n = 0;

	for (; n < ARRAY_LEN(everywhere); n++)
		out[n] = everywhere[n];
	while ((usage = strstr(usage, "--")) != NULL && n < max) {
		size_t end = 2 + strspn(usage + 2, "abcdefghijklmnopqrstuvwxyz-");

		out[n++] = arena_dupz(&ctl.arena, str_of(usage, end));
		usage += end;
	}
	return n;
}

/* An option that was not taken out: unknown, or without the value it needs. */
static int
wrong_option(const char *given, struct err *e)
{
	const char *known[OPTIONS_MAX], *meant;
	size_t n = options_of(ctl.verb != NULL ? ctl.verb->usage : "", known, OPTIONS_MAX);

	for (size_t i = 0; i < n; i++)
		if (strcmp(known[i], given) == 0)
			return args_wrong(e, "%s needs a value behind it", given);
	meant = conf_suggest_word(str_z(given), known, n);
	return args_wrong(e, "there is no option %.60s here%s%s%s", given,
	    meant != NULL ? "; did you mean " : "", meant != NULL ? meant : "",
	    meant != NULL ? "?" : "");
}

int
args_end(int min, int max, struct err *e)
{
	for (int i = 0; i < ctl.nargs; i++) {
		if (strcmp(ctl.args[i], "--") == 0) {
			drop(i, 1);
			break;
		}
		if (ctl.args[i][0] == '-' && ctl.args[i][1] != '\0')
			return wrong_option(ctl.args[i], e);
	}
	if (ctl.nargs < min)
		return args_wrong(e, "%s is missing", argument_name(ctl.nargs));
	if (max >= 0 && ctl.nargs > max)
		return args_wrong(e, "%.60s is one argument too many", ctl.args[max]);
	return 0;
}

int
args_wrong(struct err *e, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	wrong_use = true;
	return err_set(e, E_INVAL, "%s", text);
}

bool
args_is_wrong_use(const struct err *e)
{
	return wrong_use && e->code == E_INVAL;
}
