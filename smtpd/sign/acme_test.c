/*
 * acme_test.c - gk-sign between a gk-acme and a master that the test plays: what is signed, and
 * what it does about keys that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "io/loop.h"
#include "smtpd/sign/acme.h"
#include "svc/acme.h"
#include "svc/svc.h"

#define ORDER "https://ca.test:14000/order"

/* ---- in place of the skeleton ---- */

static struct conf *conf;
static struct ipc_chan *to_master, *master; /* gk-sign's end, master's end */
static struct ipc_chan *from_acme, *acme;
static struct ipc_chan *to_webd, *webd;
static const char *account_file, *pem_file; /* what master gives */

const struct conf *
svc_conf(void)
{
	return conf;
}

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	return peer == PEER_MASTER ? to_master : to_webd;
}

int
svc_file(const char *name)
{
	(void)name;
	return -1;
}

int
svc_take_file(const char *name)
{
	const char *text = strcmp(name, "acme.account") == 0 ? account_file
			   : strcmp(name, "acme.pem") == 0   ? pem_file
							     : NULL;

	return text != NULL ? file_memory("file", text, strlen(text), NULL) : -1;
}

/* ---- the others ---- */

static struct {
	unsigned kept, signed_ones;
	enum err_code error;
	char pem[4096];
} seen;

static void
sign_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	acme_sign(c, m);
}

static void
master_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	assert_int_equal(m->type, MSG_ACME_KEEP);
	assert_int_equal(ipc_get_u32(m), ACME_SECRET_ACCOUNT);
	assert_int_equal(str_cz(ipc_get_str(m), seen.pem, sizeof(seen.pem)), 0);
	assert_int_equal(ipc_end(m), 0);
	seen.kept++;
	ipc_reply_ok(c, m->id, MSG_ACME_KEEP_R);
}

static void
ignore(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg, (void)c;
	(void)ipc_get_str(m);
	assert_int_equal(ipc_end(m), 0);
}

static void
answered(void *arg, struct ipc_in *m, const struct err *e)
{
	(void)arg;
	seen.error = m == NULL ? e->code : E_OK;
	if (m == NULL)
		return;
	seen.signed_ones++;
	assert_true(ipc_get_str(m).n > 0);
	assert_int_equal(ipc_end(m), 0);
}

static enum err_code
ask(enum acme_kind kind, const char *url)
{
	struct ipc_out m;

	seen.error = E_INTERNAL;
	ipc_begin(&m, MSG_ACME_SIGN);
	ipc_put_u32(&m, kind);
	ipc_put_z(&m, url);
	ipc_put_z(&m, "nonce");
	ipc_put_z(&m, "");
	ipc_call(acme, &m, answered, NULL);
	for (int i = 0; i < 12; i++)
		loop_once(1);
	return seen.error;
}

static void
pair(struct ipc_chan **one, enum ipc_peer self, ipc_message_fn f, struct ipc_chan **other,
    enum ipc_peer peer, ipc_message_fn g)
{
	int v[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, v), 0);
	*one = ipc_new(v[0], self, peer, f, NULL, NULL);
	*other = ipc_new(v[1], peer, self, g, NULL, NULL);
}

static int
set_up(void **state)
{
	struct err e;

	(void)state;
	conf = conf_parse(STR("[server]\nhost_name = \"mail.a.example\"\n"
			      "[acme]\nchallenge = \"http-01\"\nterms_agreed = true\n"
			      "directory = \"https://ca.test:14000/dir\"\n"),
	    "test", &e);
	assert_non_null(conf);
	assert_int_equal(loop_init(&e), 0);
	pair(&to_master, PEER_SIGN, ignore, &master, PEER_MASTER, master_message);
	pair(&to_webd, PEER_SIGN, ignore, &webd, PEER_WEBD, ignore);
	pair(&from_acme, PEER_SIGN, sign_message, &acme, PEER_ACME, ignore);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	ipc_free(&to_master);
	ipc_free(&master);
	ipc_free(&to_webd);
	ipc_free(&webd);
	ipc_free(&from_acme);
	ipc_free(&acme);
	conf_free(&conf);
	return 0;
}

/* ---- tests ---- */

/* In order: gk-sign keeps its keys from one to the next. */

static void
damaged_account(void **state)
{
	struct err e;

	(void)state;
	account_file = pem_file = "-----BEGIN PRIVATE KEY-----\nrubbish\n";
	assert_int_equal(acme_load(&e), 0);
	/* Another account in its place would be for nobody to decide but the operator. */
	assert_int_equal(ask(ACME_ACCOUNT, ORDER), E_DENIED);
	assert_int_equal(seen.kept, 0);
}

static void
damaged_certificate(void **state)
{
	struct err e;

	(void)state;
	account_file = NULL;
	assert_int_equal(acme_load(&e), 0);
	assert_int_equal(ask(ACME_ACCOUNT, ORDER), E_OK);
	assert_int_equal(seen.kept, 1);
	/* A new key in place of the one that cannot be read. */
	assert_int_equal(ask(ACME_FINALIZE, ORDER), E_OK);
}

static void
for_one_authority_only(void **state)
{
	static const char *const others[] = {"https://other.test/order", "https://ca.test/order",
	    "http://ca.test:14000/order", "https://ca.test:14000@other.test/order", ""};
	unsigned before = seen.signed_ones;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_int_equal(ask(ACME_ORDER, others[i]), E_DENIED);
	assert_int_equal(seen.signed_ones, before);
	assert_int_equal(ask(ACME_ORDER, ORDER), E_OK);
	assert_int_equal(ask(ACME_KINDS, ORDER), E_INVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(damaged_account, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(damaged_certificate, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(for_one_authority_only, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
