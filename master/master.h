/*
 * master.h - what the files of gk-master share. One process, one configuration, one table of
 * running daemons.
 */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "base/log.h"
#include "io/loop.h"
#include "ipc/ipc.h"
#include "master/service.h"
#include "svc/conf.h"
#include "svc/events.h"
#include "svc/metrics.h"

enum process_state {
	PROCESS_DOWN,     /* waits to be started again */
	PROCESS_STARTING, /* runs, not ready yet */
	PROCESS_READY,
	PROCESS_ENDED /* drained, or not to be started again */
};

struct process {
	const struct service *service;
	enum process_state state;
	pid_t pid;
	struct ipc_chan *control;
	bool greeted;     /* HELLO came: channels may be made */
	bool other_build; /* it is of another build than ours, and ends */
	char sections[256];
	struct loop_timer *restart;
	unsigned restarts;
	uint64_t backoff_ms, started_ms;
	int metrics_fd, events_fd;
	const struct events_page *events;
};

struct master {
	const char *conf_path;
	const char **overrides;
	size_t noverrides;
	unsigned uid_base; /* -U; 0: system users */
	struct conf *conf;
	struct process processes[SERVICES];
	uint64_t started_ms;
	bool was_ready; /* all were ready once */
	bool draining;
	bool failed; /* ends because it cannot start */
};

extern struct master master;

/* config.c */
int config_load(struct conf **out, struct err *e);
/* Makes e the refusal of the value of k: "gkmail.toml:12: smtp.listen: …". -1. */
int config_refuse(const struct conf *c, enum conf_key k, struct err *e);

/* dirs.c: data_dir and run_dir with their owners; the directory a daemon works in, made for its
 * user. */
int dirs_make(struct err *e);
int dirs_for(const struct service *s, const char *root, char *path, size_t size, struct err *e);
/* The uid and gid a daemon runs as; our own when we are not root. */
int dirs_identity(const struct service *s, uid_t *uid, gid_t *gid, struct err *e);

/* process.c */
int process_start_all(struct err *e);
struct process *process_of(enum ipc_peer peer);
struct process *process_of_service(const struct service *s); /* NULL before the start */
const char *process_state_name(enum process_state s);
bool process_all_ready(void);
/* Those that a wrong configuration kept down: there is a new one. */
void process_start_ended(void);

/* round.c: master.conf to running daemons, one round at a time. done gets NULL when all that were
 * asked have taken it up or ended, or else what the last refusal was. */
void round_begin(void (*done)(const struct err *e));
void round_ask(struct process *p);
void round_end(void); /* all are asked */
/* After a refusal: p is given master.conf again, and nobody waits for it. */
void round_restore(struct process *p);

/* setup.c: what a daemon is told when it starts, and at a reload. */
void setup_begin(struct process *p, const char *root);
void setup_config(struct process *p, const struct conf *c, ipc_reply_fn fn, void *arg);
void setup_files(struct process *p);
/* One of them, which is handed over; -1: there is none. */
void setup_file(struct process *p, const char *name, int fd);
void setup_log(struct process *p);
void setup_channels(struct process *p);

/* listeners.c */
/* Binds what conf names and is not bound yet. On failure all is as before. */
int listeners_open(const struct conf *c, struct err *e);
void listeners_give(struct process *p);
/* Tells daemons of new sockets and ended ones after a reload, or forgets new ones when it failed.
 */
void listeners_commit(void);
void listeners_rollback(void);
/* The end: nobody comes any more, who is about to come in gets in. */
void listeners_turn_away(void);
/* Who comes now is refused instead of waiting for nobody. */
void listeners_close(void);
/* name, address, name, address … */
size_t listeners_list(struct arena *a, struct str **out);
/* A connection to one of them, perhaps not established yet; -1: there is none such. */
int listeners_connect(struct str name, struct str address, struct err *e);

/* tls.c: the certificate and key, opened. Daemons are given the new ones from open on, and the old
 * ones again after a rollback. */
int tls_files_open(const struct conf *c, struct err *e);
void tls_files_commit(void);
void tls_files_rollback(void);
void tls_files_give(struct process *p);
/* file, until when it is good (seconds since the epoch), … */
size_t tls_files_list(struct arena *a, struct str **out);

/* files.c: authorities, passwords and keys, for gk-remote and gk-aid. */
/* Can every file that a route names be opened? */
int files_check(const struct conf *c, struct err *e);
void files_give(struct process *p);
/* dkim.c: the DKIM keys, likewise; and gkmail's changes of them. */
int dkim_files_open(const struct conf *c, struct err *e);
void dkim_files_commit(void);
void dkim_files_rollback(void);
void dkim_files_give(struct process *p);
void dkim_add(struct ipc_chan *c, struct ipc_in *m);
void dkim_change(struct ipc_chan *c, struct ipc_in *m);
/* One is under way. */
bool dkim_busy(void);
void dkim_client_gone(const struct ipc_chan *c);

/* acme.c: what came by ACME, likewise; and gk-sign has more kept. */
void acme_files_give(struct process *p);
void acme_keep(struct process *p, struct ipc_in *m);
/* One is under way. */
bool acme_busy(void);

/* stat.c: what gk-statd is told. */
/* Everybody's counters, for reading. */
void stat_pages_give(struct process *p);
void stat_state(struct ipc_chan *c, struct ipc_in *m);
void stat_probe(struct ipc_chan *c, struct ipc_in *m);

/* logs.c */
/* Opens where lines shall go; logs_use() makes it so. */
int logs_open(const struct conf *c, struct err *e);
void logs_use(const struct conf *c, int fd);
void logs_reopen(void);
/* A descriptor for one more process. */
int logs_fd(void);
enum log_format logs_format(const struct conf *c);
enum log_level logs_level(const struct conf *c, enum conf_key own);

/* control.c: gkmail's socket. */
int control_open(struct err *e);
/* Locks run_dir for this master alone, and writes master.pid. */
int control_lock(struct err *e);
void control_close(void);

/* local.c: the socket of programs on this machine. */
/* Opens or closes it as the configuration says. */
int local_apply(struct err *e);
void local_close(void);

/* reload.c: fn is called once, with NULL when the new configuration is taken up. */
void reload_begin(void (*fn)(void *arg, const struct err *e), void *arg);
bool reload_busy(void);
/* SIGHUP: the same as soon as possible. */
void reload_ask(void);
/* All are ready: what was asked meanwhile can begin. */
void reload_ready(void);

/* drain.c */
void drain_begin(void);
/* A process ended while draining. */
void drain_step(void);
