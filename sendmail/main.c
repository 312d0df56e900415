/*
 * main.c - sendmail: the command line that programs know.
 *
 * Exit codes are those of sysexits.h: 0 the message is durable; 64 wrong use; 65 it cannot be sent
 * like this; 67 a recipient does not exist; 75 try again later; 77 not as that sender; 78 the
 * configuration cannot be read. Nothing is kept: what is not 0 has sent nothing.
 */
#include <sodium.h>
#include <stdio.h>

#include "base/mem.h"
#include "sendmail/sendmail.h"
#include "svc/build.h"
#include "svc/conf.h"

static int
usage(void)
{
	fputs("usage: sendmail [-ti] [-f ADDRESS] [-F NAME] [-N WHEN] [-R WHAT] [-C FILE] [ADDRESS "
	      "...]\n",
	    stderr);
	return EX_USAGE;
}

/* RFC 3461 4.1 and 4.3; nothing else goes into a command. */
static bool
is_notify(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ,") == strlen(s);
}

static bool
is_ret(const char *s)
{
	return strcmp(s, "full") == 0 || strcmp(s, "hdrs") == 0;
}

/* What Sendmail's options mean here; those that steer what is not there (-v, -e, -o…) change
 * nothing. */
static int
arguments(int argc, char **argv, struct options *o)
{
	int c;

	opterr = 0;
	while ((c = getopt(argc, argv, "tif:r:F:N:R:C:B:b:o:e:q::vmnGUL:h:")) != -1) {
		if (c == 't')
			o->from_header = true;
		else if (c == 'i' || (c == 'o' && strcmp(optarg, "i") == 0))
			o->dots = false;
		else if (c == 'f' || c == 'r')
			o->sender = optarg;
		else if (c == 'F')
			o->name = optarg;
		else if (c == 'N' && is_notify(optarg))
			o->notify = optarg;
		else if (c == 'R' && is_ret(optarg))
			o->ret = optarg;
		else if (c == 'C')
			o->conf = optarg;
		else if (c == 'q')
			exit(EX_OK); /* the queue runs by itself */
		else if (c == 'b' && strcmp(optarg, "p") == 0)
			return complain(EX_USAGE, "gkmail queue list shows the queue");
		else if (c == 'b' && strcmp(optarg, "m") != 0)
			return complain(EX_USAGE, "-b%s is not possible here", optarg);
		else if (c == '?' || c == 'N' || c == 'R')
			return usage();
	}
	o->to = argv + optind;
	o->nto = argc - optind;
	return o->nto > 0 || o->from_header ? EX_OK : usage();
}

/* The configuration may be hidden from the caller: then the socket is where it usually is. */
static int
find_socket(const struct options *o, struct arena *a, const char **out)
{
	const char *path = o->conf, *dir = conf_rows[CONF_SERVER_RUN_DIR].value;
	struct conf *c;
	struct err e;

	if (path == NULL)
		path = getenv("GKMAIL_CONFIG");
	if (path == NULL || path[0] == '\0')
		path = build_config_path();
	c = conf_load(path, NULL, 0, &e);
	if (c == NULL && o->conf != NULL)
		return complain(EX_CONFIG, "%s", e.text);
	*out =
	    arena_printf(a, "%s/submit.sock", c != NULL ? conf_z(c, CONF_SERVER_RUN_DIR) : dir).p;
	conf_free(&c);
	return EX_OK;
}

static int
send_message(const struct options *o, struct arena *a)
{
	struct letter l = {0};
	struct account who;
	struct talk *t = NULL;
	const char *socket = NULL;
	struct buf raw;
	int rc;

	buf_init(&raw, LETTER_MAX);
	buf_init(&l.text, LETTER_MAX);
	if ((rc = find_socket(o, a, &socket)) == EX_OK &&
	    (rc = letter_read(0, o->dots, &raw)) == EX_OK &&
	    (rc = talk_open(socket, a, &t, &who)) == EX_OK &&
	    (rc = letter_make(buf_view(&raw), o, &who, a, &l)) == EX_OK)
		rc = talk_send(t, o, &l);
	talk_close(&t);
	buf_free(&l.text);
	buf_free(&raw);
	return rc;
}

int
main(int argc, char **argv)
{
	struct options o = {.dots = true};
	struct arena a;
	int rc = arguments(argc, argv, &o);

	if (rc != EX_OK)
		return rc;
	if (sodium_init() < 0)
		return EX_OSERR;
	arena_init(&a);
	rc = send_message(&o, &a);
	arena_free(&a);
	return rc;
}
