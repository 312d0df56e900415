/*
 * reports.h - DMARC reports in gk-screen: what is counted, sent and received (RFC 9990, RFC 9991).
 *
 * The store, XML and archives are worked on by one thread of a pool, in the order of the jobs; the
 * loop does the DNS and talks to gk-queue and gkmail. Without a usable store, which is logged, mail
 * is checked and nothing is reported.
 */
#pragma once

#include "ipc/ipc.h"
#include "net/dns.h"
#include "smtpd/screen/check.h"

/* In start() of the process: reads svc_conf(). dns and the channel to gk-queue outlive it. */
int reports_start(struct dns *dns, struct ipc_chan *queue, struct err *e);
/* The configuration is another one. */
int reports_reload(struct err *e);
/* What was counted is written down. */
void reports_stop(void);

/* At the verdict of a message. facts and header: of the check. */
void reports_note(
    const struct check_query *q, const struct check_result *r, struct facts *f, struct str header);

/* A message that may carry a report to us. NULL where no address for reports is configured: all of
 * these take it. */
struct report_arrival;
struct report_arrival *report_arrival_new(void);
/* Its octets from the first on. Kept only when To or Cc names dmarc.report_address. */
void report_arrival_feed(struct report_arrival *a, struct str octets);
/* All of it has come, and this is who sent it; it is read aside. Frees it. */
void report_arrival_end(struct report_arrival **a, const struct check_result *r);
void report_arrival_free(struct report_arrival **a);

/* From gkmail: false when the message is none of ours. */
bool reports_message(struct ipc_chan *c, struct ipc_in *m);
/* The channel goes: nothing is answered to it. */
void reports_forget(struct ipc_chan *c);
