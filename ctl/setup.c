/*
 * setup.c - gkmail setup: from an installed suite to one through which mail flows.
 *
 * Asks what it was not told, writes the configuration, makes the system users, the first domain,
 * its user and signing keys, looks at what can be looked at, starts the server, sends a first mail,
 * and prints what the DNS has to say. May be run again: what is there stays as it is, what is
 * missing is made.
 */
#include "ctl/setup.h"

#include <errno.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/num.h"
#include "ctl/client.h"
#include "ctl/dns_records.h"
#include "ctl/doctor.h"
#include "ctl/output.h"
#include "ctl/password.h"
#include "svc/build.h"

/* ---- what is wanted ---- */

static int
options(struct setup *s, const char **host, struct err *e)
{
	const char *wait = args_value("--wait-dns");

	s->domain = args_value("--domain");
	s->user = args_value("--user");
	s->postmaster = args_value("--postmaster");
	s->certificate = args_value("--certificate");
	s->key = args_value("--key");
	s->smart_host = args_value("--smart-host");
	s->smart_user = args_value("--smart-user");
	s->smart_password = args_value("--smart-password");
	s->yes = args_flag("--yes");
	s->force = args_flag("--force");
	s->offline = args_flag("--offline");
	s->no_start = args_flag("--no-start");
	s->person = isatty(STDIN_FILENO) && !s->yes;
	if (args_end(0, 1, e) < 0)
		return -1;
	*host = ctl.nargs == 1 ? ctl.args[0] : NULL;
	if (wait != NULL && num_parse_duration(str_z(wait), &s->wait_dns_ms) < 0)
		return args_wrong(e, "--wait-dns takes a duration (10m, 2h)");
	if ((s->smart_user != NULL) != (s->smart_password != NULL))
		return args_wrong(e, "--smart-user and --smart-password go together");
	if (s->smart_user != NULL && s->smart_host == NULL)
		return args_wrong(e, "--smart-user takes a --smart-host");
	return 0;
}

/* The file is there: its values hold, and may not be contradicted. */
static int
adopt(struct setup *s, const char *host, struct err *e)
{
	const struct {
		enum conf_key key;
		const char *given;
	} keys[] = {{CONF_SERVER_HOST_NAME, host}, {CONF_AUTH_POSTMASTER, s->postmaster},
	    {CONF_TLS_CERTIFICATE, s->certificate}, {CONF_TLS_KEY, s->key}};

	if ((s->c = client_conf(e)) == NULL)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct conf_row *r = &conf_rows[keys[i].key];

		if (keys[i].given != NULL && strcmp(keys[i].given, conf_z(s->c, keys[i].key)) != 0)
			return err_set(e, E_EXISTS,
			    "%s is there already, and %s.%s is \"%s\" in it; change it with an "
			    "editor, or let --force write the file anew (the old one is kept)",
			    ctl.config, r->section, r->key, conf_z(s->c, keys[i].key));
	}
	s->host = conf_z(s->c, CONF_SERVER_HOST_NAME);
	return 0;
}

/* One that is there is not asked for, nor anything of it. */
static int
read_password(struct setup *s, struct err *e)
{
	char *password;

	if (!s->prepare || s->user[0] == '\0' || s->user_is_there || s->password != NULL)
		return 0;
	s->password = password = arena_alloc(&ctl.arena, PASSWORD_MAX);
	while (password_read(s->user, password, e) < 0) {
		if (!s->person || feof(stdin))
			return -1;
		fprintf(stderr, "  %s\n", e->text);
	}
	return 0;
}

/* May the system users, the domain and the user be made here and now? */
static int
ask_to_prepare(struct setup *s, struct err *e)
{
	int answer;

	s->prepare = geteuid() == 0 && s->yes;
	if (geteuid() != 0 || !s->person)
		return 0;
	answer = setup_agree(s, "Make the system users, and what was named above", true, e);
	s->prepare = answer == 1;
	return answer < 0 ? -1 : 0;
}

/* Nobody answers questions for nothing. */
static int
may_write(struct err *e)
{
	const char *dir = dirname(arena_dupz(&ctl.arena, str_z(ctl.config)));

	if (access(dir, F_OK) < 0)
		dir = dirname(arena_dupz(&ctl.arena, str_z(dir)));
	if (access(dir, W_OK) == 0 || errno != EACCES)
		return 0;
	return err_set(e, E_DENIED,
	    "%s cannot be written; run gkmail setup as root, or write elsewhere with --config FILE",
	    ctl.config);
}

/* A new file: all is asked before anything is done. */
static int
plan_new(struct setup *s, const char *host, struct err *e)
{
	if (may_write(e) < 0 || setup_ask_host(s, host, e) < 0 || setup_ask_accounts(s, e) < 0 ||
	    setup_ask_certificate(s, e) < 0 || setup_fit_smart_host(s, e) < 0 ||
	    ask_to_prepare(s, e) < 0 || read_password(s, e) < 0 || setup_write(s, e) < 0)
		return -1;
	s->written = s->changed = true;
	s->c = client_conf(e);
	return s->c != NULL ? 0 : -1;
}

/* ---- what is done ---- */

/* With a suite that answers, for as long as it takes. */
static int
make_accounts(struct setup *s, struct err *e)
{
	if (setup_look(s, e) < 0)
		return -1;
	/* The user's address has its canonical form only when it was asked for. */
	if (s->adopted &&
	    (setup_ask_accounts(s, e) < 0 || setup_look(s, e) < 0 || read_password(s, e) < 0))
		return -1;
	return setup_accounts(s, e) < 0 ? -1 : setup_check_net(s, e);
}

static int
prepare(struct setup *s, struct err *e)
{
	struct err end;
	int rc;

	if (setup_system(s, e) < 0)
		return -1;
	setup_check_machine(s);
	if (setup_suite_open(s, e) < 0) {
		(void)setup_suite_close(s, &end);
		return -1;
	}
	rc = make_accounts(s, e);
	if (setup_suite_close(s, &end) < 0 && rc == 0) {
		*e = end;
		rc = -1;
	}
	if (rc == 0 && !s->gets_out && s->person && conf_count(s->c, CONF_TABLE_ROUTE) == 0 &&
	    s->smart_host[0] == '\0')
		rc = setup_ask_smart_host(s, e);
	return rc;
}

static int
reload(struct err *e)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_CTL_RELOAD);
	return client_do(NULL, &m, e);
}

static int
start(struct setup *s, struct err *e)
{
	bool ours;
	int answer = 1;

	(void)setup_start_command(&ours);
	if (s->was_running)
		return s->changed ? reload(e) : 0;
	if (!ours || s->no_start || !s->has_users)
		return 0;
	if (s->person)
		answer =
		    setup_agree(s, "Start GK Mail now, and whenever this machine does", true, e);
	return answer < 1 ? answer : setup_start(s, e);
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

static void
print_done(const struct setup *s)
{
	printf("%s %s.\n", ctl.config, s->written ? "is written" : "was there already and stays");
	for (size_t i = 0; i < s->nmade; i++)
		printf(
		    "%s%s%s", i == 0 ? "Made: " : ", ", s->made[i], i + 1 == s->nmade ? ".\n" : "");
	if (s->started)
		puts("GK Mail runs, and will whenever this machine does.");
	if (s->sent_to != NULL)
		printf("A first mail went through it to %s.\n", s->sent_to);
}

/* What is left to do before it runs, line by line to copy. */
static void
print_next(const struct setup *s)
{
	bool ours;
	const char *command = setup_start_command(&ours), *domain = s->domain, *user = s->user;

	if (domain == NULL || domain[0] == '\0')
		domain = setup_domain_of(s->host);
	if (user == NULL || user[0] == '\0')
		user = arena_printf(&ctl.arena, "you@%s", domain).p;
	puts("Next, as root:");
	if (!s->prepare)
		setup_system_print(s);
	printf("  %s\n", command);
	if (s->prepare && s->has_users) {
		printf(
		    "  %s setup\nThe last one sends a first mail, and prints the records for the "
		    "DNS.\n",
		    self());
		return;
	}
	if (!s->has_domains)
		printf("  %s domain add %s\n", self(), domain);
	if (!s->has_users)
		printf("  %s user add %s\n", self(), user);
}

static int
print_world(const struct setup *s, struct err *e)
{
	const char *domain =
	    s->domain != NULL && s->domain[0] != '\0' ? s->domain : s->first_domain;
	struct str name;

	if (domain != NULL) {
		printf("\nRecords for the zone of %s (%s dns %s prints them again):\n\n", domain,
		    self(), domain);
		if (zone_domain(domain, &name, e) < 0 || dns_print(name, e) < 0)
			return -1;
	}
	printf(
	    "\nIf there is a firewall, open these ports (TCP) inwards:%s; outwards 25, 443, and 53 "
	    "(also UDP).\n",
	    setup_ports());
	if (s->smart_host[0] != '\0')
		puts("Mail to others goes by the smart host: its provider says what SPF has to "
		     "include.");
	if (conf_z(s->c, CONF_TLS_CERTIFICATE)[0] == '\0')
		puts("Put your certificate into [tls]; until then a self-signed one is made, which "
		     "mail programs warn\nabout.");
	printf("The page is https://%s/; %s doctor looks for what is wrong, from outside too.\n",
	    s->host, self());
	return 0;
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
	json_bool(&j, "running", s->started || s->was_running);
	json_open(&j, "made", '[');
	for (size_t i = 0; i < s->nmade; i++)
		json_z(&j, NULL, s->made[i]);
	json_close(&j, ']');
	if (s->sent_to != NULL)
		json_z(&j, "sent_to", s->sent_to);
	json_raw(&j, "found", doctor_found());
	json_close(&j, '}');
	json_print(&j);
}

/* It runs: the first mail, and the world. */
static int
finish(struct setup *s, struct err *e)
{
	if (s->has_users && setup_first_mail(s, e) < 0)
		return -1;
	if (ctl.json) {
		print_json(s);
		return setup_wait_dns(s, e);
	}
	print_done(s);
	if (s->was_running && s->nmade == 0 && !s->changed && s->sent_to == NULL && !s->person &&
	    s->wait_dns_ms == 0) {
		puts("GK Mail runs; nothing is left to do.");
		return 0;
	}
	return print_world(s, e) < 0 ? -1 : setup_wait_dns(s, e);
}

static int
run(struct setup *s, const char *host, struct err *e)
{
	s->adopted = access(ctl.config, F_OK) == 0 && !s->force;
	if (s->adopted ? adopt(s, host, e) < 0 || ask_to_prepare(s, e) < 0
		       : plan_new(s, host, e) < 0)
		return -1;
	if (s->adopted && s->smart_host[0] != '\0' && conf_count(s->c, CONF_TABLE_ROUTE) > 0)
		return err_set(e, E_EXISTS, "%s has a [[route]] already; change it with an editor",
		    ctl.config);
	if (s->adopted && s->smart_host[0] != '\0' &&
	    (setup_fit_smart_host(s, e) < 0 || setup_add_route(s, e) < 0))
		return -1;
	if (s->prepare && (prepare(s, e) < 0 || start(s, e) < 0))
		return -1;
	if (s->started || (s->prepare && s->was_running))
		return finish(s, e);
	if (ctl.json) {
		print_json(s);
	} else {
		print_done(s);
		print_next(s);
	}
	return 0;
}

int
verb_setup(struct err *e)
{
	struct setup *s = arena_new(&ctl.arena, struct setup);
	const char *host;
	int rc;

	if (options(s, &host, e) < 0)
		return -1;
	if (s->smart_host == NULL)
		s->smart_host = "";
	if (s->smart_user == NULL)
		s->smart_user = s->smart_password = "";
	doctor_begin();
	rc = run(s, host, e);
	if (s->password != NULL)
		sodium_memzero((char *)(uintptr_t)s->password, PASSWORD_MAX);
	return rc;
}
