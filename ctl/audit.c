/*
 * audit.c - gkmail audit: the log of what agents did and what humans let them do (ipc/chain.h).
 *
 * authd lends its files, one after the other; reading and verifying is done here, so that a long
 * log holds up nobody. verify also takes files, of a backup or of another host.
 */
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "ctl/client.h"
#include "ctl/output.h"
#include "io/file.h"
#include "ipc/chain.h"

#define CHUNK (256u << 10)

/* ---- the lines of a log ---- */

struct reading {
	/* The number in a file's name, or 0; more: its lines follow. -1 ends it. */
	int (*file)(void *arg, uint64_t number, struct err *e);
	/* Without LF; whole: it had one. -1 ends it. */
	int (*line)(void *arg, struct str line, bool whole, struct err *e);
	void *arg;
};

static int
read_lines(const struct reading *r, int fd, uint64_t size, struct err *e)
{
	struct buf b;
	uint64_t at = 0;
	struct str rest, line;
	int rc = 0;

	buf_init(&b, CHUNK + 4 * CHAIN_LINE_MAX);
	while (rc == 0 && at < size) {
		size_t want = (size_t)num_min(size - at, CHUNK), got = 0;
		char *p = buf_room(&b, want);

		if (p == NULL) {
			rc = err_set(e, E_INVAL, "a line that is longer than any record");
			break;
		}
		if ((rc = file_pread_some(fd, p, want, (off_t)at, &got, e)) < 0 || got == 0)
			break;
		at += got;
		buf_added(&b, got);
		rest = buf_view(&b);
		while (rc == 0 && str_chr(rest, '\n') < rest.n) {
			(void)str_cut(&rest, '\n', &line);
			rc = r->line(r->arg, line, true, e);
		}
		buf_consume(&b, b.n - rest.n);
	}
	if (rc == 0 && b.n > 0)
		rc = r->line(r->arg, buf_view(&b), false, e);
	buf_free(&b);
	return rc;
}

/* All that authd has, from the file of that number on. */
static int
read_log(const struct reading *r, struct err *e)
{
	uint64_t number = 0, size;
	struct ipc_out m;
	struct ipc_in in;
	struct err why;
	int fd, rc = 0;

	while (rc == 0) {
		ipc_begin(&m, MSG_AUDIT_FILE);
		ipc_put_u64(&m, number + 1);
		if (client_call("authd", &m, &in, &why) < 0) {
			if (why.code == E_NOTFOUND)
				return 0;
			*e = why;
			return -1;
		}
		number = ipc_get_u64(&in);
		size = ipc_get_u64(&in);
		fd = ipc_take_fd(&in);
		if (ipc_end(&in) < 0) {
			file_close(&fd);
			return err_set(e, E_PROTO, "unreadable answer");
		}
		rc = r->file != NULL ? r->file(r->arg, number, e) : 0;
		if (rc == 0)
			rc = read_lines(r, fd, size, e);
		file_close(&fd);
	}
	return rc;
}

/* ---- verify ---- */

struct verifying {
	struct chain at;
	uint64_t first, number;   /* record; of the file, until its first record was read */
	uint64_t count, head_seq; /* head_seq 0: none was given */
	struct str head;
	bool head_seen;
};

static int
begin_file(void *arg, uint64_t number, struct err *e)
{
	struct verifying *v = arg;

	if (v->number != 0)
		return err_set(e, E_INVAL, "record %llu: it is missing, with all of its file",
		    (unsigned long long)v->number);
	v->number = number;
	return 0;
}

static int
verify_line(void *arg, struct str line, bool whole, struct err *e)
{
	struct verifying *v = arg;
	uint64_t next = v->at.seq != 0 ? v->at.seq + 1 : num_max(v->number, 1);

	if (!whole)
		return err_set(e, E_INVAL, "record %llu: it has no end", (unsigned long long)next);
	if (chain_follow(&v->at, line, e) < 0)
		return err_wrap(e, "record %llu", (unsigned long long)next);
	if (v->number != 0 && v->at.seq != v->number)
		return err_set(e, E_INVAL, "record %llu: it is missing; its file begins with %llu",
		    (unsigned long long)v->number, (unsigned long long)v->at.seq);
	v->number = 0;
	if (v->first == 0)
		v->first = v->at.seq;
	if (v->at.seq == v->head_seq) {
		v->head_seen = true;
		if (!str_eq_z(v->head, v->at.hash))
			return err_set(e, E_INVAL, "record %llu: it is another one than was noted",
			    (unsigned long long)v->at.seq);
	}
	v->count++;
	return 0;
}

/* "57:<64 digits>", as verify printed it once. */
static int
take_head(struct verifying *v, struct err *e)
{
	const char *head = args_value("--head");
	struct str number;

	if (head == NULL)
		return 0;
	v->head = str_z(head);
	if (!str_cut(&v->head, ':', &number) || num_parse(number, 1, INT64_MAX, &v->head_seq) < 0 ||
	    !chain_hash_valid(v->head))
		return args_wrong(e, "--head takes NUMBER:HASH, as gkmail audit verify prints it");
	return 0;
}

static int
verify_files(const struct reading *r, struct err *e)
{
	for (int i = 0; i < ctl.nargs; i++) {
		uint64_t size;
		int fd = file_open(AT_FDCWD, ctl.args[i], O_RDONLY, 0, e), rc = -1;

		if (fd >= 0 && file_size(fd, &size, e) == 0)
			rc = read_lines(r, fd, size, e);
		file_close(&fd);
		if (rc < 0)
			return err_wrap(e, "%s", ctl.args[i]);
	}
	return 0;
}

/* What authd says that it has written has to be there, from the first to the last. */
static int
verify_log(struct verifying *v, const struct reading *r, struct err *e)
{
	uint64_t first, last;
	struct ipc_out m;
	struct ipc_in in;
	struct str hash;
	char noted[CHAIN_HEX + 1];

	ipc_begin(&m, MSG_AUDIT_HEAD);
	if (client_call("authd", &m, &in, e) < 0)
		return -1;
	first = ipc_get_u64(&in);
	last = ipc_get_u64(&in);
	hash = ipc_get_str(&in);
	if (ipc_end(&in) < 0 || str_cz(hash, noted, sizeof(noted)) < 0)
		return err_set(e, E_PROTO, "unreadable answer");
	if (read_log(r, e) < 0)
		return -1;
	if (v->number != 0)
		return begin_file(v, 0, e);
	/* Older files may have gone since it was asked, and records have come. */
	if (last != 0 && (v->first == 0 || v->at.seq < last))
		return err_set(e, E_INVAL, "record %llu: it is missing",
		    (unsigned long long)(v->at.seq != 0 ? v->at.seq + 1 : first));
	if (v->at.seq == last && last != 0 && strcmp(v->at.hash, noted) != 0)
		return err_set(e, E_INVAL, "record %llu: it is another one than was written",
		    (unsigned long long)last);
	return 0;
}

static int
say(const struct verifying *v, bool fine, const struct err *why)
{
	struct json j;

	if (!ctl.json) {
		if (!fine)
			fprintf(stderr, "gkmail: audit log: %s\n", why->text);
		else if (v->count == 0)
			printf("no records\n");
		else
			printf("records %llu to %llu hold; head %llu:%s\n",
			    (unsigned long long)v->first, (unsigned long long)v->at.seq,
			    (unsigned long long)v->at.seq, v->at.hash);
	} else {
		json_init(&j);
		json_open(&j, NULL, '{');
		json_bool(&j, "ok", fine);
		json_num(&j, "records", v->count);
		json_num(&j, "first", v->first);
		json_num(&j, "last", v->at.seq);
		json_z(&j, "hash", v->at.hash);
		if (!fine)
			json_z(&j, "error", why->text);
		json_close(&j, '}');
		json_print(&j);
	}
	return fine ? EXIT_DONE : EXIT_FAIL;
}

int
verb_audit_verify(struct err *e)
{
	struct verifying v = {0};
	const struct reading r = {.file = begin_file, .line = verify_line, .arg = &v};
	struct err why;
	int rc;

	chain_init(&v.at);
	if (take_head(&v, e) < 0 || args_end(0, 100000, e) < 0)
		return -1;
	rc = ctl.nargs > 0 ? verify_files(&r, &why) : verify_log(&v, &r, &why);
	if (rc == 0 && v.head_seq != 0 && !v.head_seen)
		rc = err_set(
		    &why, E_INVAL, "record %llu: it is missing", (unsigned long long)v.head_seq);
	/* That it could not be read says nothing of it. */
	if (rc < 0 && why.code != E_INVAL) {
		*e = why;
		return -1;
	}
	return say(&v, rc == 0, &why);
}

/* ---- show ---- */

struct showing {
	const char *user, *agent, *session;
	char since[CLOCK_RFC3339_SIZE]; /* as records have it; empty: any */
	bool comma;
};

static struct str
member(const cJSON *record, const char *name)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(record, name);

	return cJSON_IsString(m) ? str_z(m->valuestring) : STR("");
}

static bool
is_wanted(const struct showing *s, const cJSON *record)
{
	return (s->user == NULL || str_eq_z(member(record, "user"), s->user)) &&
	       (s->agent == NULL || str_eq_z(member(record, "agent"), s->agent)) &&
	       (s->session == NULL || str_eq_z(member(record, "session"), s->session)) &&
	       strcmp(member(record, "at").p, s->since) >= 0;
}

/* One line: when, what, who, and the rest as name=value. */
static void
print_record(const cJSON *record)
{
	static const char *const first[] = {"at", "kind", "user", "agent", "session"};
	static const char *const hidden[] = {"seq", "prev", "hash"};
	const cJSON *m;
	bool skip;

	for (size_t i = 0; i < ARRAY_LEN(first); i++) {
		struct str v = member(record, first[i]);

		if (v.n > 0 && i > 0)
			putchar(' ');
		out_str(stdout, v);
	}
	cJSON_ArrayForEach(m, record)
	{
		skip = false;
		for (size_t i = 0; i < ARRAY_LEN(first); i++)
			skip |= strcmp(m->string, first[i]) == 0;
		for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
			skip |= strcmp(m->string, hidden[i]) == 0;
		if (skip || (cJSON_IsString(m) && m->valuestring[0] == '\0'))
			continue;
		putchar(' ');
		out_str(stdout, str_z(m->string));
		putchar('=');
		if (cJSON_IsString(m))
			out_str(stdout, str_z(m->valuestring));
		else
			printf("%.0f", m->valuedouble);
	}
	putchar('\n');
}

static int
show_line(void *arg, struct str line, bool whole, struct err *e)
{
	struct showing *s = arg;
	cJSON *record = line.n <= CHAIN_LINE_MAX ? cJSON_ParseWithLength(line.p, line.n) : NULL;

	(void)e, (void)whole;
	if (record == NULL) {
		fprintf(stderr, "gkmail: a record cannot be read: see gkmail audit verify\n");
		return 0;
	}
	if (is_wanted(s, record) && ctl.json) {
		printf("%s" STR_FMT, s->comma ? "," : "", STR_ARG(line));
		s->comma = true;
	} else if (is_wanted(s, record)) {
		print_record(record);
	}
	cJSON_Delete(record);
	return 0;
}

/* "2h", or a time as records have it, or the beginning of one ("2026-11-23"). */
static int
take_since(struct showing *s, struct err *e)
{
	const char *since = args_value("--since");
	uint64_t ms;

	if (since == NULL)
		return 0;
	if (num_parse_duration(str_z(since), &ms) == 0) {
		clock_rfc3339(
		    clock_wall_us() - (int64_t)(num_min(ms, 1ull << 50) * 1000), s->since);
		return 0;
	}
	if (strlen(since) < 10 || strlen(since) >= sizeof(s->since) || !is_digit(since[0]) ||
	    since[4] != '-')
		return args_wrong(e, "--since takes a time back (2h, 7d) or a date (2026-11-23)");
	memcpy(s->since, since, strlen(since) + 1);
	return 0;
}

int
verb_audit_show(struct err *e)
{
	struct showing s = {.user = args_value("--user"),
	    .agent = args_value("--agent"),
	    .session = args_value("--session")};
	const struct reading r = {.line = show_line, .arg = &s};

	if (take_since(&s, e) < 0 || args_end(0, 0, e) < 0 ||
	    (s.user != NULL && client_whose(&s.user, e) < 0))
		return -1;
	if (ctl.json)
		putchar('[');
	if (read_log(&r, e) < 0)
		return -1;
	if (ctl.json)
		printf("]\n");
	return 0;
}
