/*
 * import.c - gkmail import: what all sources share; see import.h.
 *
 * Messages go to the owner in calls of many (MAILBOX_TAKE), and count once a call is answered:
 * then they are durable, each with its key (lib/store/import.c). A call whose answer did not come
 * is made again: what of it was taken has its keys there.
 */
#include "ctl/import.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "ctl/client.h"
#include "ctl/import_batch.h"
#include "ctl/import_imap.h"
#include "ctl/output.h"
#include "ctl/password.h"
#include "ctl/progress.h"
#include "io/file.h"
#include "store/folder.h"

/* ---- mailboxes ---- */

/* What programs call mailboxes of a special use (RFC 6154), in the first level. */
static const struct {
	const char *name, *use;
} usual[] = {{"Sent", "\\Sent"}, {"Sent Items", "\\Sent"}, {"Sent Messages", "\\Sent"},
    {"Sent Mail", "\\Sent"}, {"Drafts", "\\Drafts"}, {"Draft", "\\Drafts"}, {"Junk", "\\Junk"},
    {"Junk E-mail", "\\Junk"}, {"Junk Email", "\\Junk"}, {"Spam", "\\Junk"},
    {"Bulk Mail", "\\Junk"}, {"Trash", "\\Trash"}, {"Deleted Items", "\\Trash"},
    {"Deleted Messages", "\\Trash"}, {"Bin", "\\Trash"}, {"Archive", "\\Archive"},
    {"Archives", "\\Archive"}};

static const char *
usual_use(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		if (str_ieq_z(name, usual[i].name))
			return usual[i].use;
	return "";
}

/* Its name here, before it is looked at whether it can be one. */
static struct str
wished(struct import *im, struct str name)
{
	if (im->into == NULL)
		return name;
	if (str_ieq_z(name, "INBOX"))
		return str_z(im->into);
	return arena_printf(&im->arena, "%s/" STR_FMT, im->into, STR_ARG(name));
}

struct import_box *
import_found(struct import *im, struct str place, struct str name, const char *use, bool subscribed)
{
	struct import_box *b;
	struct buf normal;
	struct err e;

	buf_init(&normal, FOLDER_NAME_MAX);
	if (folder_normalize(wished(im, name), &normal, &e) < 0) {
		import_skip(im, place, e.text);
		buf_free(&normal);
		return NULL;
	}
	if (im->n == im->cap)
		im->boxes = mem_grow(im->boxes, im->cap = im->cap * 2 + 16, sizeof *im->boxes);
	b = &im->boxes[im->n++];
	*b = (struct import_box){.place = arena_dup(&im->arena, place),
	    .name = arena_dup(&im->arena, buf_view(&normal)),
	    .subscribed = subscribed};
	b->use = im->into != NULL ? "" : use != NULL ? use : usual_use(b->name);
	buf_free(&normal);
	return b;
}

/* ---- keys ---- */

static void
feed(crypto_generichash_state *s, struct str word)
{
	unsigned char size[8];

	num_put_u64(size, word.n);
	(void)crypto_generichash_update(s, size, sizeof size);
	(void)crypto_generichash_update(s, (const unsigned char *)word.p, word.n);
}

void
import_key(const struct import *im, const struct import_box *b, const struct str *words, size_t n,
    unsigned char out[IMPORT_KEY])
{
	crypto_generichash_state s;

	(void)crypto_generichash_init(&s, NULL, 0, IMPORT_KEY);
	feed(&s, str_z(im->source->kind));
	feed(&s, b->name);
	for (size_t i = 0; i < n; i++)
		feed(&s, words[i]);
	(void)crypto_generichash_final(&s, out, IMPORT_KEY);
}

static int
compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, IMPORT_KEY);
}

/* The keys of all that came before. */
static int
load_keys(struct import *im, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	uint64_t size = 0;
	int fd, rc = -1;

	ipc_begin(&m, MSG_MAILBOX_KEYS);
	ipc_put_z(&m, im->user);
	if (client_call("mailboxd", &m, &in, e) < 0)
		return client_about(e, im->user);
	fd = ipc_take_fd(&in);
	if (ipc_end(&in) < 0 || file_size(fd, &size, e) < 0 || size % IMPORT_KEY != 0) {
		err_set(e, E_PROTO, "unreadable answer");
	} else {
		im->keys = mem_alloc(size + 1);
		rc = file_pread(fd, im->keys, size, 0, e);
		im->nkeys = size / IMPORT_KEY;
		qsort(im->keys, im->nkeys, IMPORT_KEY, compare_keys);
	}
	file_close(&fd);
	return rc;
}

static void
show(const struct import *im)
{
	const struct progress p = {.verb = im->dry ? "look" : "import",
	    .what = "messages",
	    .done = im->done,
	    .all = im->all,
	    .octets = im->octets,
	    .whole = im->whole};

	progress_show(&p);
}

bool
import_wants(struct import *im, struct import_box *b, const unsigned char *key, uint64_t octets)
{
	b->messages++;
	if (im->nkeys == 0 || bsearch(key, im->keys, im->nkeys, IMPORT_KEY, compare_keys) == NULL) {
		b->wanted++;
		if (im->dry) {
			im->done++;
			im->octets += octets;
			show(im);
		}
		return true;
	}
	im->there++;
	im->done++;
	im->octets += octets;
	show(im);
	return false;
}

void
import_skip(struct import *im, struct str where, const char *why)
{
	progress_end();
	fputs("gkmail: left out: ", stderr);
	out_str(stderr, where);
	fputs(": ", stderr);
	out_str(stderr, str_z(why));
	fputc('\n', stderr);
	im->skipped++;
}

/* ---- messages ---- */

static int
make_box(struct import *im, struct import_box *b, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	struct str at;

	ipc_begin(&m, MSG_MAILBOX_MAKE);
	ipc_put_z(&m, im->user);
	ipc_put_str(&m, b->name);
	ipc_put_z(&m, b->use);
	ipc_put_u32(&m, b->subscribed);
	if (client_call("mailboxd", &m, &in, e) < 0)
		return err_wrap(e, STR_FMT, STR_ARG(b->name));
	at = ipc_get_str(&in);
	if (ipc_end(&in) < 0)
		return err_set(e, E_PROTO, "unreadable answer");
	b->at = arena_dup(&im->arena, at);
	return 0;
}

static int
flush(struct import *im, struct err *e)
{
	struct import_taken t;
	int rc = import_batch_flush(im->batch, im->user, &t, e);

	im->added += t.added;
	im->added_octets += t.added_octets;
	im->there += t.there;
	im->done += t.added + t.there;
	im->octets += t.read;
	show(im);
	return rc;
}

int
import_give(struct import *im, struct import_box *b, const struct import_mail *m, struct err *e)
{
	if (!import_batch_fits(im->batch, b, m) && flush(im, e) < 0)
		return -1;
	import_batch_add(im->batch, b, m);
	return 0;
}

/* ---- all of it ---- */

static int
bring_all(struct import *im, struct err *e)
{
	for (size_t i = 0; i < im->n; i++) {
		struct import_box *b = &im->boxes[i];

		if (!im->dry && make_box(im, b, e) < 0)
			return -1;
		if (im->source->bring(im, b, e) < 0)
			return -1;
	}
	return im->dry ? 0 : flush(im, e);
}

static void
print_boxes(const struct import *im, struct json *j)
{
	json_open(j, "mailboxes", '[');
	for (size_t i = 0; i < im->n; i++) {
		const struct import_box *b = &im->boxes[i];

		json_open(j, NULL, '{');
		json_str(j, "from", b->place);
		json_str(j, "to", b->at.n > 0 ? b->at : b->name);
		json_z(j, "use", b->use);
		json_num(j, "messages", b->messages);
		json_num(j, "new", b->wanted);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
print_json(const struct import *im)
{
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '{');
	json_bool(&j, "dry_run", im->dry);
	json_num(&j, "imported", im->added);
	json_num(&j, "octets", im->added_octets);
	json_num(&j, "there", im->there);
	json_num(&j, "left_out", im->skipped);
	print_boxes(im, &j);
	json_close(&j, '}');
	json_print(&j);
}

static void
print_table(struct import *im)
{
	struct str *cells = arena_array(&im->arena, (im->n + 1) * 4, sizeof *cells);
	static const char *const heading[] = {"FROM", "TO", "MESSAGES", "NEW"};
	size_t n = 0;

	for (; n < ARRAY_LEN(heading); n++)
		cells[n] = str_z(heading[n]);
	for (size_t i = 0; i < im->n; i++) {
		const struct import_box *b = &im->boxes[i];

		cells[n++] = b->place;
		cells[n++] = b->use[0] == '\0' ? b->name
					       : arena_printf(&im->arena, STR_FMT " (%s)",
						     STR_ARG(b->name), b->use);
		cells[n++] = arena_printf(&im->arena, "%" PRIu64, b->messages);
		cells[n++] = arena_printf(&im->arena, "%" PRIu64, b->wanted);
	}
	out_table(cells, n, ARRAY_LEN(heading));
}

static void
print_text(struct import *im)
{
	if (im->dry) {
		print_table(im);
		return;
	}
	printf("imported %" PRIu64 " message%s, " STR_FMT "; %" PRIu64 " %s there already; %" PRIu64
	       " left out\n",
	    im->added, im->added == 1 ? "" : "s",
	    STR_ARG(out_size(arena_printf(&im->arena, "%" PRIu64, im->added_octets), &im->arena)),
	    im->there, im->there == 1 ? "was" : "were", im->skipped);
}

/* What to do about it. */
static int
explain(const struct import *im, struct err *e)
{
	const char *advice = "";
	const struct err why = *e;

	if (e->code == E_QUOTA)
		advice = "; give it more (gkmail user quota), and run this again: it goes on here";
	else if (e->code == E_NOSPACE)
		advice = "; make room, and run this again: it goes on here";
	else if (err_is_temporary(e))
		advice = "; run this again: it goes on here";
	return err_set(e, why.code, "%.300s (%" PRIu64 " messages are imported)%s", why.text,
	    im->added, advice);
}

static int
run(struct import *im, struct err *e)
{
	int rc = -1;

	if (client_whose(&im->user, e) < 0 || load_keys(im, e) < 0)
		return -1;
	im->batch = import_batch_new(im->max_message);
	if (im->source->list(im, e) == 0)
		rc = bring_all(im, e) < 0 ? explain(im, e) : 0;
	progress_end();
	if (rc == 0 && ctl.json)
		print_json(im);
	else if (rc == 0)
		print_text(im);
	import_batch_free(&im->batch);
	return rc == 0 && im->skipped > 0 ? EXIT_FAIL : rc;
}

/* ---- the verbs ---- */

/* Options that all have, and the one argument. */
static int
begin(struct import *im, struct err *e)
{
	const struct conf *c;

	*im = (struct import){.user = args_value("--user"), .into = args_value("--into")};
	im->dry = args_flag("--dry-run");
	arena_init(&im->arena);
	if (args_end(1, 1, e) < 0)
		return -1;
	if (im->user == NULL)
		return args_wrong(e, "--user says whose mail it will be");
	if ((c = client_conf(e)) == NULL)
		return -1;
	im->max_message = conf_num(c, CONF_IMAP_MAX_SIZE);
	return 0;
}

static int
end(struct import *im, int rc)
{
	if (im->source != NULL && im->source->done != NULL)
		im->source->done(im);
	free(im->boxes);
	free(im->keys);
	arena_free(&im->arena);
	return rc;
}

static int
verb(int (*open_source)(struct import *im, const char *path, struct err *e), struct err *e)
{
	struct import im;
	int rc = -1;

	if (begin(&im, e) == 0 && open_source(&im, ctl.args[0], e) == 0)
		rc = run(&im, e);
	return end(&im, rc);
}

int
verb_import_maildir(struct err *e)
{
	return verb(import_maildir_open, e);
}

int
verb_import_mbox(struct err *e)
{
	return verb(import_mbox_open, e);
}

/* "host", "host:143", "[2001:db8::1]:993" */
static int
split_host(const char *text, struct import_imap *at, struct err *e)
{
	struct str s = str_z(text), host = s, port = str_z(at->port);
	size_t colon = str_rchr(s, ':');
	uint64_t v;

	if (s.n > 0 && s.p[0] == '[') {
		size_t close = str_chr(s, ']');

		host = str_sub(s, 1, close - 1);
		port = close + 2 < s.n ? str_from(s, close + 2) : port;
	} else if (colon < s.n && str_chr(s, ':') == colon) {
		host = str_sub(s, 0, colon);
		port = str_from(s, colon + 1);
	}
	if (host.n == 0 || num_parse(port, 1, 65535, &v) < 0)
		return args_wrong(e, "%.100s is no HOST or HOST:PORT", text);
	at->host = arena_dupz(&ctl.arena, host);
	at->port = arena_dupz(&ctl.arena, port);
	return 0;
}

/* The first line of a file. */
static int
read_password(const char *path, struct import_imap *at, struct err *e)
{
	struct str text, line;

	if (file_read_all(AT_FDCWD, path, PASSWORD_MAX, &ctl.arena, &text, e) < 0)
		return -1;
	(void)str_cut(&text, '\n', &line);
	if (str_ends(line, STR("\r")))
		line.n--;
	if (line.n == 0 || str_chr(line, '\0') < line.n)
		return err_set(e, E_INVAL, "%s: no password in its first line", path);
	at->password = arena_dupz(&ctl.arena, line);
	return 0;
}

static int
tls_of(const char *word, struct import_imap *at, struct err *e)
{
	at->port = "993";
	if (word == NULL || strcmp(word, "imaps") == 0)
		return 0;
	at->port = "143";
	at->tls = strcmp(word, "none") == 0 ? IMPORT_TLS_NONE : IMPORT_TLS_STARTTLS;
	if (at->tls == IMPORT_TLS_NONE || strcmp(word, "starttls") == 0)
		return 0;
	return args_wrong(e, "--tls takes imaps, starttls or none, not %.40s", word);
}

int
verb_import_imap(struct err *e)
{
	struct import_imap at = {.login = args_value("--imap-user"), .ca = args_value("--ca")};
	const char *file = args_value("--password-file"), *tls = args_value("--tls");
	struct import im;
	int rc = -1;

	if (begin(&im, e) < 0)
		return end(&im, -1);
	if (at.login == NULL || file == NULL)
		args_wrong(
		    e, "%s is missing", at.login == NULL ? "--imap-user" : "--password-file");
	else if (tls_of(tls, &at, e) == 0 && split_host(ctl.args[0], &at, e) == 0 &&
		 read_password(file, &at, e) == 0 && import_imap_open(&im, &at) == 0)
		rc = run(&im, e);
	if (at.password != NULL)
		sodium_memzero((void *)(uintptr_t)at.password, strlen(at.password));
	return end(&im, rc);
}
