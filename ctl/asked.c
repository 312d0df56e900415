/*
 * asked.c - see asked.h. The mailbox's process reads hostile mail: that its digest is of what it
 * tells is not believed, but computed here, as gk-queue and gk-authd will do it again.
 */
#include "ctl/asked.h"

#include <sodium.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ctl/client.h"
#include "io/file.h"
#include "mail/approval.h"
#include "json/json.h"

#define ANSWER_MAX (64u << 20)

struct str
asked_str(const cJSON *v, const char *name)
{
	struct str s = json_str(json_get(v, name));

	return s.p != NULL ? s : STR("");
}

/* ---- asking ---- */

/* The result of the call of that id in a Response. */
static const cJSON *
result_of(const cJSON *answer, const char *call)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, json_get(answer, "methodResponses"))
	{
		if (cJSON_GetArraySize(m) == 3 && str_eq_z(json_str(m->child->next->next), call))
			return m->child->next;
	}
	return NULL;
}

static int
read_answer(int fd, cJSON **out, struct err *e)
{
	uint64_t size;
	char *text;

	if (file_size(fd, &size, e) < 0)
		return -1;
	if (size > ANSWER_MAX)
		return err_set(e, E_PROTO, "unreadable answer");
	text = arena_alloc(&ctl.arena, (size_t)size + 1);
	if (file_pread(fd, text, (size_t)size, 0, e) < 0)
		return -1;
	*out = json_parse(str_of(text, (size_t)size), JSON_VALUES_MAX, e);
	return *out != NULL ? 0 : -1;
}

static int
ask(const char *address, enum approval_task task, const char *id, cJSON **out, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;
	int fd, rc;

	ipc_begin(&m, MSG_APPROVALS);
	ipc_put_z(&m, address);
	ipc_put_u32(&m, task);
	ipc_put_z(&m, id);
	if (client_call("mailboxd", &m, &in, e) < 0)
		return client_about(e, *id != '\0' ? id : address);
	fd = ipc_take_fd(&in);
	rc = ipc_end(&in) < 0 ? err_set(e, E_PROTO, "unreadable answer") : read_answer(fd, out, e);
	file_close(&fd);
	return rc;
}

int
asked_list(const char *address, cJSON **answer, const cJSON **list, struct err *e)
{
	if (ask(address, APPROVAL_LIST, "", answer, e) < 0)
		return -1;
	*list = json_get(result_of(*answer, "get"), "list");
	return cJSON_IsArray(*list) ? 0 : err_set(e, E_PROTO, "unreadable answer");
}

static int
first_of(const cJSON *answer, const char *id, const cJSON **v, struct err *e)
{
	const cJSON *list = json_get(result_of(answer, "get"), "list");

	if (!cJSON_IsArray(list) || list->child == NULL)
		return err_set(e, E_NOTFOUND, "%s: no such request", id);
	*v = list->child;
	return 0;
}

/* ---- is it what it says? ---- */

static int
decode(struct str text, struct str *out, struct err *e)
{
	char *p = arena_alloc(&ctl.arena, text.n + 1);
	size_t n = 0;

	if (sodium_base642bin((unsigned char *)p, text.n, text.p, text.n, NULL, &n, NULL,
		sodium_base64_VARIANT_ORIGINAL) != 0)
		return err_set(e, E_INVAL, "what was frozen is damaged");
	*out = str_of(p, n);
	return 0;
}

static int
digest_of_send(struct asked *x, struct str user, struct err *e)
{
	const cJSON *envelope = json_get(x->v, "envelope"), *to = json_get(envelope, "rcptTo"), *m;
	struct approval a = {.user = user,
	    .session = asked_str(x->v, "session"),
	    .sender = asked_str(json_get(envelope, "mailFrom"), "email")};
	struct envelope_rcpt *rcpts =
	    arena_array(&ctl.arena, (size_t)cJSON_GetArraySize(to) + 1, sizeof(*rcpts));

	if (decode(asked_str(x->v, "octets"), &x->octets, e) < 0)
		return -1;
	cJSON_ArrayForEach(m, to) rcpts[a.nrcpts++].address = asked_str(m, "email");
	a.rcpts = rcpts;
	a.size = x->octets.n;
	approval_octets(x->octets, a.octets);
	return approval_digest(&a, x->digest, e);
}

static void
digest_of_action(struct asked *x, struct str user)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_str(&b, asked_str(x->v, "action"));
	buf_putc(&b, ' ');
	buf_str(&b, asked_str(x->v, "nonce"));
	buf_putc(&b, ' ');
	json_print(json_get(x->v, "what"), &b);
	approval_action(user, asked_str(x->v, "session"), buf_view(&b), x->digest);
	buf_free(&b);
}

int
asked_get(const char *address, const char *id, struct asked *out, struct err *e)
{
	char hex[2 * sizeof(out->digest) + 1];
	struct str user;
	const cJSON *v;

	*out = (struct asked){0};
	if (ask(address, APPROVAL_SHOW, id, &out->answer, e) < 0 ||
	    first_of(out->answer, id, &v, e) < 0)
		return -1;
	out->v = (cJSON *)(uintptr_t)v;
	out->emails = json_get(result_of(out->answer, "emails"), "list");
	user = asked_str(result_of(out->answer, "whose"), "user");
	if (json_member(v, "what") != NULL)
		digest_of_action(out, user);
	else if (digest_of_send(out, user, e) < 0)
		return -1;
	sodium_bin2hex(hex, sizeof(hex), out->digest, sizeof(out->digest));
	if (!str_eq_z(asked_str(v, "digest"), hex))
		return err_set(e, E_INVAL, "%s: what is shown is not what its digest is of", id);
	return 0;
}

int
asked_answer(const char *address, const char *id, enum approval_task task, cJSON **answer,
    const cJSON **v, struct str *why, struct err *e)
{
	const cJSON *no;

	if (ask(address, task, id, answer, e) < 0 || first_of(*answer, id, v, e) < 0)
		return -1;
	no = json_get(json_get(result_of(*answer, "set"), "notUpdated"), id);
	*why = asked_str(no, "description");
	if (no != NULL && why->n == 0)
		*why = asked_str(no, "type");
	return 0;
}
