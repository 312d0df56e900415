/*
 * doctor.h - findings of gkmail doctor: told as they come, or gathered as JSON.
 */
#pragma once

#include "ctl/ctl.h"
#include "ctl/status.h"
#include "svc/conf.h"

enum finding {
	FINDING_OK,
	FINDING_WARN,
	FINDING_FAIL
};

/* what: "relay", "clock". remedy: what to do about it; NULL where all is well. */
void doctor_say(enum finding f, const char *what, const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Before the first. */
void doctor_begin(void);
/* After the last: all of them as JSON, with --json. */
struct str doctor_found(void);

/* doctor_net.c */
/* Can our listeners be reached from elsewhere, and by the server's own name (if online)? */
int doctor_ports(const struct status *s, bool online, struct err *e);
/* Is what they show a certificate that clients trust? */
void doctor_tls(const struct status *s, const char *host);
/* Does it take mail of strangers for strangers? */
void doctor_relay(const struct status *s);
/* doctor_out.c */
/* Do others take our connections? *open: as far as is known. */
int doctor_outgoing(const struct conf *c, bool *open, struct err *e);
/* doctor_files.c */
int doctor_files(struct err *e);
void doctor_clock(void);
