/* password.c - reading and making passwords. */
#include "ctl/password.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
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

static volatile sig_atomic_t caught;

static void
on_signal(int sig)
{
	caught = sig;
}

/* Who leaves meanwhile (Ctrl-C) has a terminal that shows again what is typed. Signals that wait
 * for somebody's loop (sandbox_master.c) come through. */
static int
read_unseen(const char *text, const struct termios *before, char out[PASSWORD_MAX], struct err *e)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	const struct sigaction ours = {.sa_handler = on_signal};
	struct pollfd typed = {.fd = STDIN_FILENO, .events = POLLIN};
	struct sigaction old[ARRAY_LEN(signals)];
	struct termios silent = *before;
	sigset_t all, mask, open;
	int rc;

	sigemptyset(&all);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaddset(&all, signals[i]);
	sigprocmask(SIG_BLOCK, &all, &mask);
	open = mask;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		sigaction(signals[i], &ours, &old[i]);
		sigdelset(&open, signals[i]);
	}
	/* So is Ctrl-Z, which would leave it off. Who answers a prompt is not heard before. */
	silent.c_lflag &= ~(tcflag_t)ECHO;
	silent.c_cc[VSUSP] = _POSIX_VDISABLE;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	fputs(text, stderr);
	/* A terminal gives whole lines: what can be read is one. */
	while ((rc = ppoll(&typed, 1, NULL, &open)) < 0 && errno == EINTR && caught == 0)
		;
	rc = caught != 0 ? err_set(e, E_CLOSED, "interrupted") : read_line(out, e);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, before);
	fputc('\n', stderr);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &old[i], NULL);
	if (caught != 0) {
		raise(caught);
		sigprocmask(SIG_UNBLOCK, &all, NULL);
	}
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return rc;
}

static int
prompt(const char *text, char out[PASSWORD_MAX], struct err *e)
{
	struct termios before;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return err_sys(e, "terminal");
	return read_unseen(text, &before, out, e);
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
