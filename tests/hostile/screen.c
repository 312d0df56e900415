/*
 * screen.c - a hostile gk-screen: the real one, but of each message it says something else than
 * what it found, one thing after another. What it may say is words about a message; what it tries
 * is to change the message, or to speak to the client. The last is a lie, which nobody can tell.
 */
#include "base/log.h"
#include "base/mem.h"
#include "smtpd/screen/check.h"

enum check_verdict __real_check_run(struct check *c, const struct check_result **out);
enum check_verdict __wrap_check_run(struct check *c, const struct check_result **out);

#define RESULTS "Authentication-Results: mail.example.test; dmarc=pass\r\n"

static const struct {
	const char *what, *fields, *text;
	enum check_verdict verdict;
} attempts[] = {
    {"another field", RESULTS "Subject: Your account\r\n", "", CHECK_ACCEPT},
    {"a first field", "From: ceo@bank.test\r\n", "", CHECK_ACCEPT},
    {"the end of the header", RESULTS "\r\nSend money.\r\n", "", CHECK_ACCEPT},
    {"no line end", "X-Spam-Flag: ", "", CHECK_ACCEPT},
    {"a bare CR", "X-Spam-Flag: \rSubject: x\r\n", "", CHECK_ACCEPT},
    {"a bare LF", "X-Spam-Flag: NO\nSubject: x\r\n", "", CHECK_ACCEPT},
    {"a line that folds into ours", " Subject: x\r\n", "", CHECK_ACCEPT},
    {"a second reply", "", "no\r\n250 2.0.0 Queued", CHECK_REJECT},
    {"much", NULL, "", CHECK_ACCEPT},
    {"a lie", RESULTS, "", CHECK_ACCEPT},
};

static unsigned tried;

/* More fields than are taken. */
static struct str
much(void)
{
	static char out[60000];
	size_t n = 0;

	while (n + 20 < sizeof(out))
		n += (size_t)snprintf(out + n, sizeof(out) - n, "X-Spam-Flag: NO\r\n");
	return str_of(out, n);
}

enum check_verdict
__wrap_check_run(struct check *c, const struct check_result **out)
{
	static struct check_result r;
	unsigned i = tried < ARRAY_LEN(attempts) ? tried : (unsigned)ARRAY_LEN(attempts) - 1;

	if (__real_check_run(c, out) == CHECK_WAIT)
		return CHECK_WAIT;
	tried++;
	log_info("hostile.attempt", LZ("what", attempts[i].what));
	r = **out;
	r.verdict = attempts[i].verdict;
	r.fields = attempts[i].fields ? str_z(attempts[i].fields) : much();
	r.text = str_z(attempts[i].text);
	*out = &r;
	return r.verdict;
}
