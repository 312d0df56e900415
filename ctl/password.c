/* password.c - reading and making passwords. */
#include "ctl/password.h"

#include <sodium.h>
#include <stdio.h>
#include <termios.h>

#include "base/mem.h"

static int
read_line(char out[PASSWORD_MAX], struct err *e)
{
	size_t n;

	if (fgets(out, PASSWORD_MAX, stdin) == NULL)
		return err_set(
		    e, E_INVAL, "no password came; write it on a line of standard input");
	n = strlen(out);
	if (n + 1 == PASSWORD_MAX && out[n - 1] != '\n')
		return err_set(
		    e, E_INVAL, "the password is longer than %d octets", PASSWORD_MAX - 2);
	while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == '\r'))
		out[--n] = '\0';
	return n > 0 ? 0 : err_set(e, E_INVAL, "the password is empty");
}

/* Echo is off while a person types; Ctrl-C meanwhile would leave it off, so signals from the
 * keyboard are off too. */
static int
prompt(const char *text, char out[PASSWORD_MAX], struct err *e)
{
	struct termios before, silent;
	int rc;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return err_sys(e, "terminal");
	silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	fputs(text, stderr);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	rc = read_line(out, e);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	return rc;
}

int
password_read(const char *who, char out[PASSWORD_MAX], struct err *e)
{
	char text[320], again[PASSWORD_MAX];
	int rc;

	if (!isatty(STDIN_FILENO))
		return read_line(out, e);
	snprintf(text, sizeof(text), "Password for %.250s: ", who);
	if (prompt(text, out, e) < 0 || prompt("Again: ", again, e) < 0)
		return -1;
	rc = strcmp(out, again) == 0 ? 0 : err_set(e, E_INVAL, "the two passwords differ");
	sodium_memzero(again, sizeof(again));
	return rc;
}

void
password_make(char out[PASSWORD_MAX])
{
	/* No letters that look or sound like others. */
	static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789";
	size_t n = 0;

	for (unsigned i = 0; i < 16; i++) {
		if (i > 0 && i % 4 == 0)
			out[n++] = '-';
		out[n++] = letters[randombytes_uniform(sizeof(letters) - 1)];
	}
	out[n] = '\0';
}
