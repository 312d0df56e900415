/* err.c - the one error value. Owns nothing. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>

void
err_put(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (e != NULL) {
		e->code = code;
		va_start(ap, fmt);
		vsnprintf(e->text, sizeof(e->text), fmt, ap);
		va_end(ap);
	}
}

static enum err_code
from_errno(int n)
{
	switch (n) {
	case ENOSPC:
	case EDQUOT:
		return E_NOSPACE;
	case ENOENT:
		return E_NOTFOUND;
	case EEXIST:
		return E_EXISTS;
	case EACCES:
	case EPERM:
		return E_DENIED;
	default:
		return E_IO;
	}
}

void
err_put_sys(struct err *e, const char *fmt, ...)
{
	int saved = errno;
	char context[ERR_TEXT_MAX];
	va_list ap;

	if (e != NULL) {
		va_start(ap, fmt);
		vsnprintf(context, sizeof(context), fmt, ap);
		va_end(ap);
		err_put(e, from_errno(saved), "%.200s: %s", context, strerror(saved));
	}
	errno = saved;
}

void
err_put_context(struct err *e, const char *fmt, ...)
{
	char old[ERR_TEXT_MAX], context[ERR_TEXT_MAX];
	va_list ap;

	if (e != NULL) {
		memcpy(old, e->text, sizeof(old));
		va_start(ap, fmt);
		vsnprintf(context, sizeof(context), fmt, ap);
		va_end(ap);
		err_put(e, e->code, "%.150s: %s", context, old);
	}
}

bool
err_is_temporary(const struct err *e)
{
	switch (e->code) {
	case E_TEMP:
	case E_NOSPACE:
	case E_IO:
	case E_TIMEOUT:
	case E_CLOSED:
	case E_INTERNAL:
		return true;
	case E_OK:
	case E_PERM:
	case E_INVAL:
	case E_PROTO:
	case E_NOTFOUND:
	case E_EXISTS:
	case E_DENIED:
	case E_LIMIT:
	case E_QUOTA:
		return false;
	}
	return false;
}

const char *
err_code_name(enum err_code code)
{
	static const char *const names[] = {"ok", "temporary", "permanent", "invalid", "protocol",
	    "not-found", "exists", "denied", "limit", "quota", "no-space", "io", "timeout",
	    "closed", "internal"};

	return (size_t)code < sizeof(names) / sizeof(names[0]) ? names[code] : "unknown";
}
