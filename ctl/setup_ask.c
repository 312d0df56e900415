/* setup_ask.c - gkmail setup: what is asked, and whether an answer will do. */
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/num.h"
#include "ctl/client.h"
#include "ctl/password.h"
#include "ctl/setup.h"
#include "io/file.h"
#include "mail/address.h"
#include "svc/certificates.h"

#define ANSWER_MAX 1000

/* ---- a question ---- */

static int
gone(struct err *e)
{
	fputc('\n', stderr);
	return err_set(e, E_DENIED,
	    "the answers ended; what was done stays, and gkmail setup goes on from there");
}

/* While a suite is up for us signals wait for our loop; a person who presses Ctrl-C does not. The
 * suite ends with us (PR_SET_PDEATHSIG). */
static bool
read_answer(char line[ANSWER_MAX])
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	sigset_t open, before;
	bool got;

	sigemptyset(&open);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaddset(&open, signals[i]);
	sigprocmask(SIG_UNBLOCK, &open, &before);
	got = fgets(line, ANSWER_MAX, stdin) != NULL;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return got;
}

int
setup_ask(struct setup *s, const char *question, const char *proposal, setup_fit check,
    const char **answer, struct err *e)
{
	char line[ANSWER_MAX];
	struct err why;

	fflush(stdout);
	for (;;) {
		fprintf(stderr, "%s%s%s%s: ", question, proposal[0] ? " [" : "", proposal,
		    proposal[0] ? "]" : "");
		if (!read_answer(line))
			return gone(e);
		*answer = arena_dupz(&ctl.arena, str_trim(str_z(line)));
		if ((*answer)[0] == '\0')
			*answer = proposal;
		if (check == NULL || check(s, answer, &why) == 0)
			return 0;
		fprintf(stderr, "  %s\n", why.text);
	}
}

int
setup_agree(struct setup *s, const char *question, bool proposal, struct err *e)
{
	const char *answer;

	if (setup_ask(s, question, proposal ? "yes" : "no", NULL, &answer, e) < 0)
		return -1;
	return str_istarts(str_z(answer), STR("y"));
}

/* An option's value has to fit as it is; without one a person is asked, or the proposal taken. */
static int
settle(struct setup *s, const char *given, const char *question, const char *proposal,
    setup_fit check, const char **out, struct err *e)
{
	if (given == NULL && s->person)
		return setup_ask(s, question, proposal, check, out, e);
	*out = given != NULL ? given : proposal;
	return check != NULL ? check(s, out, e) : 0;
}

/* ---- the server ---- */

static const char *
own_name(void)
{
	char name[256];

	if (gethostname(name, sizeof(name)) < 0 || strchr(name, '.') == NULL)
		return "";
	name[sizeof(name) - 1] = '\0';
	return arena_dupz(&ctl.arena, str_z(name));
}

static int
fits_host(struct setup *s, const char **answer, struct err *e)
{
	struct conf *c;
	struct err why;

	(void)s;
	if (**answer == '\0')
		return args_wrong(e, "the host name is missing");
	c = strpbrk(*answer, "'\n") != NULL
		? NULL
		: conf_parse(arena_printf(&ctl.arena, "[server]\nhost_name = '%s'\n", *answer),
		      "setup", &why);
	if (c == NULL || strchr(*answer, '.') == NULL) {
		conf_free(&c);
		return err_set(e, E_INVAL,
		    "\"%s\" is no host name; write one such as mail.example.org", *answer);
	}
	conf_free(&c);
	return 0;
}

int
setup_ask_host(struct setup *s, const char *host, struct err *e)
{
	return settle(s, host, "Name of this server", own_name(), fits_host, &s->host, e);
}

/* ---- its certificate ---- */

/* Opened, parsed and held together, as the server will do it. */
static int
fits_pair(const struct setup *s, struct err *e)
{
	struct str text = arena_printf(&ctl.arena,
	    "[server]\nhost_name = '%s'\n[tls]\ncertificate = '%s'\nkey = '%s'\n", s->host,
	    s->certificate, s->key);
	int cert = -1, key = -1, rc = -1;
	struct conf *c = conf_parse(text, "setup", e);
	bool serves = false;
	int64_t expires;

	if (c == NULL || (cert = file_open(AT_FDCWD, s->certificate, O_RDONLY, 0, e)) < 0 ||
	    (key = file_open(AT_FDCWD, s->key, O_RDONLY, 0, e)) < 0)
		goto out;
	if (certificates_try(c, 0, cert, key, &expires, &serves, e) < 0) {
		err_wrap(e, "%s with %s", s->certificate, s->key);
		goto out;
	}
	if (!serves)
		fprintf(stderr, "  note: the certificate is not for %s\n", s->host);
	rc = 0;
out:
	file_close(&cert);
	file_close(&key);
	conf_free(&c);
	return rc;
}

static int
fits_path(struct setup *s, const char **answer, struct err *e)
{
	(void)s;
	if (**answer == '\0' || **answer == '/')
		return strpbrk(*answer, "'\n") == NULL
			   ? 0
			   : err_set(e, E_INVAL, "a path without quotes, please");
	return err_set(e, E_INVAL, "%.200s: write the whole path, from /", *answer);
}

static int
fits_key(struct setup *s, const char **answer, struct err *e)
{
	s->key = *answer;
	return fits_path(s, answer, e) < 0 ? -1 : fits_pair(s, e);
}

int
setup_ask_certificate(struct setup *s, struct err *e)
{
	bool asked = s->certificate == NULL && s->key == NULL && s->person;

	if ((s->certificate != NULL) != (s->key != NULL))
		return args_wrong(e, "--certificate and --key go together");
	if (settle(s, s->certificate,
		"Certificate, a PEM file with its chain (empty: a self-signed one for now)", "",
		fits_path, &s->certificate, e) < 0)
		return -1;
	if (s->certificate[0] == '\0') {
		s->key = "";
		return 0;
	}
	return asked ? setup_ask(s, "Its private key, a PEM file", "", fits_key, &s->key, e)
		     : fits_key(s, &s->key, e);
}

/* ---- domain and user ---- */

/* mail.example.org serves example.org; example.org serves itself. */
const char *
setup_domain_of(const char *host)
{
	const char *dot = strchr(host, '.');

	return dot != NULL && strchr(dot + 1, '.') != NULL ? dot + 1 : host;
}

/* Whoever uses sudo probably wants mail. */
static const char *
likely_user(const char *domain)
{
	const char *who = getenv("SUDO_USER");

	if (who == NULL || strcmp(who, "root") == 0 || domain[0] == '\0')
		return "";
	return arena_printf(&ctl.arena, "%s@%s", who, domain).p;
}

static int
fits_domain(struct setup *s, const char **answer, struct err *e)
{
	struct str out;

	(void)s;
	if (**answer == '\0')
		return 0;
	if (address_domain(str_z(*answer), ADDRESS_UTF8, &ctl.arena, &out, e) < 0)
		return err_wrap(e, "domain \"%s\"", *answer);
	*answer = arena_dupz(&ctl.arena, out);
	return 0;
}

/* A local part alone is one of the domain. */
static int
fits_address(struct setup *s, const char **answer, struct err *e)
{
	struct str out;

	if (**answer == '\0')
		return 0;
	if (strchr(*answer, '@') == NULL && s->domain[0] != '\0')
		*answer = arena_printf(&ctl.arena, "%s@%s", *answer, s->domain).p;
	if (address_canonical(str_z(*answer), &ctl.arena, &out, e) < 0)
		return err_wrap(e, "address \"%s\"", *answer);
	*answer = arena_dupz(&ctl.arena, out);
	return 0;
}

static int
fits_user(struct setup *s, const char **answer, struct err *e)
{
	struct str local, domain;

	if (fits_address(s, answer, e) < 0 || **answer == '\0')
		return **answer == '\0' ? 0 : -1;
	address_split(str_z(*answer), &local, &domain);
	if (s->domain[0] == '\0' || str_eq_z(domain, s->domain))
		return 0;
	return args_wrong(e, "the first user %s is not in the domain %s", *answer, s->domain);
}

static int
fits_postmaster(struct setup *s, const char **answer, struct err *e)
{
	if (strpbrk(*answer, "\"\\'") != NULL)
		return err_set(
		    e, E_INVAL, "%s: write an address without quotes for postmaster", *answer);
	return fits_address(s, answer, e);
}

static int
ask_user(struct setup *s, struct err *e)
{
	if (s->user == NULL && s->has_users)
		s->user = "";
	return settle(s, s->user, "First user, as an address (empty: none yet)",
	    s->yes ? "" : likely_user(s->domain), fits_user, &s->user, e);
}

/* The domain in an address. */
static const char *
domain_of(const char *address)
{
	const char *at = strrchr(address, '@');

	return at != NULL ? at + 1 : "";
}

int
setup_ask_accounts(struct setup *s, struct err *e)
{
	const char *proposal = s->has_domains ? "" : setup_domain_of(s->host);

	if (s->domain == NULL && s->user != NULL && domain_of(s->user)[0] != '\0')
		s->domain = domain_of(s->user);
	if (s->domain == NULL && s->has_domains)
		s->domain = s->first_domain;
	if (settle(s, s->domain, "Domain whose mail it takes", s->person ? proposal : "",
		fits_domain, &s->domain, e) < 0 ||
	    ask_user(s, e) < 0)
		return -1;
	if (s->adopted) {
		s->postmaster = "";
		return 0;
	}
	/* They lead there by themselves as long as it is the first; said, it holds for ever. */
	return settle(s, s->postmaster,
	    "Address that postmaster and abuse lead to (empty: the first user there is)", s->user,
	    fits_postmaster, &s->postmaster, e);
}

/* ---- the way out ---- */

/* HOST or HOST:PORT; the configuration's own rules judge it. */
static int
fits_smart_host(struct setup *s, const char **answer, struct err *e)
{
	struct conf *c;
	struct str route;
	struct err why;

	if (**answer == '\0')
		return 0;
	s->smart_host = *answer;
	route = setup_route(s);
	c = strpbrk(*answer, "\"\\\n") != NULL
		? NULL
		: conf_parse(arena_printf(&ctl.arena, "[server]\nhost_name = '%s'\n" STR_FMT,
				 s->host, STR_ARG(route)),
		      "setup", &why);
	if (c == NULL)
		return err_set(e, E_INVAL,
		    "\"%s\" is no smart host; write one such as smtp.example.net or "
		    "smtp.example.net:587",
		    *answer);
	conf_free(&c);
	return 0;
}

int
setup_fit_smart_host(struct setup *s, struct err *e)
{
	if (s->smart_password[0] != '\0' && access(s->smart_password, R_OK) < 0)
		return err_sys(e, "%s", s->smart_password);
	return fits_smart_host(s, &s->smart_host, e);
}

static int
ask_login(struct setup *s, struct err *e)
{
	char password[PASSWORD_MAX];
	int rc;

	if (setup_ask(s, "User name there (empty: it knows this machine)", "", NULL, &s->smart_user,
		e) < 0)
		return -1;
	if (s->smart_user[0] == '\0')
		return 0;
	rc = password_read(s->smart_user, password, e);
	if (rc == 0)
		rc = setup_keep_password(s, password, e);
	sodium_memzero(password, sizeof(password));
	return rc;
}

int
setup_ask_smart_host(struct setup *s, struct err *e)
{
	const char *host;

	if (setup_ask(s,
		"Smart host that mail to others goes by, as HOST or HOST:PORT (empty: none)", "",
		fits_smart_host, &host, e) < 0)
		return -1;
	s->smart_host = host;
	if (host[0] == '\0')
		return 0;
	return ask_login(s, e) < 0 ? -1 : setup_add_route(s, e);
}
