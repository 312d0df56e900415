/*
 * text.c - /metrics: the counters of all pages added up, and what master and the tries say.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "statd/statd.h"
#include "svc/build.h"
#include "svc/svc.h"

#define PAGES_MAX 32u
#define TRIES_MAX 300u

static const struct metrics_page *pages[PAGES_MAX];
static size_t npages;

/* Master gives one for each daemon, by number; they live as long as it does, through restarts. */
void
pages_init(void)
{
	for (size_t i = 0; i < PAGES_MAX; i++) {
		char name[40];
		struct err e;
		int fd;

		snprintf(name, sizeof(name), "page.%zu", i);
		if ((fd = svc_take_file(name)) < 0)
			continue;
		if ((pages[npages] = metrics_map(fd, &e)) != NULL)
			npages++;
		else
			log_warn("stat.page", LE(&e));
		close(fd);
	}
}

int64_t
pages_value(enum metric m)
{
	return metrics_value(pages, npages, m);
}

/* ---- lines ---- */

struct label {
	const char *name;
	struct str value;
};

/* Both formats: backslash, quote and line end are escaped. */
static void
put_labels(struct buf *out, const struct label *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_printf(out, "%s%s=\"", i == 0 ? "{" : ",", v[i].name);
		for (size_t k = 0; k < v[i].value.n; k++) {
			char c = v[i].value.p[k];

			if (c == '\n')
				buf_puts(out, "\\n");
			else if (c == '\\' || c == '"')
				buf_printf(out, "\\%c", c);
			else
				buf_putc(out, c);
		}
		buf_putc(out, '"');
	}
	buf_puts(out, n > 0 ? "} " : " ");
}

static void
put(struct buf *out, const char *name, const struct label *v, size_t n, uint64_t value)
{
	buf_puts(out, name);
	put_labels(out, v, n);
	buf_printf(out, "%" PRIu64 "\n", value);
}

static void
put_seconds(struct buf *out, const char *name, const struct label *v, size_t n, double value)
{
	buf_puts(out, name);
	put_labels(out, v, n);
	buf_printf(out, "%.6f\n", value);
}

/* ---- processes ---- */

static const struct column {
	const char *name, *kind, *help;
} columns[] = {
    {"gkmail_process_up", "gauge", "1 while the process runs and is ready"},
    {"gkmail_process_restarts_total", "counter", "How often the process was started again"},
    {"gkmail_process_uptime_seconds", "gauge", "How long the process runs"},
    {"gkmail_process_cpu_seconds_total", "counter", "Processor time of the process"},
    {"gkmail_process_resident_memory_bytes", "gauge",
	"Memory of the process; of the owners what they do not share with gk-mailboxd"},
};

static void
put_process(struct buf *out, size_t column, const struct process *p)
{
	const char *name = columns[column].name;
	const struct label l = {"process", p->name};
	bool owners = str_eq_z(p->name, "owners");

	if (column == 4)
		put(out, name, &l, 1, p->resident);
	else if (owners)
		return; /* each is started and ends as its user comes and goes */
	else if (column == 0)
		put(out, name, &l, 1, str_eq_z(p->state, "ready"));
	else if (column == 1)
		put(out, name, &l, 1, p->restarts);
	else
		put_seconds(out, name, &l, 1, (double)(column == 2 ? p->up_ms : p->cpu_ms) / 1000);
}

static void
put_processes(const struct state *s, enum metrics_format format, struct buf *out)
{
	for (size_t c = 0; c < ARRAY_LEN(columns); c++) {
		metrics_introduce(columns[c].name, columns[c].kind, columns[c].help, format, out);
		for (size_t i = 0; i < s->nprocesses; i++)
			put_process(out, c, &s->processes[i]);
	}
}

/* ---- disks, certificates ---- */

static void
put_disks(const struct state *s, enum metrics_format format, struct buf *out)
{
	static const struct column rows[] = {
	    {"gkmail_disk_size_bytes", "gauge", "Size of the file system that the directory is on"},
	    {"gkmail_disk_free_bytes", "gauge", "What is free there"},
	    {"gkmail_disk_files", "gauge", "How many files that can hold"},
	    {"gkmail_disk_files_free", "gauge", "How many more"},
	};

	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		metrics_introduce(rows[r].name, rows[r].kind, rows[r].help, format, out);
		for (size_t i = 0; i < s->ndisks; i++) {
			const struct disk *d = &s->disks[i];
			const uint64_t values[] = {d->size, d->free, d->files, d->files_free};
			const struct label l = {"directory", d->name};

			put(out, rows[r].name, &l, 1, values[r]);
		}
	}
}

static void
put_certificates(const struct state *s, enum metrics_format format, struct buf *out)
{
	static const char name[] = "gkmail_certificate_expires_timestamp_seconds";

	metrics_introduce(name, "gauge", "Until when a certificate is good", format, out);
	for (size_t i = 0; i < s->ncertificates; i++) {
		const struct label l = {"file", s->certificates[i].file};

		put(out, name, &l, 1, s->certificates[i].expires);
	}
}

/* ---- tries, mailboxes ---- */

static void
put_tries(enum metrics_format format, struct buf *out)
{
	static const struct column rows[] = {
	    {"gkmail_probe_up", "gauge", "1 where the last try was answered as it should be"},
	    {"gkmail_probe_duration_seconds", "gauge", "How long that took"},
	};
	const struct try_result *v[TRIES_MAX];
	size_t n = tries_list(v, TRIES_MAX);

	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		metrics_introduce(rows[r].name, rows[r].kind, rows[r].help, format, out);
		for (size_t i = 0; i < n; i++) {
			const struct label l[] = {{"what", v[i]->name}, {"address", v[i]->address}};

			if (v[i]->tried && r == 0)
				put(out, rows[r].name, l, 2, v[i]->ok);
			else if (v[i]->tried)
				put_seconds(out, rows[r].name, l, 2, (double)v[i]->us / 1e6);
		}
	}
}

/* Users without number would be lines without number: those with the largest mailboxes have one
 * each, all others one together. */
static void
put_mailboxes(enum metrics_format format, struct buf *out)
{
	static const char name[] = "maildir_size_bytes";
	const struct mailboxes *b = tries_mailboxes();
	uint64_t rest = b->octets;

	metrics_introduce("gkmail_users", "gauge", "Users", format, out);
	put(out, "gkmail_users", NULL, 0, b->users);
	metrics_introduce("gkmail_messages", "gauge", "Messages in all mailboxes", format, out);
	put(out, "gkmail_messages", NULL, 0, b->messages);
	metrics_introduce(name, "gauge",
	    "Size of a user's mailbox, of the largest ones; the others together are user=other",
	    format, out);
	for (size_t i = 0; i < b->n; i++) {
		const struct label l = {"user", b->v[i].user};

		put(out, name, &l, 1, b->v[i].octets);
		rest -= b->v[i].octets < rest ? b->v[i].octets : rest;
	}
	put(out, name, &(const struct label){"user", STR("other")}, 1, rest);
}

void
text_write(enum metrics_format format, struct buf *out)
{
	const struct label build[] = {
	    {"version", str_z(build_version())}, {"build", str_z(build_id())}};
	const struct state *s = state_now();

	metrics_text(pages, npages, format, out);
	metrics_introduce("gkmail_build_info", "gauge", "The version that runs", format, out);
	put(out, "gkmail_build_info", build, 2, 1);
	metrics_introduce("gkmail_state_known", "gauge", "1 while master answers", format, out);
	put(out, "gkmail_state_known", NULL, 0, s->known);
	put_processes(s, format, out);
	put_disks(s, format, out);
	put_certificates(s, format, out);
	put_tries(format, out);
	put_mailboxes(format, out);
	if (format == METRICS_OPEN)
		buf_puts(out, "# EOF\n");
}
