/*
 * remote.c - a hostile gk-remote: the real one, but it tells the queue something else than what
 * became of a message, one thing after another. What it may tell is results and words; what it
 * tries is to decide about others, and to write into the notification. A lie nobody can
 * tell; the last ends its channel.
 */
#include "base/log.h"
#include "base/mem.h"
#include "ipc/ipc.h"

void __real_ipc_reply(struct ipc_chan *c, uint64_t id, struct ipc_out *m);
void __wrap_ipc_reply(struct ipc_chan *c, uint64_t id, struct ipc_out *m);

#define HEADER "no\r\nBcc: eve@one.test\r\n\r\nSend money.\r\n"

static const struct {
	const char *what;
	uint32_t outcome;
	size_t n;
	const char *result, *text, *host; /* NULL: as much as fits */
} attempts[] = {
    {"no result", REMOTE_WORKED, 0, "", "", ""},
    {"an unknown result", REMOTE_WORKED, 1, "7", "2.0.0 taken", "h"},
    {"an unknown outcome", 77, 1, "1", "4.0.0 later", "h"},
    {"much", REMOTE_WORKED, 1, "1", NULL, NULL},
    {"no words", REMOTE_WORKED, 1, "1", "", ""},
    {"header fields in a notification", REMOTE_WORKED, 1, "2", "5.1.1 550 " HEADER,
	"h\r\nX-Injected: 1"},
    {"a lie", REMOTE_WORKED, 1, "0", "2.0.0 taken", "h"},
    {"results of others too", REMOTE_WORKED, 3, "0", "2.0.0 taken", "h"},
};

static unsigned tried;

void
__wrap_ipc_reply(struct ipc_chan *c, uint64_t id, struct ipc_out *m)
{
	static char much[30000];
	unsigned i = tried < ARRAY_LEN(attempts) ? tried : (unsigned)ARRAY_LEN(attempts) - 1;
	enum ipc_type type = m->type;
	struct str list[12];
	struct ipc_out out;

	if (type != MSG_REMOTE_PUT_R && type != MSG_REMOTE_SEND_R) {
		__real_ipc_reply(c, id, m);
		return;
	}
	tried++;
	log_info("hostile.attempt", LZ("what", attempts[i].what));
	ipc_drop(m);
	memset(much, 'x', sizeof(much) - 1);
	for (size_t r = 0; r < attempts[i].n; r++) {
		list[4 * r] = str_z(attempts[i].result);
		list[4 * r + 1] = str_z(attempts[i].text ? attempts[i].text : much);
		list[4 * r + 2] = str_z(attempts[i].host ? attempts[i].host : much);
		list[4 * r + 3] = STR("relayed");
	}
	ipc_begin(&out, type);
	ipc_put_u32(&out, attempts[i].outcome);
	ipc_put_z(&out, "why\r\nnot");
	ipc_put_list(&out, list, 4 * attempts[i].n);
	/* Of a call that there is not, too. */
	__real_ipc_reply(c, id, &out);
	ipc_begin(&out, type);
	ipc_put_u32(&out, attempts[i].outcome);
	ipc_put_z(&out, "");
	ipc_put_list(&out, list, 4 * attempts[i].n);
	__real_ipc_reply(c, id + 1000, &out);
}
