/* args.c - a verb's arguments. */
#include "ctl/ctl.h"

#include "base/mem.h"

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

int
args_end(int min, int max, struct err *e)
{
	for (int i = 0; i < ctl.nargs; i++) {
		if (strcmp(ctl.args[i], "--") == 0) {
			drop(i, 1);
			break;
		}
		if (ctl.args[i][0] == '-' && ctl.args[i][1] != '\0')
			return args_wrong(
			    e, "%.60s is no option here, or lacks its value", ctl.args[i]);
	}
	if (ctl.nargs < min)
		return args_wrong(e, "an argument is missing");
	if (max >= 0 && ctl.nargs > max)
		return args_wrong(e, "%.60s is one argument too many", ctl.args[max]);
	return 0;
}

int
args_wrong(struct err *e, const char *fmt, ...)
{
	char text[160];
	const struct verb *v = ctl.verb;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	wrong_use = true;
	if (v == NULL)
		return err_set(e, E_INVAL, "%s; gkmail --help lists the verbs", text);
	return err_set(e, E_INVAL, "%s; usage: gkmail %s%s%s%s%s", text, v->noun,
	    v->name ? " " : "", v->name ? v->name : "", v->usage[0] ? " " : "", v->usage);
}

bool
args_is_wrong_use(const struct err *e)
{
	return wrong_use && e->code == E_INVAL;
}
