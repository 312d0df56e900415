/* reports_in.h - what the parts of reports.h share. */
#pragma once

#include "io/loop.h"
#include "smtpd/screen/report_mail.h"
#include "smtpd/screen/report_store.h"
#include "smtpd/screen/reports.h"

#define REPORT_ADDRESSES_MAX 50u
#define REPORT_MAIL_MAX      (256u << 10) /* of one message: what the queue takes in memory */

struct flush;
struct sending;

struct reports {
	struct report_store *store; /* of the thread while jobs are under way */
	struct pool *pool;
	struct dns *dns;
	struct ipc_chan *queue;
	struct report_notes notes;
	struct loop_timer *flush, *look;
	struct flush *flushing;
	bool stopping;
	struct sending *sending;
	bool again; /* look once more when that is done */
	/* From the configuration. */
	struct arena conf;
	bool counts, failures;
	uint64_t every, keep; /* seconds */
	struct str host, from, sender;
	struct str *addresses; /* dmarc.report_address */
	size_t naddresses;
};

extern struct reports reports;

/* Something for the thread. Embedded in what it works on, which is freed by done(). */
struct report_job {
	int (*work)(struct report_job *j, struct err *e); /* in the thread */
	void (*done)(struct report_job *j); /* in the loop; rc and err say how it went */
	int rc;
	struct err err;
};

/* -1: too much waits, done() is not called. */
int report_job_run(struct report_job *j, struct err *e);

bool reports_is_ours(struct str address);
/* Counts go into the store as soon as it can be. */
void reports_flush(void);

/* reports_send.c: begins with what is due, unless it is at it. */
void reports_look(void);
/* What waits for others than the thread is given up; idle: the thread has ended, all is. */
void reports_send_stop(bool idle);

/* A message into the queue. fn: with NULL when it is durable there. */
struct report_post {
	struct str mid, to;
	struct str octets;
	uint32_t return_path, flags;
};
uint64_t report_post(const struct report_post *p, ipc_reply_fn fn, void *arg, struct err *e);

/* reports_fail.c: a message failed, and its author's domain may want to hear of it. */
void reports_failure(
    const struct check_query *q, const struct check_result *r, struct facts *f, struct str header);
void reports_fail_stop(void);

/* report_find.c: the first report in a message's parts. -1: E_NOTFOUND there is none, else what is
 * wrong with it. */
int report_find(struct str message, struct arena *a, struct report *out, struct err *e);
/* Does To or Cc name one of them? */
bool report_is_addressed(struct str header, const struct str *addresses, size_t n);
