/*
 * request_test.c - gk-sign between a gk-smtpd, a queue and an authd that the test plays: whose keys
 * sign what, and what goes unsigned.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "io/loop.h"
#include "smtpd/sign/keys.h"
#include "smtpd/sign/request.h"
#include "svc/conf.h"
#include "svc/dkim_set.h"
#include "svc/svc.h"

/* ---- in place of the skeleton ---- */

static struct conf *conf;
static struct ipc_chan *to_authd, *authd;   /* gk-sign's end, authd's end */
static struct ipc_chan *from_smtpd, *smtpd; /* gk-sign's end, gk-smtpd's end */
static struct ipc_chan *from_queue, *queue;
static int keys_fd = -1;

const struct conf *
svc_conf(void)
{
	return conf;
}

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	(void)peer;
	return to_authd;
}

int
svc_file(const char *name)
{
	(void)name;
	return keys_fd;
}

int
svc_take_file(const char *name)
{
	(void)name;
	return -1;
}

/* ---- the others ---- */

static struct {
	unsigned asked, answers, naddresses;
	bool owned, silent;
	enum err_code error;
	char address[100], fields[8192], domains[200];
	struct err e;
	uint64_t id;
} seen;

static void
sign_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_SIGN_PUT || m->type == MSG_SIGN_STREAM)
		request_submission(c, m);
	else
		request_own(c, m);
}

static void
authd_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	struct ipc_out out;
	struct err e;

	(void)arg;
	assert_int_equal(m->type, MSG_SIGN_CHECK);
	assert_true(str_eq(ipc_get_str(m), STR("token")));
	seen.asked++;
	seen.naddresses = ipc_get_list(m);
	for (uint32_t i = 0; i < seen.naddresses; i++)
		assert_int_equal(str_cz(ipc_get_item(m), seen.address, sizeof(seen.address)), 0);
	assert_int_equal(ipc_end(m), 0);
	seen.id = m->id;
	if (seen.silent)
		return;
	if (seen.error != E_OK) {
		err_set(&e, seen.error, "no");
		ipc_reply_error(c, m->id, &e);
		return;
	}
	ipc_begin(&out, MSG_SIGN_CHECK_R);
	ipc_put_z(&out, "alice@a.example");
	ipc_put_u32(&out, seen.owned);
	ipc_reply(c, m->id, &out);
}

static void
smtpd_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	assert_int_equal(m->type, MSG_SIGN_DOMAINS);
	assert_int_equal(ipc_get_u32(m), 0);
	seen.domains[0] = '\0';
	for (uint32_t n = ipc_get_list(m); n > 0; n--) {
		struct str s = ipc_get_item(m);

		snprintf(seen.domains + strlen(seen.domains), 100, STR_FMT " ", STR_ARG(s));
	}
	assert_int_equal(ipc_end(m), 0);
}

static void
answered(void *arg, struct ipc_in *m, const struct err *e)
{
	(void)arg;
	seen.answers++;
	seen.fields[0] = '\0';
	if (m == NULL) {
		seen.e = *e;
		return;
	}
	seen.e.code = E_OK;
	assert_int_equal(str_cz(ipc_get_str(m), seen.fields, sizeof(seen.fields)), 0);
	assert_int_equal(ipc_end(m), 0);
}

static void
turns(void)
{
	for (int i = 0; i < 8; i++)
		loop_once(1);
}

/* ---- keys ---- */

static struct str
pem(struct arena *a)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *bio = BIO_new(BIO_s_mem());
	struct str out;
	char *p;
	long n;

	assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_get_mem_data(bio, &p);
	out = arena_dup(a, str_of(p, (size_t)n));
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return out;
}

/* "domain selector state", one line each. */
static int
load(const char *const *lines, size_t n, struct err *e)
{
	struct arena a;
	struct buf b;
	int rc;

	arena_init(&a);
	buf_init(&b, 1u << 20);
	for (size_t i = 0; i < n; i++) {
		struct str rest = str_z(lines[i]);
		struct dkim_entry entry = {.pem = pem(&a)};

		(void)str_cut(&rest, ' ', &entry.domain);
		(void)str_cut(&rest, ' ', &entry.selector);
		entry.state = dkim_state_parse(rest);
		if (entry.state == DKIM_STATES) {
			entry.state = DKIM_ACTIVE;
			entry.pem = STR("rubbish");
		}
		dkim_set_put(&b, &entry);
	}
	file_close(&keys_fd);
	keys_fd = file_memory("keys", b.p, b.n, e);
	assert_true(keys_fd >= 0);
	rc = keys_load(STR("mail.a.example"), e);
	buf_free(&b);
	arena_free(&a);
	return rc;
}

static const char *const usual[] = {"b.example s1 retired", "a.example s2 active",
    "a.example s1 active", "a.example s3 next", "b.example s2 next", "c.example s1 active",
    "sub.a.example s1 retired"};

/* ---- set up ---- */

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
	memset(&seen, 0, sizeof(seen));
	seen.owned = true;
	conf = conf_parse(STR("[server]\nhost_name = \"mail.a.example\"\n"
			      "[dmarc]\nreport_from = \"reports@c.example\"\n"),
	    "test", &e);
	assert_non_null(conf);
	assert_int_equal(loop_init(&e), 0);
	pair(&to_authd, PEER_SIGN, sign_message, &authd, PEER_AUTHD, authd_message);
	pair(&from_smtpd, PEER_SIGN, sign_message, &smtpd, PEER_SMTPD, smtpd_message);
	pair(&from_queue, PEER_SIGN, sign_message, &queue, PEER_QUEUE, smtpd_message);
	return load(usual, ARRAY_LEN(usual), &e);
}

static int
tear_down(void **state)
{
	(void)state;
	assert_int_equal(request_count(), 0);
	keys_done();
	file_close(&keys_fd);
	ipc_free(&to_authd);
	ipc_free(&authd);
	ipc_free(&from_smtpd);
	ipc_free(&smtpd);
	ipc_free(&from_queue);
	ipc_free(&queue);
	conf_free(&conf);
	return 0;
}

static void
put(struct ipc_chan *c, const char *message)
{
	struct ipc_out m;

	ipc_begin(&m, c == queue ? MSG_SIGN_OWN : MSG_SIGN_PUT);
	ipc_put_z(&m, "01hzzzzzzzzzzzzzzzzz");
	if (c == smtpd)
		ipc_put_z(&m, "token");
	ipc_put_z(&m, message);
	ipc_call(c, &m, answered, NULL);
	turns();
}

/* How many signatures, and that they are of that domain. */
static unsigned
signatures(const char *domain)
{
	const char *at = seen.fields;
	char d[100];
	unsigned n = 0;

	snprintf(d, sizeof(d), " d=%s;", domain);
	while ((at = strstr(at, "DKIM-Signature:")) != NULL) {
		at = strstr(at, d);
		assert_non_null(at);
		n++;
	}
	return n;
}

/* ---- tests ---- */

static void
which_keys_sign(void **state)
{
	(void)state;
	put(smtpd, "From: Alice <Alice@A.example>\r\n\r\nx\r\n");
	assert_int_equal(seen.answers, 1);
	assert_string_equal(seen.address, "alice@a.example");
	assert_int_equal(signatures("a.example"), 2);
	/* Retired and next ones do not; a domain below is another domain. */
	put(smtpd, "From: x@b.example\r\n\r\nx\r\n");
	assert_int_equal(seen.answers, 2);
	assert_int_equal(signatures("b.example"), 0);
	put(smtpd, "From: x@sub.a.example\r\n\r\nx\r\n");
	assert_int_equal(signatures("sub.a.example"), 0);
	assert_int_equal(seen.asked, 1);
	/* But this server's own name. */
	put(smtpd, "From: cron@mail.a.example\r\n\r\nx\r\n");
	assert_int_equal(signatures("a.example"), 2);
	keys_tell(from_smtpd);
	turns();
	assert_string_equal(seen.domains, "a.example c.example mail.a.example ");
}

static void
whose_word_counts(void **state)
{
	static const char *const none[] = {"To: alice@a.example\r\n\r\nx\r\n",
	    "From: alice@a.example\r\nFrom: alice@a.example\r\n\r\nx\r\n",
	    "From: alice@a.example, x@c.example\r\n\r\nx\r\n", "From: nobody\r\n\r\nx\r\n",
	    "From: undisclosed:;\r\n\r\nx\r\n", "\r\nFrom: alice@a.example\r\n"};

	(void)state;
	seen.owned = false;
	put(smtpd, "From: alice@a.example, bob@a.example\r\n\r\nx\r\n");
	assert_int_equal(seen.naddresses, 2);
	assert_int_equal(seen.answers, 1);
	assert_string_equal(seen.fields, "");
	seen.owned = true;
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		put(smtpd, none[i]);
		assert_int_equal(seen.answers, i + 2);
		assert_string_equal(seen.fields, "");
	}
	assert_int_equal(seen.asked, 1);
	seen.error = E_DENIED;
	put(smtpd, "From: alice@a.example\r\n\r\nx\r\n");
	assert_int_equal(seen.e.code, E_DENIED);
	/* authd dies meanwhile. */
	seen.silent = true;
	put(smtpd, "From: alice@a.example\r\n\r\nx\r\n");
	ipc_free(&authd);
	turns();
	assert_int_equal(seen.e.code, E_CLOSED);
}

static void
the_queue_signs_for_the_server_alone(void **state)
{
	(void)state;
	put(queue, "From: MAILER-DAEMON@mail.a.example\r\n\r\nx\r\n");
	assert_int_equal(signatures("a.example"), 2);
	put(queue, "From: reports@c.example\r\n\r\nx\r\n");
	assert_int_equal(signatures("c.example"), 1);
	put(queue, "From: alice@a.example\r\n\r\nx\r\n");
	assert_string_equal(seen.fields, "");
	assert_int_equal(seen.answers, 3);
	assert_int_equal(seen.asked, 0);
}

static void
files_and_streams(void **state)
{
	static const char text[] = "Return-Path: <>\r\nFrom: x@mail.a.example\r\n\r\nx\r\n";
	struct ipc_out m;
	struct err e;
	int v[2];

	(void)state;
	ipc_begin(&m, MSG_SIGN_OWN_FILE);
	ipc_put_z(&m, "mid");
	ipc_put_u32(&m, 17);
	ipc_put_u64(&m, sizeof(text) - 1);
	ipc_put_fd(&m, file_memory("m", text, sizeof(text) - 1, &e));
	ipc_call(queue, &m, answered, NULL);
	turns();
	assert_int_equal(signatures("a.example"), 2);
	/* Octet by octet; authd's answer comes before the end, or after it. */
	for (int late = 0; late < 2; late++) {
		static const char mail[] = "From: alice@a.example\r\nSubject: x\r\n\r\nhello\r\n";

		seen.silent = late;
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, v), 0);
		ipc_begin(&m, MSG_SIGN_STREAM);
		ipc_put_z(&m, "mid");
		ipc_put_z(&m, "token");
		ipc_put_fd(&m, v[0]);
		ipc_call(smtpd, &m, answered, NULL);
		for (size_t i = 0; i < sizeof(mail) - 1; i++) {
			assert_int_equal(write(v[1], mail + i, 1), 1);
			loop_once(1);
		}
		turns();
		assert_int_equal(seen.answers, 1 + late);
		close(v[1]);
		turns();
		if (late) {
			ipc_begin(&m, MSG_SIGN_CHECK_R);
			ipc_put_z(&m, "alice@a.example");
			ipc_put_u32(&m, 1);
			ipc_reply(authd, seen.id, &m);
			turns();
		}
		assert_int_equal(seen.answers, 2 + late);
		assert_int_equal(signatures("a.example"), 2);
	}
}

static void
sets_that_are_no_good(void **state)
{
	static const char *const rubbish[] = {"a.example s9 active", "c.example s9 rubbish"};
	static const char *const many[] = {"a.example s1 active", "a.example s2 active",
	    "a.example s3 active", "a.example s4 active"};
	struct err e;

	(void)state;
	assert_int_equal(load(rubbish, 2, &e), -1);
	assert_int_equal(e.code, E_INVAL);
	assert_non_null(strstr(e.text, "key s9 of c.example"));
	assert_int_equal(load(many, 4, &e), -1);
	assert_int_equal(load(many, 3, &e), 0);
	put(smtpd, "From: alice@a.example\r\n\r\nx\r\n");
	assert_int_equal(signatures("a.example"), 3);
	/* Those before stay when the new ones are no good. */
	assert_int_equal(load(rubbish, 2, &e), -1);
	put(smtpd, "From: alice@a.example\r\n\r\nx\r\n");
	assert_int_equal(signatures("a.example"), 3);
	assert_int_equal(load(NULL, 0, &e), 0);
	put(smtpd, "From: alice@a.example\r\n\r\nx\r\n");
	assert_int_equal(signatures("a.example"), 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(which_keys_sign),
	    TEST(whose_word_counts),
	    TEST(the_queue_signs_for_the_server_alone),
	    TEST(files_and_streams),
	    TEST(sets_that_are_no_good),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
