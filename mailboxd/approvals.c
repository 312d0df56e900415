/* approvals.c - see approvals.h. */
#include "mailboxd/approvals.h"

#include <stdlib.h>

#include "base/mem.h"
#include "io/file.h"

struct asked {
	struct ipc_chan *parent;
	uint64_t call;
	struct jmap_request *request;
	void (*done)(void);
};

static unsigned under_way;

bool
approvals_are_busy(void)
{
	return under_way > 0;
}

static void
answered(void *arg, unsigned status, struct str json)
{
	struct asked *x = arg;
	struct ipc_out out;
	struct err e;
	int fd;

	if (status != 200) {
		err_set(&e, E_TEMP, "the mailbox cannot answer now");
		ipc_reply_error(x->parent, x->call, &e);
	} else if ((fd = file_memory("approvals", json.p, json.n, &e)) < 0) {
		ipc_reply_error(x->parent, x->call, &e);
	} else {
		ipc_begin(&out, MSG_OWN_APPROVALS_R);
		ipc_put_fd(&out, fd);
		ipc_reply(x->parent, x->call, &out);
	}
	jmap_request_free(&x->request);
	under_way--;
	x->done();
	free(x);
}

/* The method calls: $A is the account, $I the id. NULL: no such task. */
static const char *
calls_of(uint32_t task)
{
#define GET(ids) "[\"Approval/get\",{\"accountId\":\"$A\",\"ids\":" ids "},\"get\"]"
#define SET(state)                                                                       \
	"[\"Approval/set\",{\"accountId\":\"$A\",\"update\":{\"$I\":{\"state\":\"" state \
	"\"}}},\"set\"],"
#define SHOWN                                                                                  \
	"\"state\",\"action\",\"agent\",\"session\",\"requestedAt\",\"envelope\",\"subject\"," \
	"\"what\",\"origins\",\"digest\",\"mid\",\"outcome\",\"error\",\"octets\",\"nonce\""
	switch ((enum approval_task)task) {
	case APPROVAL_LIST:
		return GET("null");
	case APPROVAL_SHOW:
		return GET(
		    "[\"$I\"],\"properties\":[" SHOWN
		    "]") ","
			 "[\"Email/get\",{\"accountId\":\"$A\",\"#ids\":{\"resultOf\":\"get\","
			 "\"name\":\"Approval/get\",\"path\":\"/list/0/what/emailIds\"},"
			 "\"properties\":[\"from\",\"subject\",\"receivedAt\"]},\"emails\"]";
	case APPROVAL_SEND:
		return SET("approved") GET("[\"$I\"]");
	case APPROVAL_REFUSE:
		return SET("refused") GET("[\"$I\"]");
	}
	return NULL;
}

static cJSON *
request_of(const struct jmap *j, uint32_t task, struct str id)
{
	const char *in = calls_of(task);
	struct buf b;
	cJSON *v;

	if (in == NULL || (task != APPROVAL_LIST && !jmap_id_valid(id)))
		return NULL;
	buf_init(&b, 65536);
	buf_puts(&b, "{\"using\":[\"" JMAP_CORE "\",\"" JMAP_MAIL "\",\"" JMAP_APPROVAL
		     "\"],\"methodCalls\":[[\"Core/echo\",{\"user\":");
	json_print_str(j->user, &b);
	buf_puts(&b, "},\"whose\"],");
	for (; *in != '\0'; in++)
		if (strncmp(in, "$A", 2) == 0 || strncmp(in, "$I", 2) == 0)
			buf_str(&b, *++in == 'A' ? str_z(j->account) : id);
		else
			buf_putc(&b, *in);
	buf_puts(&b, "]}");
	v = json_parse(buf_view(&b), 10000, NULL);
	buf_free(&b);
	return v;
}

void
approvals_run(struct jmap *j, struct ipc_chan *parent, struct ipc_in *m, void (*done)(void))
{
	const struct jmap_from from = {.ours = true, .sid = STR("gkmail")};
	uint32_t task = ipc_get_u32(m);
	struct str id = ipc_get_str(m);
	struct asked *x;
	struct err e;
	cJSON *v;

	v = request_of(j, task, id);
	if (ipc_end(m) < 0) {
		cJSON_Delete(v);
		return;
	}
	if (v == NULL) {
		err_set(&e, E_INVAL, "no such approval");
		ipc_reply_error(parent, m->id, &e);
		return;
	}
	x = mem_alloc(sizeof *x);
	*x = (struct asked){.parent = parent, .call = m->id, .done = done};
	under_way++;
	x->request = jmap_request_new_tree(j, &from, v, answered, x);
}
