/*
 * svc.h - the daemon skeleton: one way to start, run, reload and end.
 *
 * A daemon's main.c is a struct svc and a call of svc_main(), which in order: takes its arguments;
 * reads identity, listeners, files, channels and configuration from master on descriptor 3; goes to
 * its directory under data_dir (chroot when root), gives up root; start(); Landlock and seccomp;
 * tells master it is ready; runs the loop.
 *
 * All paths a daemon uses are relative to its working directory: data_dir/<root>, or an empty
 * directory.
 *
 * SIGTERM or DRAIN: stop accepting, drain(), and exit 0 once svc_drained() is called or
 * drain_timeout is over; a second one exits at once. The end of the control channel counts as
 * SIGKILL: without master nothing runs. Exit codes: 0 done; 75 restart me; 78 the configuration is
 * at fault, do not restart.
 */
#pragma once

#include <netinet/in.h>

#include "base/err.h"
#include "base/log.h"
#include "io/loop.h"
#include "ipc/ipc.h"
#include "svc/conf.h"
#include "svc/sandbox.h"

struct svc_conn {
	int fd;           /* the accepted socket, non-blocking; the daemon's from now on */
	const char *name; /* the listener: "smtp", "submission", "submissions", "imap", "imaps"; or
			     "local": a program on this machine, by run_dir/submit.sock; or
			     "owner": the owner of a mailbox (gk-smtpd) */
	struct sockaddr_storage peer;
	char peer_text[INET6_ADDRSTRLEN];
	struct str user;  /* "local": the address of the account it runs as, by master's word */
	bool trusted;     /* it may write as anybody */
	struct str token; /* "local": for SIGN_PUT */
};

struct svc {
	const char *name;     /* "smtpd" */
	enum ipc_peer peer;   /* PEER_SMTPD */
	const char *sections; /* of the configuration, blank-separated: "server smtp limits" */
	const char
	    *root; /* directory below data_dir ("auth", "spool", "mail"); NULL: an empty one */
	unsigned sandbox; /* SB_… */
	const struct sandbox_path *paths;
	size_t npaths;
	unsigned keep_caps; /* capabilities kept when root, bits (1 << CAP_…); 0 for all but the
			       mailboxd parent */

	int (*start)(struct err
		*e); /* configuration is there; may open files; no byte of a peer is read yet */
	int (*reload)(struct err
		*e); /* svc_conf() is the new one; on failure the old one comes back. Optional */
	void (*accept)(const struct svc_conn *c); /* optional */
	/* Every message on any channel but control; arg is NULL. */
	ipc_message_fn message;
	/* A channel came (its peer runs now) or went. Kinds that may be many (PEER_CTL, PEER_OWNER)
	 * are freed after this tells that they went. Optional. */
	void (*channel)(struct ipc_chan *c, bool open);
	/* Lines go elsewhere, or others are wanted, from now on: for forked children, which master
	 * does not know. fd is borrowed. Optional. */
	void (*log)(enum log_format format, enum log_level level, int fd);
	void (*drain)(void); /* optional: svc_drained() is then implied */
	/* drain_timeout is over: last words to whoever is still there. The process ends a second
	 * later, or with svc_drained(). Optional. */
	void (*overdue)(void);
};

int svc_main(const struct svc *svc, int argc, char **argv);

const struct conf *svc_conf(void);
/* The channel to the one peer of that kind; open or waiting to be attached. Never NULL for a peer
 * that master's table joins with this daemon, or master itself. */
struct ipc_chan *svc_channel(enum ipc_peer peer);
/* A descriptor that master opened ("dns.trust_anchor"); -1 when there is none. Borrowed; changes at
 * reload. */
int svc_file(const char *name);
/* The same, the caller's from now on: what is read once need not stay open. Master gives another
 * one at a reload. */
int svc_take_file(const char *name);
/* The kernel's id of this boot, or "" where it cannot be read: tells a crashed process from lost
 * power. */
const char *svc_boot_id(void);
/* All is finished: the process may end. */
void svc_drained(void);
bool svc_draining(void);
/* No more accepts until resumed: too many connections. */
void svc_accept_pause(bool pause);
