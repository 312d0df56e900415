/*
 * setup.c - gkmail setup: from an installed suite to one that can be started.
 *
 * Writes the configuration, and as root, when it may, makes the system users, the first domain and
 * the first user. May be run again: what is there stays as it is, what is missing is made.
 */
#include "ctl/setup.h"

#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/output.h"
#include "ctl/password.h"
#include "mail/address.h"
#include "svc/build.h"

#define POSTMASTER "Address that postmaster and abuse lead to (empty: the first user there is)"

/* ---- questions ---- */

/* Asks for a line; an empty answer is the proposal. */
static const char *
ask(const char *question, const char *proposal)
{
	char line[300];

	fprintf(stderr, "%s%s%s%s: ", question, proposal[0] ? " [" : "", proposal,
	    proposal[0] ? "]" : "");
	if (fgets(line, sizeof(line), stdin) == NULL)
		return proposal;
	line[strcspn(line, "\r\n")] = '\0';
	return line[0] != '\0' ? arena_dupz(&ctl.arena, str_trim(str_z(line))) : proposal;
}

/* What an option said, or a person says, or what we propose. */
static const char *
settle(const struct setup *s, const char *given, const char *question, const char *proposal)
{
	if (given != NULL)
		return given;
	return s->person ? ask(question, proposal) : "";
}

static const char *
own_name(void)
{
	char name[256];

	if (gethostname(name, sizeof(name)) < 0 || strchr(name, '.') == NULL)
		return "";
	name[sizeof(name) - 1] = '\0';
	return arena_dupz(&ctl.arena, str_z(name));
}

/* mail.example.org serves example.org; example.org serves itself. */
static const char *
domain_of_host(const char *host)
{
	const char *dot = strchr(host, '.');

	return dot != NULL && strchr(dot + 1, '.') != NULL ? dot + 1 : host;
}

/* Whoever uses sudo probably wants mail. */
static const char *
likely_user(const char *domain)
{
	const char *who = getenv("SUDO_USER");

	if (who == NULL || strcmp(who, "root") == 0)
		return "";
	return arena_printf(&ctl.arena, "%s@%s", who, domain).p;
}

/* ---- what is wanted ---- */

/* Canonical forms; an address in *user must be in *domain. */
static int
check_names(struct setup *s, struct err *e)
{
	const char **addresses[] = {&s->user, &s->postmaster};
	struct str out, local, domain;

	if (s->domain[0] != '\0') {
		if (address_domain(str_z(s->domain), ADDRESS_UTF8, &ctl.arena, &out, e) < 0)
			return err_wrap(e, "domain \"%s\"", s->domain);
		s->domain = arena_dupz(&ctl.arena, out);
	}
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		if (*addresses[i][0] == '\0')
			continue;
		if (address_canonical(str_z(*addresses[i]), &ctl.arena, &out, e) < 0)
			return err_wrap(e, "address \"%s\"", *addresses[i]);
		*addresses[i] = arena_dupz(&ctl.arena, out);
	}
	if (s->user[0] == '\0')
		return 0;
	address_split(str_z(s->user), &local, &domain);
	if (str_eq_z(domain, s->domain))
		return 0;
	return args_wrong(e, "the first user %s is not in the domain %s", s->user, s->domain);
}

/* The file is there: its values hold, and may not be contradicted. */
static int
adopt(struct setup *s, const char *host, const char *postmaster, struct err *e)
{
	static const struct {
		enum conf_key key;
		const char *name;
	} keys[] = {
	    {CONF_SERVER_HOST_NAME, "server.host_name"}, {CONF_AUTH_POSTMASTER, "auth.postmaster"}};
	const char *given[] = {host, postmaster};

	if ((s->c = client_conf(e)) == NULL)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (given[i] != NULL && strcmp(given[i], conf_z(s->c, keys[i].key)) != 0)
			return err_set(e, E_EXISTS,
			    "%s is there already, and %s is \"%s\" in it; change it with an "
			    "editor, or let --force write the file anew (the old one is kept)",
			    ctl.config, keys[i].name, conf_z(s->c, keys[i].key));
	s->host = conf_z(s->c, CONF_SERVER_HOST_NAME);
	return 0;
}

/* May the system users, the domain and the user be made here and now? */
static bool
may_prepare(const struct setup *s)
{
	const char *answer;

	if (geteuid() != 0 || !s->person)
		return geteuid() == 0 && s->yes;
	answer = ask("Make the system users, and what was named above", "yes");
	return answer[0] == 'y' || answer[0] == 'Y';
}

static int
read_password(struct setup *s, struct err *e)
{
	if (!s->prepare || s->user[0] == '\0')
		return 0;
	s->password = arena_alloc(&ctl.arena, PASSWORD_MAX);
	return password_read(s->user, s->password, e);
}

static int
options(struct setup *s, struct err *e)
{
	const char *domain = args_value("--domain"), *user = args_value("--user"),
		   *postmaster = args_value("--postmaster"), *host;
	bool there;

	s->yes = args_flag("--yes");
	s->force = args_flag("--force");
	s->person = isatty(STDIN_FILENO) && !s->yes;
	if (args_end(0, 1, e) < 0)
		return -1;
	host = ctl.nargs == 1 ? ctl.args[0] : NULL;
	there = access(ctl.config, F_OK) == 0 && !s->force;
	if (there && adopt(s, host, postmaster, e) < 0)
		return -1;
	if (!there)
		s->host = settle(s, host, "Name of this server", own_name());
	if (s->host[0] == '\0' && !s->person)
		s->host = own_name();
	if (s->host[0] == '\0')
		return args_wrong(e, "the host name is missing");
	s->domain = settle(s, domain, "Domain whose mail it takes", domain_of_host(s->host));
	if (user != NULL && s->domain[0] == '\0')
		s->domain =
		    arena_dupz(&ctl.arena, str_from(str_z(user), str_rchr(str_z(user), '@') +
								     (strchr(user, '@') != NULL)));
	s->user =
	    settle(s, user, "First user, as an address (empty: none yet)", likely_user(s->domain));
	s->postmaster = there ? "" : settle(s, postmaster, POSTMASTER, s->user);
	if (check_names(s, e) < 0)
		return -1;
	/* They lead there by themselves as long as it is the first; said, it holds for ever. */
	if (!there && s->postmaster[0] == '\0')
		s->postmaster = s->user;
	s->prepare = may_prepare(s);
	return read_password(s, e);
}

/* ---- the answer ---- */

/* "gkmail", as it is called for this configuration. */
static const char *
self(void)
{
	const char *program = out_self(&ctl.arena);

	if (strcmp(ctl.config, build_config_path()) == 0)
		return program;
	return arena_printf(&ctl.arena, "%s --config %s", program, out_word(ctl.config, &ctl.arena))
	    .p;
}

static const char *
start_command(void)
{
	const char *etc = dirname(dirname(arena_dupz(&ctl.arena, str_z(build_config_path()))));
	struct stat st;

	/* Below a prefix of its own no init system finds it. */
	if (strcmp(etc, "/etc") != 0)
		return arena_printf(&ctl.arena, "%s/init.d/gkmail start", etc).p;
	if (stat("/run/systemd/system", &st) == 0)
		return "systemctl enable --now gkmail";
	return "update-rc.d gkmail defaults && service gkmail start";
}

/* What was done. */
static void
print_done(const struct setup *s)
{
	printf("%s %s.\n", ctl.config, s->written ? "is written" : "was there already and stays");
	for (size_t i = 0; i < s->nmade; i++)
		printf("%s%s%s", i == 0 ? "Made on this system: " : ", ", s->made[i],
		    i + 1 == s->nmade ? ".\n" : "");
	if (s->prepare && s->domain[0] != '\0')
		printf("Mail for %s is taken%s%s.\n", s->domain,
		    s->user[0] ? "; a user of it is " : "", s->user);
}

/* And what is left to do, line by line to copy. */
static void
print_next(const struct setup *s)
{
	const char *domain = s->domain[0] != '\0' ? s->domain : domain_of_host(s->host);
	const char *user =
	    s->user[0] != '\0' ? s->user : arena_printf(&ctl.arena, "you@%s", domain).p;
	bool running = setup_is_running();

	print_done(s);
	if (running && s->has_users && !s->written) {
		puts("GK Mail runs; nothing is left to do.");
		return;
	}
	puts("Next, as root:");
	if (!s->prepare)
		setup_system_print(s);
	if (!running)
		printf("  %s\n", start_command());
	else if (s->written)
		printf("  %s reload\n", self());
	if (!s->has_domains)
		printf("  %s domain add %s\n", self(), domain);
	if (!s->has_users)
		printf("  %s user add %s\n", self(), user);
	printf("  %s dkim generate %s\n  %s dns %s\n", self(), domain, self(), domain);
	if (conf_z(s->c, CONF_TLS_CERTIFICATE)[0] == '\0')
		puts("Put your certificate into [tls]; until then a self-signed one is made, which "
		     "mail programs warn\nabout.");
}

static void
print_json(const struct setup *s)
{
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '{');
	json_bool(&j, "ok", true);
	json_z(&j, "file", ctl.config);
	json_bool(&j, "written", s->written);
	json_bool(&j, "prepared", s->prepare);
	json_open(&j, "made", '[');
	for (size_t i = 0; i < s->nmade; i++)
		json_z(&j, NULL, s->made[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	json_print(&j);
}

int
verb_setup(struct err *e)
{
	struct setup *s = arena_new(&ctl.arena, struct setup);
	int rc = -1;

	if (options(s, e) < 0)
		goto out;
	if (s->c == NULL) {
		if (setup_write(s, e) < 0 || (s->c = client_conf(e)) == NULL)
			goto out;
		s->written = true;
	}
	if (s->prepare && (setup_system(s, e) < 0 || setup_accounts(s, e) < 0))
		goto out;
	if (ctl.json)
		print_json(s);
	else
		print_next(s);
	rc = 0;
out:
	if (s->password != NULL)
		sodium_memzero(s->password, PASSWORD_MAX);
	return rc;
}
