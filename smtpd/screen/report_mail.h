/*
 * report_mail.h - the messages that carry reports: aggregate (RFC 9990 3.5.2) and failure ones
 * (RFC 9991, RFC 6591).
 */
#pragma once

#include "smtpd/screen/check.h"
#include "smtpd/screen/report.h"

struct report_mail {
	struct str mid;  /* of this message */
	struct str host; /* ours */
	struct str from; /* address */
	struct str to;
	struct str sender; /* of the envelope; empty: the null path */
	int64_t now;
};

/* The file's name: host!domain!begin!end!id.xml.gz */
struct str report_mail_file(const struct report *r, struct str host, struct arena *a);
/* packed: the report, as gzip. The caller checks out->over. *return_path: see mail/envelope.h. */
void report_mail_aggregate(const struct report_mail *m, const struct report *r, struct str packed,
    struct buf *out, uint32_t *return_path);

/* What a failure report tells of a message beside its header. */
struct report_failure {
	const struct check_query *q;
	const struct check_result *r;
	struct str header;
	struct str spf_record; /* of the domain that SPF was asked about; empty: none */
	unsigned incidents;    /* since the last report about that domain, this one too */
};

#define REPORT_HEADER_MAX (32u << 10) /* of the failed message's header, in whole lines */
void report_mail_failure(const struct report_mail *m, const struct report_failure *f,
    struct buf *out, uint32_t *return_path);
