/*
 * main.c - gk-master: reads the configuration, binds sockets, starts, watches, reloads and drains
 * the others.
 *
 * The only process that stays root. It reads no byte of any peer but the fixed messages of its own
 * daemons and of gkmail.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/loop.h"
#include "master/master.h"
#include "svc/build.h"

#define EXIT_CONFIG 78

struct master master = {.conf_path = "/etc/gkmail/gkmail.toml"};

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
reloaded(void *arg, const struct err *e)
{
	(void)arg;
	(void)e; /* logged where it happened */
}

static void
on_hup(void *arg)
{
	(void)arg;
	reload_begin(reloaded, NULL);
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
write_pid(struct err *e)
{
	char path[PATH_MAX], text[32];
	int fd, n, rc = -1;

	snprintf(path, sizeof(path), "%s/master.pid", conf_z(master.conf, CONF_SERVER_RUN_DIR));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	n = snprintf(text, sizeof(text), "%d\n", getpid());
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		err_sys(e, "write %s", path);
	else
		rc = 0;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int
start(struct err *e)
{
	int cert = -1, key = -1;

	if (dirs_make(e) < 0 || logs_open(master.conf, e) < 0)
		return -1;
	if (tls_files_open(master.conf, &cert, &key, e) < 0)
		return -1;
	tls_files_take(cert, key);
	if (listeners_open(master.conf, e) < 0)
		return -1;
	listeners_commit();
	if (control_open(e) < 0 || write_pid(e) < 0)
		return -1;
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
		fprintf(stderr, "gk-master: %s\n", e.text);
		return e.code == E_INVAL ? EXIT_CONFIG : 1;
	}
	loop_run();
	control_close();
	log_info("master.end", LU("pid", getpid()));
	log_flush();
	return master.was_ready ? 0 : EXIT_CONFIG;
}
