/* complain.c - what went wrong, on standard error, once. */
#include <stdarg.h>
#include <stdio.h>

#include "sendmail/sendmail.h"

int
complain(int code, const char *fmt, ...)
{
	va_list ap;

	fputs("sendmail: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}
