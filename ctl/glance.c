/* glance.c - see glance.h. */
#include "ctl/glance.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "ctl/ctl.h"
#include "ctl/output.h"

/* The value of the next sample whose line begins so, without what follows a point; *rest is what
 * stands between the beginning and the value. */
static bool
next(struct str *text, const char *begin, struct str *rest, uint64_t *value)
{
	struct str line;

	while (text->n > 0) {
		size_t blank, point;

		(void)str_cut(text, '\n', &line);
		if (!str_starts(line, str_z(begin)))
			continue;
		blank = str_rchr(line, ' ');
		*rest = str_sub(line, strlen(begin), blank - strlen(begin));
		line = str_from(line, blank + 1);
		point = str_chr(line, '.');
		if (num_parse(str_sub(line, 0, point), 0, UINT64_MAX, value) == 0)
			return true;
	}
	return false;
}

/* Of all samples that begin so. */
static uint64_t
all(struct str text, const char *begin)
{
	uint64_t sum = 0, v;
	struct str rest;

	while (next(&text, begin, &rest, &v))
		sum += v;
	return sum;
}

/* Of those of them that have this label. */
static uint64_t
labelled(struct str text, const char *begin, const char *label)
{
	uint64_t sum = 0, v;
	struct str rest;

	while (next(&text, begin, &rest, &v))
		if (str_find(rest, str_z(label)) < rest.n)
			sum += v;
	return sum;
}

static struct str
size(uint64_t octets)
{
	return out_size(arena_printf(&ctl.arena, "%" PRIu64, octets), &ctl.arena);
}

static const char *
age(uint64_t s)
{
	if (s >= 2 * 86400)
		return arena_printf(&ctl.arena, "%" PRIu64 " d", s / 86400).p;
	if (s >= 2 * 3600)
		return arena_printf(&ctl.arena, "%" PRIu64 " h", s / 3600).p;
	return arena_printf(&ctl.arena, "%" PRIu64 " min", s / 60).p;
}

static void
print_mail(struct str m)
{
	uint64_t oldest = all(m, "gkmail_queue_oldest_timestamp_seconds ");
	uint64_t now = (uint64_t)clock_wall();

	printf("queue         %" PRIu64 " waiting", all(m, "queue_size "));
	if (oldest > 0 && oldest <= now)
		printf(", the oldest for %s", age(now - oldest));
	printf("\nmail          %" PRIu64 " taken, %" PRIu64 " into mailboxes, %" PRIu64
	       " to other hosts, %" PRIu64 " bounced, %" PRIu64 " refused\n",
	    all(m, "gkmail_smtp_messages_total "),
	    labelled(m, "gkmail_local_delivered_total{", "result=\"ok\""),
	    labelled(m, "gkmail_queue_remote_total{", "result=\"ok\""),
	    all(m, "gkmail_queue_bounced_total "), all(m, "gkmail_smtp_rejected_total "));
}

static void
print_clients(struct str m)
{
	printf("connections   SMTP %" PRIu64 ", IMAP %" PRIu64 ", HTTP %" PRIu64
	       "; agents' sessions %" PRIu64 "\n",
	    all(m, "gkmail_smtp_connections_active "), all(m, "imap_connections_active "),
	    all(m, "gkmail_http_connections_active "), all(m, "gkmail_agent_sessions_active "));
	printf("logins        %" PRIu64 " good, %" PRIu64 " failed, %" PRIu64 " bans in force\n",
	    labelled(m, "auth_attempts_total{", "result=\"ok\""),
	    labelled(m, "auth_attempts_total{", "result=\"fail\""),
	    all(m, "gkmail_auth_bans_active "));
	printf("mailboxes     users %" PRIu64 ", messages %" PRIu64 ", " STR_FMT "\n",
	    all(m, "gkmail_users "), all(m, "gkmail_messages "),
	    STR_ARG(size(all(m, "maildir_size_bytes{"))));
}

static void
print_disks(struct str m)
{
	uint64_t octets, free;
	struct str rest, text = m, label;

	while (next(&text, "gkmail_disk_size_bytes{", &rest, &octets)) {
		label = arena_printf(&ctl.arena, "gkmail_disk_free_bytes{" STR_FMT, STR_ARG(rest));
		free = all(m, label.p);
		printf("disk          " STR_FMT " of " STR_FMT " free (", STR_ARG(size(free)),
		    STR_ARG(size(octets)));
		out_str(stdout, str_sub(rest, 11, rest.n - 13)); /* directory="…"} */
		puts(")");
	}
}

static void
print_certificates(struct str m)
{
	uint64_t until, now = (uint64_t)clock_wall();
	struct str rest;

	while (next(&m, "gkmail_certificate_expires_timestamp_seconds{", &rest, &until)) {
		printf("certificate   ");
		if (until > now)
			printf("good for %s (", age(until - now));
		else
			printf("expired (");
		out_str(stdout, str_sub(rest, 6, rest.n - 8)); /* file="…"} */
		puts(")");
	}
}

void
glance_print(struct str m)
{
	print_mail(m);
	print_clients(m);
	print_disks(m);
	print_certificates(m);
	printf("memory        " STR_FMT ", what processes share counted for each\n\n",
	    STR_ARG(size(all(m, "gkmail_process_resident_memory_bytes{"))));
}

struct str
glance_memory(struct str metrics, struct str process)
{
	struct str begin = arena_printf(&ctl.arena,
	    "gkmail_process_resident_memory_bytes{process=\"" STR_FMT "\"}", STR_ARG(process));
	struct str rest;
	uint64_t v;

	return next(&metrics, begin.p, &rest, &v) ? size(v) : STR_NONE;
}
