/*
 * main.c - gk-master: reads the configuration, binds sockets, starts, watches, reloads and drains
 * the others.
 *
 * The only process that stays root. It reads no byte of any peer but the fixed messages of its own
 * daemons and of gkmail.
 */
#include <sodium.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/loop.h"
#include "master/master.h"
#include "svc/build.h"
#include "svc/confine.h"

#define EXIT_CONFIG 78

struct master master;

static void
usage(void)
{
	fprintf(stderr, "usage: gk-master [-c FILE] [-o section.key=value]... [-U uid]\n");
	exit(2);
}

static void
arguments(int argc, char **argv)
{
	uint64_t base;
	int c;

	master.conf_path = build_config_path();
	master.overrides = mem_array((size_t)argc, sizeof(char *));
	while ((c = getopt(argc, argv, "c:o:U:V")) != -1) {
		switch (c) {
		case 'c':
			master.conf_path = optarg;
			break;
		case 'o':
			master.overrides[master.noverrides++] = optarg;
			break;
		case 'U':
			if (num_parse(str_z(optarg), 1, 0x7fffff00u, &base) < 0)
				usage();
			master.uid_base = (unsigned)base;
			break;
		case 'V':
			printf("gk-master %s\n", build_id());
			exit(0);
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
}

/* Every connection is a descriptor in a front, and another on its way to an owner. */
static void
raise_limits(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static void
on_hup(void *arg)
{
	(void)arg;
	reload_ask();
}

static void
on_usr1(void *arg)
{
	(void)arg;
	logs_reopen();
}

static void
on_term(void *arg)
{
	(void)arg;
	drain_begin();
}

static void
watch_signals(void)
{
	struct sigaction sa = {.sa_handler = SIG_IGN};

	sigaction(SIGPIPE, &sa, NULL);
	loop_signal_new(SIGHUP, on_hup, NULL);
	loop_signal_new(SIGUSR1, on_usr1, NULL);
	loop_signal_new(SIGTERM, on_term, NULL);
	loop_signal_new(SIGINT, on_term, NULL);
}

static int
open_log(struct err *e)
{
	int fd = logs_open(master.conf, e);

	if (fd < 0)
		return -1;
	logs_use(master.conf, fd);
	return 0;
}

static int
start(struct err *e)
{
	bool required = str_eq(conf_str(master.conf, CONF_SERVER_SANDBOX), STR("required"));

	if (confine_master(required, e) < 0 || dirs_make(e) < 0 || control_lock(e) < 0 ||
	    open_log(e) < 0 || tls_files_open(master.conf, e) < 0 ||
	    dkim_files_open(master.conf, e) < 0 || listeners_open(master.conf, e) < 0)
		return -1;
	listeners_commit();
	if (control_open(e) < 0 || local_apply(e) < 0)
		return -1;
	master.started_ms = clock_ms();
	log_info("master.start", LZ("build", build_id()), LU("pid", getpid()),
	    LS("host_name", conf_str(master.conf, CONF_SERVER_HOST_NAME)));
	return process_start_all(e);
}

int
main(int argc, char **argv)
{
	struct err e = {0};

	arguments(argc, argv);
	log_init("master", 2, LOG_TEXT, LOG_LEVEL_INFO);
	umask(077);
	raise_limits();
	if (sodium_init() < 0 || loop_init(&e) < 0) {
		fprintf(stderr, "gk-master: %s\n", e.text);
		return 1;
	}
	watch_signals();
	if (config_load(&master.conf, &e) < 0 || start(&e) < 0) {
		log_flush();
		fprintf(stderr, "gk-master: %s\n", e.text);
		return master.conf == NULL || e.code == E_INVAL ? EXIT_CONFIG : 1;
	}
	loop_run();
	control_close();
	local_close();
	log_info("master.end", LU("pid", getpid()));
	log_flush();
	return master.failed ? EXIT_CONFIG : 0;
}
