/* msg.c - the message table as data. */
#include "ipc/msg.h"

#include "base/mem.h"
#include "base/str.h"
#include "ipc/kinds.h"

#define IPC_MESSAGE_ROW(name, from, to, timeout, fields) \
	[MSG_##name] = {#name, (uint32_t)(from), (uint32_t)(to), timeout, fields},

#define PEER_ANY 0xffffffffu

static const struct ipc_row rows[MSG_COUNT] = {
    [MSG_ERROR] = {"ERROR", PEER_ANY, PEER_ANY, 0, "code:u32 text:str"},
    IPC_MESSAGES(IPC_MESSAGE_ROW)};

static struct {
	char kinds[IPC_FIELDS_MAX + 1];
	enum ipc_type reply;
} known[MSG_COUNT];

static const struct {
	enum ipc_peer peer;
	const char *name;
} peers[] = {
    {PEER_MASTER, "master"},
    {PEER_AUTHD, "authd"},
    {PEER_SMTPD, "smtpd"},
    {PEER_QUEUE, "queue"},
    {PEER_LOCAL, "local"},
    {PEER_MAILBOXD, "mailboxd"},
    {PEER_OWNER, "owner"},
    {PEER_IMAPD, "imapd"},
    {PEER_WEBD, "webd"},
    {PEER_CTL, "ctl"},
    {PEER_DNSD, "dnsd"},
    {PEER_SCREEN, "screen"},
    {PEER_SIGN, "sign"},
    {PEER_REMOTE, "remote"},
    {PEER_MCPD, "mcpd"},
    {PEER_AID, "aid"},
    {PEER_CONNECT, "connect"},
    {PEER_STATD, "statd"},
    {PEER_ACME, "acme"},
};

const struct ipc_row *
ipc_row(uint32_t type)
{
	return type < MSG_COUNT ? &rows[type] : NULL;
}

const char *
ipc_peer_name(enum ipc_peer p)
{
	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		if (peers[i].peer == p)
			return peers[i].name;
	return "nobody";
}

enum ipc_peer
ipc_peer_parse(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		if (strcmp(peers[i].name, name) == 0)
			return peers[i].peer;
	return PEER_NONE;
}

static char
kind_of(struct str field)
{
	struct str name;

	assume(str_cut(&field, ':', &name));
	if (str_eq(field, STR("u32")))
		return 'u';
	if (str_eq(field, STR("u64")))
		return 'q';
	if (str_eq(field, STR("str")))
		return 's';
	if (str_eq(field, STR("list")))
		return 'l';
	assume(str_eq(field, STR("fd")));
	return 'f';
}

static enum ipc_type
find_reply(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 1; i < MSG_COUNT; i++)
		if (strncmp(rows[i].name, name, n) == 0 && strcmp(rows[i].name + n, "_R") == 0)
			return (enum ipc_type)i;
	return MSG_ERROR;
}

static void
learn(void)
{
	static bool done;

	if (done)
		return;
	for (size_t i = 0; i < MSG_COUNT; i++) {
		struct str fields = str_z(rows[i].fields), field;
		size_t n = 0;

		while (fields.n > 0) {
			str_cut(&fields, ' ', &field);
			assume(n < IPC_FIELDS_MAX);
			known[i].kinds[n++] = kind_of(field);
		}
		known[i].reply = find_reply(rows[i].name);
		assume(rows[i].timeout_s == 0 || known[i].reply != MSG_ERROR);
	}
	done = true;
}

const char *
ipc_kinds(enum ipc_type type)
{
	learn();
	return known[type].kinds;
}

enum ipc_type
ipc_reply_type(enum ipc_type type)
{
	learn();
	return known[type].reply;
}
