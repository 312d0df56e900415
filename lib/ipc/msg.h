/*
 * msg.h - every message between processes of the suite, in one table.
 *
 * A row: name, who may send it, who may receive it, seconds until a call for it times out (0: never
 * answered, a notice or itself a reply), and its fields: "name:kind" with kinds u32, u64, str
 * (octets with length), list (of str), fd (at most one, last). ctl is gkmail, the operator's
 * command. Messages are added; the meaning of one is never changed. A call is answered by the
 * message of the same name with _R, or by an error.
 */
#pragma once

#include <stdint.h>

enum ipc_peer {
	PEER_NONE = 0,
	PEER_MASTER = 1u << 0,
	PEER_AUTHD = 1u << 1,
	PEER_SMTPD = 1u << 2,
	PEER_QUEUE = 1u << 3,
	PEER_LOCAL = 1u << 4,
	PEER_MAILBOXD = 1u << 5, /* the parent of the owners */
	PEER_OWNER = 1u << 6,    /* one user's mailboxd */
	PEER_IMAPD = 1u << 7,
	PEER_CTL = 1u << 8,
	PEER_DNSD = 1u << 9,
	PEER_SCREEN = 1u << 10,
	PEER_SIGN = 1u << 11,
	PEER_REMOTE = 1u << 12,
	PEER_WEBD = 1u << 13,
	PEER_MCPD = 1u << 14,
	PEER_AID = 1u << 15,
	PEER_CONNECT = 1u << 16,
	PEER_STATD = 1u << 17,
	PEER_ACME = 1u << 18,
	PEER_DAEMON = PEER_AUTHD | PEER_SMTPD | PEER_QUEUE | PEER_LOCAL | PEER_MAILBOXD |
		      PEER_IMAPD | PEER_DNSD | PEER_SCREEN | PEER_SIGN | PEER_REMOTE | PEER_WEBD |
		      PEER_MCPD | PEER_AID | PEER_CONNECT | PEER_STATD | PEER_ACME,
	PEER_FRONT = PEER_SMTPD | PEER_IMAPD | PEER_WEBD
};

/* clang-format off */
#define IPC_MESSAGES(X) \
	/* Set-up and life of a daemon, on its control channel. CONFIG comes after all SETUP messages: the first starts
	 * the daemon, a later one is a reload (answered by an error, all stays as it was). keys: "section.key", value, … */ \
	/* The first word of a daemon: its build, the configuration sections it wants, its directory below data_dir. */ \
	X(HELLO,          PEER_DAEMON, PEER_MASTER, 0, "build:str sections:str root:str") \
	X(SETUP_IDENTITY, PEER_MASTER, PEER_DAEMON, 0, "uid:u32 gid:u32 root:str") \
	X(SETUP_LISTEN,   PEER_MASTER, PEER_DAEMON, 0, "name:str fd:fd") \
	X(LISTEN_END,     PEER_MASTER, PEER_DAEMON, 0, "name:str") \
	X(SETUP_FILE,     PEER_MASTER, PEER_DAEMON, 0, "name:str fd:fd") \
	X(SETUP_CHANNEL,  PEER_MASTER, PEER_DAEMON, 0, "peer:u32 label:str fd:fd") \
	X(SETUP_LOG,      PEER_MASTER, PEER_DAEMON, 0, "format:u32 level:u32 fd:fd") \
	X(SETUP_METRICS,  PEER_MASTER, PEER_DAEMON, 0, "fd:fd") \
	X(SETUP_EVENTS,   PEER_MASTER, PEER_DAEMON, 0, "fd:fd") \
	X(CONFIG,         PEER_MASTER, PEER_DAEMON, 900, "keys:list") \
	X(CONFIG_R,       PEER_DAEMON, PEER_MASTER, 0, "") \
	X(DRAIN,          PEER_MASTER, PEER_DAEMON, 0, "") \
	/* A program on this machine has come to run_dir/submit.sock. user: the address of the account it runs as;
	 * trusted: root, or of the administrators' group. token: of SENDER_TOKEN; empty: authd was away. */ \
	X(LOCAL_CONN,     PEER_MASTER, PEER_SMTPD, 30, "user:str trusted:u32 token:str fd:fd") \
	X(LOCAL_CONN_R,   PEER_SMTPD, PEER_MASTER, 0, "") \
	/* For such a program: what it will have its mail signed with. */ \
	X(SENDER_TOKEN,   PEER_MASTER | PEER_MAILBOXD, PEER_AUTHD, 5, "user:str trusted:u32") \
	X(SENDER_TOKEN_R, PEER_AUTHD, PEER_MASTER | PEER_MAILBOXD, 0, "token:str") \
	/* The owner of a user's mailbox has mail to send: by the parent's word it is that user, and trusted in nothing. */ \
	X(OWNER_SMTP,     PEER_MAILBOXD, PEER_SMTPD, 30, "user:str token:str fd:fd") \
	X(OWNER_SMTP_R,   PEER_SMTPD, PEER_MAILBOXD, 0, "") \
	/* gkmail to master. CTL_CONNECT gives a channel straight to a daemon. */ \
	X(CTL_HELLO,      PEER_CTL, PEER_MASTER, 10, "build:str") \
	X(CTL_HELLO_R,    PEER_MASTER, PEER_CTL, 0, "build:str pid:u32") \
	X(CTL_STATUS,     PEER_CTL, PEER_MASTER, 10, "") \
	/* processes: name, pid, state, restarts, uptime in seconds, … five a process. listeners: name ("smtp", "imaps"),
	 * address with the port really bound ("127.0.0.1:2525"), … */ \
	X(CTL_STATUS_R,   PEER_MASTER, PEER_CTL, 0, "processes:list listeners:list") \
	X(CTL_CONNECT,    PEER_CTL, PEER_MASTER, 10, "daemon:str") \
	X(CTL_CONNECT_R,  PEER_MASTER, PEER_CTL, 0, "fd:fd") \
	X(CTL_RELOAD,     PEER_CTL, PEER_MASTER, 60, "") \
	X(CTL_RELOAD_R,   PEER_MASTER, PEER_CTL, 0, "") \
	/* The last events about a message, lines of text, process by process. */ \
	X(CTL_TRACE,      PEER_CTL, PEER_MASTER, 10, "mid:str") \
	X(CTL_TRACE_R,    PEER_MASTER, PEER_CTL, 0, "text:fd") \
	/* What gk-statd is asked by its listener too: the text of /metrics, and of /health. healthy: nothing fails. */ \
	X(CTL_METRICS,    PEER_CTL, PEER_STATD, 20, "") \
	X(CTL_METRICS_R,  PEER_STATD, PEER_CTL, 0, "text:fd") \
	X(CTL_HEALTH,     PEER_CTL, PEER_STATD, 20, "") \
	X(CTL_HEALTH_R,   PEER_STATD, PEER_CTL, 0, "healthy:u32 text:fd") \
	/* What master knows of the suite. processes: name, pid, state, restarts, uptime in ms, resident octets, processor
	 * time in ms, seven a process; "owners" are the children of gk-mailboxd together, and their resident octets those
	 * that they share with nobody. listeners as in CTL_STATUS_R. disks: "data" or "run", octets in all, octets free,
	 * inodes in all, inodes free, five each. certificates: file, until when it is good (seconds since the epoch), two
	 * each. draining: the suite is ending. */ \
	X(STAT_STATE,     PEER_STATD, PEER_MASTER, 10, "") \
	X(STAT_STATE_R,   PEER_MASTER, PEER_STATD, 0, \
	  "draining:u32 processes:list listeners:list disks:list certificates:list") \
	/* A connection to one of our own listeners, which gk-statd cannot make. listener, address: as in STAT_STATE_R. It
	 * may not be established yet. */ \
	X(STAT_PROBE,     PEER_STATD, PEER_MASTER, 10, "listener:str address:str") \
	X(STAT_PROBE_R,   PEER_MASTER, PEER_STATD, 0, "fd:fd") \
	/* The sizes of mailboxes, read from the database of accounts: of all, and the largest, at most max: address,
	 * octets, two a user. */ \
	X(STAT_USERS,     PEER_STATD, PEER_AUTHD, 10, "max:u32") \
	X(STAT_USERS_R,   PEER_AUTHD, PEER_STATD, 0, "users:u64 octets:u64 messages:u64 rows:list") \
	/* DKIM keys (svc/dkim_set.h). pem: the private key. state: enum dkim_state. keys: selector and the state that it
	 * shall have, empty for none, two a key: all of them or none. */ \
	X(DKIM_ADD,       PEER_CTL, PEER_MASTER, 60, "domain:str selector:str state:u32 pem:str") \
	X(DKIM_ADD_R,     PEER_MASTER, PEER_CTL, 0, "") \
	X(DKIM_CHANGE,    PEER_CTL, PEER_MASTER, 60, "domain:str keys:list") \
	X(DKIM_CHANGE_R,  PEER_MASTER, PEER_CTL, 0, "") \
	/* Certificates by ACME (docs/adr/0046-acme.md). A request to be signed: kind: enum acme_kind, which says what it
	 * holds; url, nonce: of its head; kid: the account's URL, empty where its key stands there. body: the JWS, in
	 * JSON. */ \
	X(ACME_SIGN,      PEER_ACME, PEER_SIGN, 60, "kind:u32 url:str nonce:str kid:str") \
	X(ACME_SIGN_R,    PEER_SIGN, PEER_ACME, 0, "body:str") \
	/* What was issued for the last ACME_FINALIZE: it is looked at, kept, and served when this is answered. */ \
	X(ACME_CHAIN,     PEER_ACME, PEER_SIGN, 300, "chain:str") \
	X(ACME_CHAIN_R,   PEER_SIGN, PEER_ACME, 0, "") \
	/* Keep it: what: enum acme_secret. Of a certificate the answer says that all fronts serve it. */ \
	X(ACME_KEEP,      PEER_SIGN, PEER_MASTER, 240, "what:u32 pem:str") \
	X(ACME_KEEP_R,    PEER_MASTER, PEER_SIGN, 0, "") \
	/* Whose key authorizations gk-webd answers (RFC 8555 8.1). */ \
	X(ACME_ACCOUNT,   PEER_SIGN, PEER_WEBD, 0, "thumbprint:str") \
	/* A challenge for that name is expected, until all are over. */ \
	X(ACME_CHALLENGE, PEER_ACME, PEER_WEBD, 10, "name:str token:str") \
	X(ACME_CHALLENGE_R, PEER_WEBD, PEER_ACME, 0, "") \
	X(ACME_CLEAR,     PEER_ACME, PEER_WEBD, 0, "") \
	/* The operator to gk-acme. facts: key, value, two a fact. RENEW begins, and does not wait for the end. */ \
	X(ACME_STATUS,    PEER_CTL, PEER_ACME, 10, "") \
	X(ACME_STATUS_R,  PEER_ACME, PEER_CTL, 0, "facts:list") \
	X(ACME_RENEW,     PEER_CTL, PEER_ACME, 10, "") \
	X(ACME_RENEW_R,   PEER_ACME, PEER_CTL, 0, "") \
	/* Logging in. A front hands over SASL octets (base64 taken off); authd keeps the exchange. service: "smtp",
	 * "imap", "web", "jmap", "prove". binding data: exporter, then end point (empty where there is none). sid: for the log. state: enum auth_state. */ \
	X(AUTH_START,     PEER_FRONT, PEER_AUTHD, 30, \
	  "service:str mech:str has_initial:u32 initial:str peer:str tls:u32 exporter:str end_point:str conn:u64 sid:str") \
	X(AUTH_STEP,      PEER_FRONT, PEER_AUTHD, 30, "session:u64 data:str") \
	X(AUTH_START_R,   PEER_AUTHD, PEER_FRONT, 0, "state:u32 session:u64 data:str user:str ticket:str text:str") \
	X(AUTH_STEP_R,    PEER_AUTHD, PEER_FRONT, 0, "state:u32 session:u64 data:str user:str ticket:str text:str") \
	X(AUTH_ABORT,     PEER_FRONT, PEER_AUTHD, 0, "session:u64") \
	/* Sessions of gk-webd. A token is the `ticket` of AUTH_START_R where the service is "web" (a browser: with the
	 * user's own password alone, kept over restarts) or "jmap" (a program that shows a password with each request: also
	 * an app password, kept for minutes). Service "prove" opens none: its ticket proves for some seconds that the
	 * password was shown again, to PROVE and WEB_PASSWD on the same conn. The mechanism is always PLAIN. Everything
	 * below that is not about the session itself is for browsers. E_DENIED: no such session (any more); E_PERM: not for
	 * a program; E_PROTO: the password has to be shown (again). id: of a session, for people and logs. Times are seconds
	 * since the epoch. */ \
	/* Who is it? agent: what the client calls itself. proven: when the password was shown last. until: when it ends at
	 * the latest. */ \
	X(SESSION_OPEN,   PEER_WEBD, PEER_AUTHD, 10, "token:str peer:str agent:str") \
	X(SESSION_OPEN_R, PEER_AUTHD, PEER_WEBD, 0, "user:str id:str browser:u32 created:u64 proven:u64 until:u64") \
	/* A ticket of service "web" for OWNER_OPEN. */ \
	X(SESSION_TICKET, PEER_WEBD, PEER_AUTHD, 10, "token:str conn:u64") \
	X(SESSION_TICKET_R, PEER_AUTHD, PEER_WEBD, 0, "ticket:str") \
	/* rows: id, "browser" or "program", created, last used, password shown (RFC 3339), address, agent, "1" for the one
	 * that asks, eight a session. addresses: the user's own first. */ \
	X(SESSION_LIST,   PEER_WEBD, PEER_AUTHD, 10, "token:str") \
	X(SESSION_LIST_R, PEER_AUTHD, PEER_WEBD, 0, "rows:list") \
	X(SESSION_ADDRESSES, PEER_WEBD, PEER_AUTHD, 10, "token:str") \
	X(SESSION_ADDRESSES_R, PEER_AUTHD, PEER_WEBD, 0, "addresses:list") \
	/* id: the user's session to end; empty: this one; "others": all but this one. */ \
	X(SESSION_END,    PEER_WEBD, PEER_AUTHD, 10, "token:str id:str") \
	X(SESSION_END_R,  PEER_AUTHD, PEER_WEBD, 0, "count:u64") \
	X(SESSION_PROVE,  PEER_WEBD, PEER_AUTHD, 10, "token:str proof:str conn:u64") \
	X(SESSION_PROVE_R, PEER_AUTHD, PEER_WEBD, 0, "") \
	/* A new password: ends all sessions of the user but this one. */ \
	X(WEB_PASSWD,     PEER_WEBD, PEER_AUTHD, 30, "token:str proof:str conn:u64 password:str") \
	X(WEB_PASSWD_R,   PEER_AUTHD, PEER_WEBD, 0, "") \
	/* As the operator's. ADD wants the password shown lately. LIST rows: name, created, last used (empty: never),
	 * three a password. */ \
	X(WEB_APPPASS_ADD, PEER_WEBD, PEER_AUTHD, 30, "token:str name:str") \
	X(WEB_APPPASS_ADD_R, PEER_AUTHD, PEER_WEBD, 0, "password:str") \
	X(WEB_APPPASS_DEL, PEER_WEBD, PEER_AUTHD, 10, "token:str name:str") \
	X(WEB_APPPASS_DEL_R, PEER_AUTHD, PEER_WEBD, 0, "") \
	X(WEB_APPPASS_LIST, PEER_WEBD, PEER_AUTHD, 10, "token:str") \
	X(WEB_APPPASS_LIST_R, PEER_AUTHD, PEER_WEBD, 0, "rows:list") \
	/* Agents (ipc/agent.h, docs/adr/0032-agents-and-approvals.md). rows: name, scopes, policy, calls a minute, created,
	 * last used, ends (RFC 3339, or empty), "1" where revoked, eight an agent. expires: seconds since the epoch; 0:
	 * never. token: of the agent, shown this once. ADD wants the password shown lately. POLICY changes what it names. */ \
	X(WEB_AGENT_ADD,  PEER_WEBD, PEER_AUTHD, 30, "token:str name:str scopes:u32 rate:u32 expires:u64") \
	X(WEB_AGENT_ADD_R, PEER_AUTHD, PEER_WEBD, 0, "token:str") \
	X(WEB_AGENT_REVOKE, PEER_WEBD, PEER_AUTHD, 10, "token:str name:str") \
	X(WEB_AGENT_REVOKE_R, PEER_AUTHD, PEER_WEBD, 0, "") \
	X(WEB_AGENT_POLICY, PEER_WEBD, PEER_AUTHD, 10, "token:str name:str policy:str") \
	X(WEB_AGENT_POLICY_R, PEER_AUTHD, PEER_WEBD, 0, "") \
	X(WEB_AGENT_LIST, PEER_WEBD, PEER_AUTHD, 10, "token:str") \
	X(WEB_AGENT_LIST_R, PEER_AUTHD, PEER_WEBD, 0, "rows:list") \
	/* What the agents of that user have called (authd/audit_own.h), the newest first. agent: one of them, or empty. file, at:
	 * where to go on, of the answer before; zeros at first, and where there is no more. rows: time, agent, agent session,
	 * peer, tool, arguments, decision, outcome, octets of the result, ms, ten a call. */ \
	X(WEB_AUDIT,      PEER_WEBD, PEER_AUTHD, 30, "token:str agent:str file:u64 at:u64") \
	X(WEB_AUDIT_R,    PEER_AUTHD, PEER_WEBD, 0, "file:u64 at:u64 rows:list") \
	/* key: what the built-in assistant opens its agent session with, as long as this session of a browser lasts. */ \
	X(ASSISTANT_OPEN, PEER_WEBD, PEER_AUTHD, 10, "token:str") \
	X(ASSISTANT_OPEN_R, PEER_AUTHD, PEER_WEBD, 0, "key:str") \
	/* A page begins a conversation with the assistant (ipc/chat.h). key: of ASSISTANT_OPEN. web: the browser's session; its
	 * pages alone resume what another began. language: "fr", "en", or empty; zone: minutes east of UTC, decimal, or
	 * empty. E_LIMIT: the user has too many. */ \
	X(AID_OPEN,       PEER_WEBD, PEER_AID, 10, "key:str user:str web:str language:str zone:str fd:fd") \
	X(AID_OPEN_R,     PEER_AID, PEER_WEBD, 0, "") \
	/* An agent session begins: by an agent's token as it was shown, or the assistant's key. session: its id. scopes:
	 * AGENT_ bits. rate: calls a minute. until: when it ends at the latest. */ \
	X(AGENT_OPEN,     PEER_MCPD, PEER_AUTHD, 10, "token:str peer:str client:str") \
	X(AGENT_OPEN_R,   PEER_AUTHD, PEER_MCPD, 0, \
	  "user:str agent:str session:str scopes:u32 policy:u32 rate:u32 until:u64") \
	/* A ticket of service "agent" for OWNER_OPEN. */ \
	X(AGENT_TICKET,   PEER_MCPD, PEER_AUTHD, 10, "token:str session:str conn:u64") \
	X(AGENT_TICKET_R, PEER_AUTHD, PEER_MCPD, 0, "ticket:str") \
	X(AGENT_CLOSE,    PEER_MCPD, PEER_AUTHD, 0, "token:str session:str") \
	X(AGENT_GONE,     PEER_AUTHD, PEER_MCPD, 0, "user:str session:str") \
	/* The operator in the terminal: what the built-in agent of that name opens agent sessions of a user's with, as
	 * long as this channel lasts. */ \
	X(TERMINAL_OPEN,  PEER_CTL, PEER_AUTHD, 10, "address:str") \
	X(TERMINAL_OPEN_R, PEER_AUTHD, PEER_CTL, 0, "key:str") \
	/* A client of the Model Context Protocol: on fd, a stream socket, JSON-RPC messages, one a line (MCP, stdio), until
	 * either end closes it. credential: a token, or a key of ASSISTANT_OPEN or TERMINAL_OPEN; E_DENIED where it is none.
	 * peer: an address, or where it comes from. zone: the user's (an IANA name, or "+01:00"), or empty. What it does is done in session. */ \
	X(MCP_STREAM,     PEER_AID | PEER_CTL, PEER_MCPD, 30, "credential:str peer:str zone:str fd:fd") \
	X(MCP_STREAM_R,   PEER_MCPD, PEER_AID | PEER_CTL, 0, "user:str agent:str session:str") \
	/* The same by HTTP: on fd frames (ipc/pipe.h, PIPE_MCP), one exchange after the other. origin: the URL of this
	 * server as the client knows it. */ \
	X(MCP_EXCHANGE,   PEER_WEBD, PEER_MCPD, 30, "peer:str origin:str fd:fd") \
	X(MCP_EXCHANGE_R, PEER_MCPD, PEER_WEBD, 0, "") \
	/* agent: name, session, scopes, policy (decimal). */ \
	X(AGENT_REDEEM,   PEER_MAILBOXD, PEER_AUTHD, 10, "ticket:str front:u32 conn:u64") \
	X(AGENT_REDEEM_R, PEER_AUTHD, PEER_MAILBOXD, 0, "user:str quota:u64 agent:list") \
	/* As SENDER_TOKEN, of an agent session of the user's: what is sent with it needs approval. */ \
	X(AGENT_TOKEN,    PEER_MAILBOXD, PEER_AUTHD, 5, "user:str session:str") \
	X(AGENT_TOKEN_R,  PEER_AUTHD, PEER_MAILBOXD, 0, "token:str") \
	/* Whose submission is it? Not that user's: E_DENIED. session: of the agent that it is from, or empty. */ \
	X(SENDER_VOUCH,   PEER_QUEUE, PEER_AUTHD, 10, "token:str user:str") \
	X(SENDER_VOUCH_R, PEER_AUTHD, PEER_QUEUE, 0, "session:str") \
	/* A human agrees to what has that digest (mail/approval.h): E_PROTO where the password was not shown lately. what: a
	 * line for the log. until: seconds since the epoch; it is good once, until then. */ \
	X(APPROVAL_MINT,  PEER_WEBD, PEER_AUTHD, 10, "token:str session:str digest:str what:str") \
	X(APPROVAL_MINT_R, PEER_AUTHD, PEER_WEBD, 0, "id:str until:u64") \
	X(APPROVAL_ACCEPT, PEER_CTL, PEER_AUTHD, 10, "address:str session:str digest:str what:str") \
	X(APPROVAL_ACCEPT_R, PEER_AUTHD, PEER_CTL, 0, "id:str until:u64") \
	/* It is used now, for the message of that id; durable with the answer. E_DENIED: there is none. */ \
	X(APPROVAL_REDEEM, PEER_QUEUE, PEER_AUTHD, 30, "token:str digest:str mid:str") \
	X(APPROVAL_REDEEM_R, PEER_AUTHD, PEER_QUEUE, 0, "approval:str") \
	/* The same for an action of another kind, which the owner does itself. */ \
	X(APPROVAL_ACTION, PEER_MAILBOXD, PEER_AUTHD, 30, "user:str session:str digest:str") \
	X(APPROVAL_ACTION_R, PEER_AUTHD, PEER_MAILBOXD, 0, "approval:str") \
	/* Nobody waits for it any more: what was approved of that digest from then on (seconds since the epoch) and is not
	 * used will not be. used: one was; mid: of its message, empty for an action. Durable with the answer. */ \
	X(APPROVAL_SETTLE, PEER_MAILBOXD, PEER_AUTHD, 30, "user:str session:str digest:str since:u64") \
	X(APPROVAL_SETTLE_R, PEER_AUTHD, PEER_MAILBOXD, 0, "used:u32 mid:str") \
	/* The audit log (authd/audit.h). A tool was called: answered when the record is durable, as seq. arguments: JSON
	 * (mcpd/audit.h), without secrets and texts. decision: "free", "approval", "held", "refused"; outcome: "ok", or why not.
	 * result: its octets. */ \
	X(AUDIT_ADD,      PEER_MCPD, PEER_AUTHD, 30, \
	  "user:str agent:str session:str peer:str tool:str arguments:str decision:str outcome:str result:u64 ms:u32") \
	X(AUDIT_ADD_R,    PEER_AUTHD, PEER_MCPD, 0, "seq:u64") \
	/* Can records be made durable? Told when it changes, and when a channel opens while they cannot. */ \
	X(AUDIT_STATE,    PEER_AUTHD, PEER_MCPD, 0, "down:u32") \
	/* Its records that are kept, first to last, and the hash of the last; zeros where there is none. */ \
	X(AUDIT_HEAD,     PEER_CTL, PEER_AUTHD, 10, "") \
	X(AUDIT_HEAD_R,   PEER_AUTHD, PEER_CTL, 0, "first:u64 last:u64 hash:str") \
	/* The first file with a name of that number or a higher one, for reading; size: as far as it is durable. A file is
	 * named by the number of its first record. E_NOTFOUND: there is none. */ \
	X(AUDIT_FILE,     PEER_CTL, PEER_AUTHD, 10, "number:u64") \
	X(AUDIT_FILE_R,   PEER_AUTHD, PEER_CTL, 0, "number:u64 size:u64 fd:fd") \
	/* A connection to the model's provider (assistant.url), whose address and port are gk-connect's to know. address: it
	 * is to, for the log. E_TEMP: none can be had now. */ \
	X(PROVIDER_OPEN,  PEER_AID | PEER_STATD, PEER_CONNECT, 60, "") \
	X(PROVIDER_OPEN_R, PEER_CONNECT, PEER_AID | PEER_STATD, 0, "address:str fd:fd") \
	/* It is over: nothing that it carries goes on. */ \
	X(SESSION_GONE,   PEER_AUTHD, PEER_WEBD, 0, "user:str id:str") \
	/* Recipients and senders. verdict: enum rcpt_verdict. targets: where the address leads; the first `local` of
	 * them are mailboxes (user addresses), the others addresses at other hosts. */ \
	X(RCPT_CHECK,     PEER_SMTPD | PEER_QUEUE, PEER_AUTHD, 10, "address:str user:str size:u64") \
	X(RCPT_CHECK_R,   PEER_AUTHD, PEER_SMTPD | PEER_QUEUE, 0, "verdict:u32 local:u32 targets:list") \
	/* The same of who is not trusted: what users send is counted, strangers are greylisted. sender: of MAIL. peer: the
	 * client's address. first: the first recipient of a message. wait: seconds, where the verdict says later. */ \
	X(RCPT_ADMIT,     PEER_SMTPD, PEER_AUTHD, 10, \
	  "address:str user:str size:u64 sender:str peer:str first:u32") \
	X(RCPT_ADMIT_R,   PEER_AUTHD, PEER_SMTPD, 0, "verdict:u32 local:u32 targets:list wait:u32") \
	/* The sender under which mail to an alias of that domain goes on to another host (mail/srs.h): another one, or the
	 * same where that is ours, or cannot be rewritten. */ \
	X(SENDER_FORWARD, PEER_QUEUE, PEER_AUTHD, 10, "sender:str domain:str") \
	X(SENDER_FORWARD_R, PEER_AUTHD, PEER_QUEUE, 0, "sender:str") \
	/* Is it a domain of ours? */ \
	X(DOMAIN_CHECK,   PEER_WEBD, PEER_AUTHD, 10, "domain:str") \
	X(DOMAIN_CHECK_R, PEER_AUTHD, PEER_WEBD, 0, "known:u32") \
	X(SENDER_CHECK,   PEER_SMTPD | PEER_MAILBOXD, PEER_AUTHD, 10, "user:str address:str") \
	X(SENDER_CHECK_R, PEER_AUTHD, PEER_SMTPD | PEER_MAILBOXD, 0, "owned:u32") \
	/* The addresses that lead to a user and may be its senders' (INVARIANTS 18): its own first, catch-alls not. */ \
	X(SENDER_LIST,    PEER_MAILBOXD, PEER_AUTHD, 10, "user:str") \
	X(SENDER_LIST_R,  PEER_AUTHD, PEER_MAILBOXD, 0, "addresses:list") \
	/* Answers given before may be wrong now: forget them. */ \
	X(AUTH_CHANGED,   PEER_AUTHD, PEER_SMTPD, 0, "") \
	/* Every session of the user ends, and every resume token (INVARIANTS 16). deleted: the user is gone. */ \
	X(USER_REVOKED,   PEER_AUTHD, PEER_MAILBOXD | PEER_SMTPD | PEER_WEBD, 0, "user:str deleted:u32") \
	/* Networks whose clients are turned away, and those not logged in ended. bans: network, milliseconds left (0: until
	 * it is cleared), two a ban. reset: no others are. */ \
	X(BAN_SET,        PEER_AUTHD, PEER_FRONT, 0, "reset:u32 bans:list") \
	X(BAN_CLEAR,      PEER_AUTHD, PEER_FRONT, 0, "network:str") \
	X(QUOTA_CHANGED,  PEER_AUTHD, PEER_MAILBOXD, 0, "user:str quota:u64") \
	/* The home of a user who is gone is renamed, so that no later user of the name finds it, or removed. Said until
	 * it is answered, also of a home that is not there any more. */ \
	X(HOME_GONE,      PEER_AUTHD, PEER_MAILBOXD, 120, "user:str purge:u32") \
	X(HOME_GONE_R,    PEER_MAILBOXD, PEER_AUTHD, 0, "") \
	X(TICKET_REDEEM,  PEER_MAILBOXD, PEER_AUTHD, 10, "ticket:str service:str front:u32 conn:u64") \
	X(TICKET_REDEEM_R, PEER_AUTHD, PEER_MAILBOXD, 0, "user:str quota:u64") \
	X(USER_CHECK,     PEER_MAILBOXD, PEER_AUTHD, 10, "user:str") \
	X(USER_CHECK_R,   PEER_AUTHD, PEER_MAILBOXD, 0, "user:str quota:u64") \
	X(USAGE_SET,      PEER_MAILBOXD, PEER_AUTHD, 0, "user:str octets:u64 messages:u64") \
	X(USAGE_ADD,      PEER_QUEUE, PEER_AUTHD, 0, "user:str octets:u64 messages:u64") \
	/* Said before the commit of a message in a user's name, on the same channel: the token of its session. */ \
	X(SPOOL_TOKEN,    PEER_SMTPD, PEER_QUEUE, 0, "mid:str token:str") \
	/* Messages into the spool. envelope: mail/envelope.h. A message that fits comes in the packet, with SPOOL_PUT; one
	 * of middle size in a sealed memory file, with SPOOL_COMMIT; a large one goes into the file that SPOOL_OPEN lends,
	 * and SPOOL_COMMIT_LARGE names it and what stands on top. size, digest: of the file, BLAKE2b-256. */ \
	X(SPOOL_OPEN,     PEER_SMTPD | PEER_OWNER, PEER_QUEUE, 30, "mid:str") \
	X(SPOOL_OPEN_R,   PEER_QUEUE, PEER_SMTPD | PEER_OWNER, 0, "fd:fd") \
	X(SPOOL_ABORT,    PEER_SMTPD | PEER_OWNER, PEER_QUEUE, 0, "mid:str") \
	X(SPOOL_PUT,      PEER_SMTPD | PEER_OWNER | PEER_SCREEN, PEER_QUEUE, 60, "envelope:str octets:str") \
	X(SPOOL_PUT_R,    PEER_QUEUE, PEER_SMTPD | PEER_OWNER | PEER_SCREEN, 0, "") \
	X(SPOOL_COMMIT,   PEER_SMTPD | PEER_OWNER | PEER_SCREEN, PEER_QUEUE, 60, "envelope:str size:u64 fd:fd") \
	X(SPOOL_COMMIT_R, PEER_QUEUE, PEER_SMTPD | PEER_OWNER | PEER_SCREEN, 0, "") \
	X(SPOOL_COMMIT_LARGE, PEER_SMTPD | PEER_OWNER, PEER_QUEUE, 120, "envelope:str size:u64 digest:str prefix:str") \
	X(SPOOL_COMMIT_LARGE_R, PEER_QUEUE, PEER_SMTPD | PEER_OWNER, 0, "") \
	/* What became of a message that this user has submitted. cancel: it is not to be sent, where none of it is under way
	 * or sent yet; durable then. state: enum submitted_state. results: address, enum submitted_result as a digit, what
	 * the last host said, three a recipient. */ \
	X(SUBMITTED,      PEER_MAILBOXD, PEER_QUEUE, 10, "user:str mid:str cancel:u32") \
	X(SUBMITTED_R,    PEER_QUEUE, PEER_MAILBOXD, 0, "state:u32 results:list") \
	/* DKIM (docs/adr/0018-dkim-signing.md). token: of AUTH_START_R where the service is "smtp" (in `ticket`), or of
	 * LOCAL_CONN: it proves to authd whose submission it is, as long as the session lasts. The octets are the message
	 * without Return-Path and Received. fields: DKIM-Signature, one a key, with CRLF; empty: nothing to sign with. */ \
	X(SIGN_PUT,       PEER_SMTPD, PEER_SIGN, 60, "mid:str token:str octets:str") \
	X(SIGN_PUT_R,     PEER_SIGN, PEER_SMTPD, 0, "fields:str") \
	/* The same as they come, through a stream socket (ipc/parcel.h): until its end, which is the session's at the latest. */ \
	X(SIGN_STREAM,    PEER_SMTPD, PEER_SIGN, 86400, "mid:str token:str fd:fd") \
	X(SIGN_STREAM_R,  PEER_SIGN, PEER_SMTPD, 0, "fields:str") \
	/* Domains that have keys: whom gk-smtpd need not ask about. all: they are too many to tell. */ \
	X(SIGN_DOMAINS,   PEER_SIGN, PEER_SMTPD, 0, "all:u32 domains:list") \
	/* The queue's own mail, From this server's name, in the packet or in a file as it lies in the spool, of which the
	 * first skip octets are left out. */ \
	X(SIGN_OWN,       PEER_QUEUE, PEER_SIGN, 60, "mid:str octets:str") \
	X(SIGN_OWN_R,     PEER_SIGN, PEER_QUEUE, 0, "fields:str") \
	X(SIGN_OWN_FILE,  PEER_QUEUE, PEER_SIGN, 60, "mid:str skip:u32 size:u64 fd:fd") \
	X(SIGN_OWN_FILE_R, PEER_SIGN, PEER_QUEUE, 0, "fields:str") \
	/* May who has the token send from all of these addresses, and have it signed? */ \
	X(SIGN_CHECK,     PEER_SIGN, PEER_AUTHD, 10, "token:str addresses:list") \
	X(SIGN_CHECK_R,   PEER_AUTHD, PEER_SIGN, 0, "user:str owned:u32") \
	/* The session that had the token is over. */ \
	X(SENDER_END,     PEER_SMTPD, PEER_AUTHD, 0, "token:str") \
	/* Into Maildirs. targets: user addresses; flags: DELIVER_ bits; results: enum deliver_result as a digit and a
	 * text, two a target. users: whose mailbox got it, told on to mailboxd. */ \
	X(LARGE_NEW,      PEER_QUEUE, PEER_LOCAL, 20, "mid:str") \
	X(LARGE_NEW_R,    PEER_LOCAL, PEER_QUEUE, 0, "fd:fd") \
	X(LARGE_SEAL,     PEER_QUEUE, PEER_LOCAL, 110, "mid:str size:u64 digest:str prefix:str") \
	X(LARGE_SEAL_R,   PEER_LOCAL, PEER_QUEUE, 0, "") \
	X(LARGE_DROP,     PEER_QUEUE, PEER_LOCAL, 0, "mid:str") \
	X(LARGE_READ,     PEER_QUEUE, PEER_LOCAL, 20, "mid:str") \
	X(LARGE_READ_R,   PEER_LOCAL, PEER_QUEUE, 0, "fd:fd") \
	X(DELIVER_PUT,    PEER_QUEUE, PEER_LOCAL, 60, "mid:str arrived:u64 flags:u32 targets:list octets:str") \
	X(DELIVER_PUT_R,  PEER_LOCAL, PEER_QUEUE, 0, "results:list") \
	X(DELIVER,        PEER_QUEUE, PEER_LOCAL, 60, "mid:str arrived:u64 size:u64 flags:u32 targets:list fd:fd") \
	X(DELIVER_R,      PEER_LOCAL, PEER_QUEUE, 0, "results:list") \
	X(DELIVER_LARGE,  PEER_QUEUE, PEER_LOCAL, 60, "mid:str arrived:u64 size:u64 flags:u32 targets:list") \
	X(DELIVER_LARGE_R, PEER_LOCAL, PEER_QUEUE, 0, "results:list") \
	/* Is the free space below queue.min_free? Told when it changes: MAIL gets 452 before anything is sent. */ \
	X(SPOOL_SPACE,    PEER_QUEUE, PEER_SMTPD, 0, "low:u32") \
	/* Names that gk-local found in .incoming; back come those that no message of the queue needs. */ \
	X(INCOMING_CHECK, PEER_LOCAL, PEER_QUEUE, 20, "mids:list") \
	X(INCOMING_CHECK_R, PEER_QUEUE, PEER_LOCAL, 0, "drop:list") \
	X(CHECKPOINT,     PEER_QUEUE, PEER_LOCAL, 120, "") \
	X(CHECKPOINT_R,   PEER_LOCAL, PEER_QUEUE, 0, "") \
	/* Homes that get mail again which lost power may have taken (INVARIANTS 1): no owner starts for such a user until
	 * DONE says that it is durable. HOLD comes as often as it takes, then READY: before it nobody's home is known to
	 * be whole. */ \
	X(REPLAY_HOLD,    PEER_QUEUE, PEER_MAILBOXD, 0, "users:list") \
	X(REPLAY_READY,   PEER_QUEUE, PEER_MAILBOXD, 0, "") \
	X(REPLAY_DONE,    PEER_QUEUE, PEER_MAILBOXD, 0, "users:list") \
	X(HOME_ENSURE,    PEER_LOCAL, PEER_MAILBOXD, 20, "user:str junk:u32") \
	X(HOME_ENSURE_R,  PEER_MAILBOXD, PEER_LOCAL, 0, "") \
	/* How many names were not there before in INBOX (messages) and in Junk. */ \
	X(DELIVERED,      PEER_LOCAL, PEER_MAILBOXD, 0, "user:str messages:u32 junk:u32") \
	/* A question to the DNS (net/dns.h). type: of records, as in the DNS. ms: within which an answer is of use; 0:
	 * dns.timeout. status: enum dns_status. records: net/dns_answer.c. */ \
	X(DNS_ASK,        PEER_SMTPD | PEER_SCREEN | PEER_REMOTE | PEER_CONNECT | PEER_STATD | PEER_ACME | PEER_CTL, PEER_DNSD, 30, "name:str type:u32 ms:u32") \
	X(DNS_ASK_R,      PEER_DNSD, PEER_SMTPD | PEER_SCREEN | PEER_REMOTE | PEER_CONNECT | PEER_STATD | PEER_ACME | PEER_CTL, 0, \
	  "status:u32 secure:u32 ttl:u32 canonical:str why:str records:list") \
	/* Who sent a message, before it is taken: its octets as they came, in the packet or as they come, through a stream
	 * socket (ipc/parcel.h). stream: smtpd's number for it; SCREEN_END says that its size octets are all, SCREEN_ABORT
	 * that nobody wants an answer any more. iprev: enum screen_iprev, of client, the peer's name. verdict: enum
	 * screen_verdict; reason: enum screen_reason; text: of a refusal, printable ASCII. fields: header fields to put on
	 * top, with CRLF; smtpd takes none but those of smtpd/screening.c, and nothing else of a message can be changed. */ \
	X(SCREEN_PUT,     PEER_SMTPD, PEER_SCREEN, 360, \
	  "mid:str sid:str peer:str iprev:u32 client:str helo:str sender:str octets:str") \
	X(SCREEN_PUT_R,   PEER_SCREEN, PEER_SMTPD, 0, "verdict:u32 reason:u32 score:u32 text:str fields:str") \
	X(SCREEN_STREAM,  PEER_SMTPD, PEER_SCREEN, 90000, \
	  "stream:u64 mid:str sid:str peer:str iprev:u32 client:str helo:str sender:str fd:fd") \
	X(SCREEN_STREAM_R, PEER_SCREEN, PEER_SMTPD, 0, "verdict:u32 reason:u32 score:u32 text:str fields:str") \
	X(SCREEN_END,     PEER_SMTPD, PEER_SCREEN, 0, "stream:u64 size:u64") \
	X(SCREEN_ABORT,   PEER_SMTPD, PEER_SCREEN, 0, "stream:u64") \
	/* To other hosts: one message, some recipients of one destination. dest: the domain that their addresses have, as
	 * A-labels in lower case (or an address literal), or the name of a route. flags: ENVELOPE_ bits; ret: enum envelope_ret; envid: xtext as given.
	 * rcpts: address, notify (NOTIFY_ bits, decimal), orcpt, three each. The octets begin behind our Return-Path line:
	 * REMOTE_PUT has them in the packet; of REMOTE_SEND's file (a sealed memory file, or a large message read-only),
	 * size octets in all, the first skip are left out. Answered within the row's time in any case. outcome: enum
	 * remote_outcome, how the destination as a whole fared, and why where it did not work. results: enum deliver_result
	 * as a digit, a text ("5.1.1 ..."), the host that said it ("mx1.example [192.0.2.1]:25", or empty), and after
	 * success "dsn" where that host has taken over the duties of RFC 3461 or else "relayed": four a recipient. */ \
	X(REMOTE_PUT,     PEER_QUEUE, PEER_REMOTE, 3600, \
	  "mid:str dest:str sender:str flags:u32 ret:u32 envid:str rcpts:list octets:str") \
	X(REMOTE_PUT_R,   PEER_REMOTE, PEER_QUEUE, 0, "outcome:u32 why:str results:list") \
	X(REMOTE_SEND,    PEER_QUEUE, PEER_REMOTE, 3600, \
	  "mid:str dest:str sender:str flags:u32 ret:u32 envid:str rcpts:list skip:u32 size:u64 fd:fd") \
	X(REMOTE_SEND_R,  PEER_REMOTE, PEER_QUEUE, 0, "outcome:u32 why:str results:list") \
	/* Opening and parking. conn: the front's number for the connection. gk-webd's are pipes (ipc/pipe.h), without a tag. */ \
	X(OWNER_OPEN,     PEER_IMAPD | PEER_WEBD | PEER_MCPD, PEER_MAILBOXD, 30, \
	  "ticket:str conn:u64 peer:str sid:str tag:str fd:fd") \
	X(OWNER_OPEN_R,   PEER_MAILBOXD, PEER_IMAPD | PEER_WEBD | PEER_MCPD, 0, "user:str") \
	/* The page at the end of a pipe only waits, which takes no owner: that one says LEFT (ipc/pipe.h), gk-webd closes
	 * the pipe, and hears WAKE when the user's mail changes, until it says CONN_GONE. */ \
	X(OWNER_WATCH,    PEER_WEBD | PEER_MCPD, PEER_MAILBOXD, 0, "conn:u64") \
	/* told: the number of messages that the front has told of in answer to NEWS; 0: none. */ \
	X(OWNER_RESUME,   PEER_IMAPD, PEER_MAILBOXD, 30, \
	  "token:str record:str conn:u64 peer:str sid:str told:u32 fd:fd") \
	X(OWNER_RESUME_R, PEER_MAILBOXD, PEER_IMAPD, 0, "") \
	X(PARK,           PEER_MAILBOXD, PEER_IMAPD, 10, "conn:u64 consumed:u64 token:str record:str") \
	X(PARK_R,         PEER_IMAPD, PEER_MAILBOXD, 0, "accepted:u32") \
	X(WAKE,           PEER_MAILBOXD, PEER_IMAPD | PEER_WEBD | PEER_MCPD, 0, "conn:u64") \
	/* Mail has come to a parked connection in INBOX: so many messages exist there now. */ \
	X(NEWS,           PEER_MAILBOXD, PEER_IMAPD, 0, "conn:u64 exists:u32") \
	X(KICK,           PEER_MAILBOXD, PEER_IMAPD | PEER_WEBD | PEER_MCPD, 0, "conn:u64") \
	X(CONN_GONE,      PEER_IMAPD | PEER_WEBD | PEER_MCPD, PEER_MAILBOXD, 0, "conn:u64") \
	/* Between the parent and one owner. front: PEER_IMAPD, PEER_WEBD or PEER_MCPD, each of which counts its own
	 * connections. agent: as in AGENT_REDEEM_R, of gk-mcpd's; else empty. */ \
	X(OWN_CONN,       PEER_MAILBOXD, PEER_OWNER, 0, \
	  "front:u32 conn:u64 peer:str sid:str tag:str record:str told:u32 agent:list fd:fd") \
	/* Whoever is at the other end of it hears of changes by the parent from now on. */ \
	X(OWN_REST,       PEER_MAILBOXD, PEER_OWNER, 0, "front:u32 conn:u64") \
	X(OWN_LOG,        PEER_MAILBOXD, PEER_OWNER, 0, "format:u32 level:u32 fd:fd") \
	/* The configuration is another one now; as in CONFIG. */ \
	X(OWN_CONFIG,     PEER_MAILBOXD, PEER_OWNER, 0, "keys:list") \
	X(OWN_QUOTA,      PEER_MAILBOXD, PEER_OWNER, 0, "quota:u64") \
	X(OWN_DELIVERED,  PEER_MAILBOXD, PEER_OWNER, 0, "") \
	X(OWN_GO,         PEER_MAILBOXD, PEER_OWNER, 0, "") \
	X(OWN_DRAIN,      PEER_MAILBOXD, PEER_OWNER, 0, "") \
	/* The home is open: connections may come. */ \
	X(OWN_READY,      PEER_OWNER, PEER_MAILBOXD, 0, "") \
	/* It would end, having nothing to do; or must, whatever it does. GO answers: nothing was sent, or will be, that it
	 * has not seen. delivered: how many OWN_DELIVERED it has seen. A connection that came behind ENDING goes back unread, as it came with OWN_CONN. */ \
	X(OWN_LEAVE,      PEER_OWNER, PEER_MAILBOXD, 0, "delivered:u32") \
	X(OWN_ENDING,     PEER_OWNER, PEER_MAILBOXD, 0, "") \
	X(OWN_BACK,       PEER_OWNER, PEER_MAILBOXD, 0, "front:u32 conn:u64 peer:str sid:str tag:str record:str fd:fd") \
	X(OWN_USAGE,      PEER_OWNER, PEER_MAILBOXD, 0, "octets:u64 messages:u64") \
	/* exists: what the client knows of in INBOX, when new mail may be told by its number alone; else 2^32 - 1. */ \
	X(OWN_PARK,       PEER_OWNER, PEER_MAILBOXD, 15, "conn:u64 consumed:u64 record:str exists:u32") \
	X(OWN_PARK_R,     PEER_MAILBOXD, PEER_OWNER, 0, "accepted:u32") \
	/* A session has changed mail: the user's parked connections are woken (coalesced, INVARIANTS 17). */ \
	X(OWN_CHANGED,    PEER_OWNER, PEER_MAILBOXD, 0, "") \
	X(OWN_CLOSED,     PEER_OWNER, PEER_MAILBOXD, 0, "front:u32 conn:u64") \
	/* The disk is full: something of the reserve, please. The owner looks itself whether there is room. */ \
	X(OWN_ROOM,       PEER_OWNER, PEER_MAILBOXD, 0, "") \
	/* There has to be an owner at that time (seconds since the epoch), whether or not somebody looks; 0: need not. */ \
	X(OWN_DUE,        PEER_OWNER, PEER_MAILBOXD, 0, "at:u64") \
	/* The parent passes these on with the user's name: OWNER_SMTP, SENDER_LIST, SENDER_CHECK, SUBMITTED. */ \
	X(OWN_SMTP,       PEER_OWNER, PEER_MAILBOXD, 40, "") \
	X(OWN_SMTP_R,     PEER_MAILBOXD, PEER_OWNER, 0, "fd:fd") \
	/* The same for what an agent session has asked to be sent: by AGENT_TOKEN. */ \
	X(OWN_AGENT_SMTP, PEER_OWNER, PEER_MAILBOXD, 40, "session:str") \
	X(OWN_AGENT_SMTP_R, PEER_MAILBOXD, PEER_OWNER, 0, "fd:fd") \
	X(OWN_ACTION,     PEER_OWNER, PEER_MAILBOXD, 40, "session:str digest:str") \
	X(OWN_ACTION_R,   PEER_MAILBOXD, PEER_OWNER, 0, "approval:str") \
	X(OWN_SETTLE,     PEER_OWNER, PEER_MAILBOXD, 40, "session:str digest:str since:u64") \
	X(OWN_SETTLE_R,   PEER_MAILBOXD, PEER_OWNER, 0, "used:u32 mid:str") \
	X(OWN_SENDERS,    PEER_OWNER, PEER_MAILBOXD, 15, "") \
	X(OWN_SENDERS_R,  PEER_MAILBOXD, PEER_OWNER, 0, "addresses:list") \
	X(OWN_SENDER,     PEER_OWNER, PEER_MAILBOXD, 15, "address:str") \
	X(OWN_SENDER_R,   PEER_MAILBOXD, PEER_OWNER, 0, "owned:u32") \
	X(OWN_SUBMITTED,  PEER_OWNER, PEER_MAILBOXD, 15, "mid:str cancel:u32") \
	X(OWN_SUBMITTED_R, PEER_MAILBOXD, PEER_OWNER, 0, "state:u32 results:list") \
	/* A POST to a push service (RFC 8620 7.2), whose URL a client gave: by https alone, and to no private address.
	 * sealed: the body is aes128gcm (RFC 8291), else JSON. status: of HTTP; 0: no answer. */ \
	X(OWN_POST,       PEER_OWNER, PEER_MAILBOXD, 70, "url:str body:str sealed:u32") \
	X(OWN_POST_R,     PEER_MAILBOXD, PEER_OWNER, 0, "status:u32") \
	X(PUSH_POST,      PEER_MAILBOXD, PEER_REMOTE, 60, "url:str body:str sealed:u32") \
	X(PUSH_POST_R,    PEER_REMOTE, PEER_MAILBOXD, 0, "status:u32") \
	/* The operator looks after a mailbox: enum mailbox_task. found: differences between files, index and the rest;
	 * mended: of these. rows: mailbox, what differs, two each, as many as fit; all are counted. */ \
	X(MAILBOX_TASK,   PEER_CTL, PEER_MAILBOXD, 600, "address:str task:u32") \
	X(MAILBOX_TASK_R, PEER_MAILBOXD, PEER_CTL, 0, "messages:u64 found:u64 mended:u64 rows:list") \
	X(OWN_TASK,       PEER_MAILBOXD, PEER_OWNER, 540, "task:u32") \
	X(OWN_TASK_R,     PEER_OWNER, PEER_MAILBOXD, 0, "messages:u64 found:u64 mended:u64 rows:list") \
	/* Backups. A copy of a database that a daemon has open, in a file without a name: of accounts, of DMARC reports, or
	 * the index of a user's mailbox. */ \
	X(DB_COPY,        PEER_CTL, PEER_AUTHD | PEER_SCREEN, 120, "") \
	X(DB_COPY_R,      PEER_AUTHD | PEER_SCREEN, PEER_CTL, 0, "file:fd") \
	X(MAILBOX_COPY,   PEER_CTL, PEER_MAILBOXD, 600, "address:str") \
	X(MAILBOX_COPY_R, PEER_MAILBOXD, PEER_CTL, 0, "file:fd") \
	X(OWN_COPY,       PEER_MAILBOXD, PEER_OWNER, 540, "") \
	X(OWN_COPY_R,     PEER_OWNER, PEER_MAILBOXD, 0, "file:fd") \
	/* Where the journal ends now: segments, oldest first, and the octets of each that count, two each. For `seconds`
	 * from now on, or until asked again with 0, none of them goes, nor any large message. */ \
	X(SPOOL_CUT,      PEER_CTL, PEER_QUEUE, 30, "seconds:u32") \
	X(SPOOL_CUT_R,    PEER_QUEUE, PEER_CTL, 0, "segments:list") \
	/* A message out of a backup into a mailbox, which is made where there is none; durable when it is answered. flags:
	 * as IMAP has them. date: INTERNALDATE. octets: a memory file. added: 0 where the mailbox has the same octets of
	 * that date already. */ \
	X(MAILBOX_PUT,    PEER_CTL, PEER_MAILBOXD, 600, "address:str mailbox:str flags:list date:u64 octets:fd") \
	X(MAILBOX_PUT_R,  PEER_MAILBOXD, PEER_CTL, 0, "added:u32 uid:u32") \
	X(OWN_PUT,        PEER_MAILBOXD, PEER_OWNER, 540, "mailbox:str flags:list date:u64 octets:fd") \
	X(OWN_PUT_R,      PEER_OWNER, PEER_MAILBOXD, 0, "added:u32 uid:u32") \
	/* Mail from elsewhere (docs/adr/0047-moving-in.md). KEYS: the keys of all that came, in a memory file (store/import.h).
	 * MAKE: a mailbox, where there is none; use: "\\Sent", or empty: the mailbox of that use is meant, if there is one;
	 * the answer says which it is. TAKE: messages, durable when it is answered; rows: key, mailbox, flags (as IMAP has them, spaces between), INTERNALDATE
	 * (seconds), octets, five a message; these stand in the memory file one behind the other. added: of the first
	 * added + there of them; there: came before. Fewer than were asked for: the rest is to be asked for again. */ \
	X(MAILBOX_KEYS,   PEER_CTL, PEER_MAILBOXD, 600, "address:str") \
	X(MAILBOX_KEYS_R, PEER_MAILBOXD, PEER_CTL, 0, "keys:fd") \
	X(OWN_KEYS,       PEER_MAILBOXD, PEER_OWNER, 540, "") \
	X(OWN_KEYS_R,     PEER_OWNER, PEER_MAILBOXD, 0, "keys:fd") \
	X(MAILBOX_MAKE,   PEER_CTL, PEER_MAILBOXD, 600, "address:str mailbox:str use:str subscribe:u32") \
	X(MAILBOX_MAKE_R, PEER_MAILBOXD, PEER_CTL, 0, "mailbox:str") \
	X(OWN_MAKE,       PEER_MAILBOXD, PEER_OWNER, 540, "mailbox:str use:str subscribe:u32") \
	X(OWN_MAKE_R,     PEER_OWNER, PEER_MAILBOXD, 0, "mailbox:str") \
	X(MAILBOX_TAKE,   PEER_CTL, PEER_MAILBOXD, 600, "address:str rows:list octets:fd") \
	X(MAILBOX_TAKE_R, PEER_MAILBOXD, PEER_CTL, 0, "added:u32 there:u32") \
	X(OWN_TAKE,       PEER_MAILBOXD, PEER_OWNER, 540, "rows:list octets:fd") \
	X(OWN_TAKE_R,     PEER_OWNER, PEER_MAILBOXD, 0, "added:u32 there:u32") \
	/* What agents have asked for, and a human's answer at the terminal: as Approval/get and Approval/set (JMAP) do it.
	 * task: enum approval_task. fd: a memory file with the Response, in JSON; of APPROVAL_SHOW with the frozen octets,
	 * and a few words on each email that an action is about. */ \
	X(APPROVALS,      PEER_CTL, PEER_MAILBOXD, 60, "address:str task:u32 id:str") \
	X(APPROVALS_R,    PEER_MAILBOXD, PEER_CTL, 0, "fd:fd") \
	X(OWN_APPROVALS,  PEER_MAILBOXD, PEER_OWNER, 50, "task:u32 id:str") \
	X(OWN_APPROVALS_R, PEER_OWNER, PEER_MAILBOXD, 0, "fd:fd") \
	/* The operator to authd. quota: octets, 0 for none; but in USER_ADD 0 is auth.default_quota, and 2^64 - 1 none. A
	 * domain's quota is over all its users. */ \
	X(USER_ADD,       PEER_CTL, PEER_AUTHD, 30, "address:str password:str quota:u64") \
	X(USER_ADD_R,     PEER_AUTHD, PEER_CTL, 0, "") \
	X(USER_PASSWD,    PEER_CTL, PEER_AUTHD, 30, "address:str password:str") \
	X(USER_PASSWD_R,  PEER_AUTHD, PEER_CTL, 0, "") \
	X(USER_QUOTA,     PEER_CTL, PEER_AUTHD, 10, "address:str quota:u64") \
	X(USER_QUOTA_R,   PEER_AUTHD, PEER_CTL, 0, "") \
	X(USER_DEL,       PEER_CTL, PEER_AUTHD, 10, "address:str") \
	X(USER_DEL_R,     PEER_AUTHD, PEER_CTL, 0, "") \
	/* The same, and the mail is removed instead of put aside. Both are answered when it is out of the way. */ \
	X(USER_PURGE,     PEER_CTL, PEER_AUTHD, 10, "address:str") \
	X(USER_PURGE_R,   PEER_AUTHD, PEER_CTL, 0, "") \
	/* rows: address, quota, octets used, messages, created (RFC 3339), five a user; at most 500 users after
	 * `after`; more: ask again from the last. The other lists page alike. APPPASS rows: name, created, two a password.
	 * DOMAIN rows: domain, quota, octets used, users, created, five a domain. ALIAS rows: address ("@domain" is the
	 * catch-all), target, two a row, never cut within an alias; ask again from the last address. ALIAS_DEL without
	 * targets removes the whole alias. */ \
	X(USER_LIST,      PEER_CTL, PEER_AUTHD, 10, "after:str") \
	X(USER_LIST_R,    PEER_AUTHD, PEER_CTL, 0, "more:u32 rows:list") \
	X(APPPASS_ADD,    PEER_CTL, PEER_AUTHD, 30, "address:str name:str") \
	X(APPPASS_ADD_R,  PEER_AUTHD, PEER_CTL, 0, "password:str") \
	X(APPPASS_DEL,    PEER_CTL, PEER_AUTHD, 10, "address:str name:str") \
	X(APPPASS_DEL_R,  PEER_AUTHD, PEER_CTL, 0, "") \
	X(APPPASS_LIST,   PEER_CTL, PEER_AUTHD, 10, "address:str") \
	X(APPPASS_LIST_R, PEER_AUTHD, PEER_CTL, 0, "rows:list") \
	/* As WEB_AGENT_… */ \
	X(AGENT_ADD,      PEER_CTL, PEER_AUTHD, 30, "address:str name:str scopes:u32 rate:u32 expires:u64") \
	X(AGENT_ADD_R,    PEER_AUTHD, PEER_CTL, 0, "token:str") \
	X(AGENT_REVOKE,   PEER_CTL, PEER_AUTHD, 10, "address:str name:str") \
	X(AGENT_REVOKE_R, PEER_AUTHD, PEER_CTL, 0, "") \
	X(AGENT_POLICY,   PEER_CTL, PEER_AUTHD, 10, "address:str name:str policy:str") \
	X(AGENT_POLICY_R, PEER_AUTHD, PEER_CTL, 0, "") \
	X(AGENT_LIST,     PEER_CTL, PEER_AUTHD, 10, "address:str") \
	X(AGENT_LIST_R,   PEER_AUTHD, PEER_CTL, 0, "rows:list") \
	/* Sessions of gk-webd: rows as in SESSION_LIST. id: empty for all. */ \
	X(USER_SESSIONS,  PEER_CTL, PEER_AUTHD, 10, "address:str") \
	X(USER_SESSIONS_R, PEER_AUTHD, PEER_CTL, 0, "rows:list") \
	X(USER_SESSIONS_END, PEER_CTL, PEER_AUTHD, 10, "address:str id:str") \
	X(USER_SESSIONS_END_R, PEER_AUTHD, PEER_CTL, 0, "count:u64") \
	X(DOMAIN_ADD,     PEER_CTL, PEER_AUTHD, 10, "domain:str quota:u64") \
	X(DOMAIN_ADD_R,   PEER_AUTHD, PEER_CTL, 0, "") \
	X(DOMAIN_DEL,     PEER_CTL, PEER_AUTHD, 10, "domain:str") \
	X(DOMAIN_DEL_R,   PEER_AUTHD, PEER_CTL, 0, "") \
	X(DOMAIN_LIST,    PEER_CTL, PEER_AUTHD, 10, "after:str") \
	X(DOMAIN_LIST_R,  PEER_AUTHD, PEER_CTL, 0, "more:u32 rows:list") \
	X(ALIAS_ADD,      PEER_CTL, PEER_AUTHD, 10, "address:str targets:list") \
	X(ALIAS_ADD_R,    PEER_AUTHD, PEER_CTL, 0, "") \
	X(ALIAS_DEL,      PEER_CTL, PEER_AUTHD, 10, "address:str targets:list") \
	X(ALIAS_DEL_R,    PEER_AUTHD, PEER_CTL, 0, "") \
	X(ALIAS_LIST,     PEER_CTL, PEER_AUTHD, 10, "after:str") \
	X(ALIAS_LIST_R,   PEER_AUTHD, PEER_CTL, 0, "more:u32 rows:list") \
	/* seconds: 0 until it is removed. rows: network, since, until (RFC 3339; empty: until it is removed), how many times,
	 * why, "operator" or "guard", six a ban; the next page is after the last network. */ \
	X(BAN_ADD,        PEER_CTL, PEER_AUTHD, 10, "network:str seconds:u64 reason:str") \
	X(BAN_ADD_R,      PEER_AUTHD, PEER_CTL, 0, "") \
	X(BAN_DEL,        PEER_CTL, PEER_AUTHD, 10, "network:str") \
	X(BAN_DEL_R,      PEER_AUTHD, PEER_CTL, 0, "") \
	X(BAN_LIST,       PEER_CTL, PEER_AUTHD, 10, "after:str") \
	X(BAN_LIST_R,     PEER_AUTHD, PEER_CTL, 0, "more:u32 rows:list") \
	/* The operator to gk-sign. rows: "domain selector", state, "rsa" or "ed25519", bits, TXT record, five a key; a
	 * page goes on behind `after`, a key's first column. */ \
	X(DKIM_LIST,      PEER_CTL, PEER_SIGN, 10, "after:str") \
	X(DKIM_LIST_R,    PEER_SIGN, PEER_CTL, 0, "more:u32 rows:list") \
	/* The operator to queue. rows: mid, state, arrived (RFC 3339), size, sender, recipients left, destination, next
	 * try, why it waits, nine for each destination of a message. what: mid, or "all". sender ("<>" is the null sender),
	 * destination: only those; empty: any. count: how many messages it touched. */ \
	X(QUEUE_LIST,     PEER_CTL, PEER_QUEUE, 10, "after:str sender:str destination:str") \
	X(QUEUE_LIST_R,   PEER_QUEUE, PEER_CTL, 0, "more:u32 rows:list") \
	/* facts: key, value, ... then for each target "rcpt", address, "target", ..., "state", ..., "destination", ...,
	 * "next", ..., "error", ... */ \
	X(QUEUE_SHOW,     PEER_CTL, PEER_QUEUE, 10, "mid:str") \
	X(QUEUE_SHOW_R,   PEER_QUEUE, PEER_CTL, 0, "facts:list") \
	/* rows: destination, transactions at a time, running, waiting, dead until (RFC 3339, or empty), why, six each. */ \
	X(QUEUE_DESTINATIONS, PEER_CTL, PEER_QUEUE, 10, "after:str") \
	X(QUEUE_DESTINATIONS_R, PEER_QUEUE, PEER_CTL, 0, "more:u32 rows:list") \
	X(QUEUE_FLUSH,    PEER_CTL, PEER_QUEUE, 10, "what:str sender:str destination:str") \
	X(QUEUE_FLUSH_R,  PEER_QUEUE, PEER_CTL, 0, "count:u64") \
	X(QUEUE_HOLD,     PEER_CTL, PEER_QUEUE, 10, "what:str sender:str destination:str") \
	X(QUEUE_HOLD_R,   PEER_QUEUE, PEER_CTL, 0, "count:u64") \
	X(QUEUE_RELEASE,  PEER_CTL, PEER_QUEUE, 10, "what:str sender:str destination:str") \
	X(QUEUE_RELEASE_R, PEER_QUEUE, PEER_CTL, 0, "count:u64") \
	X(QUEUE_DELETE,   PEER_CTL, PEER_QUEUE, 10, "what:str sender:str destination:str") \
	X(QUEUE_DELETE_R, PEER_QUEUE, PEER_CTL, 0, "count:u64") \
	/* The operator to gk-screen, about DMARC reports; rows page alike. LIST, received reports after the one of that id:
	 * id, domain, organization, begin, end (seconds since the epoch), messages, passed, sender's domain, "1" when that
	 * was verified, nine a report. SOURCES, who sent in a domain's name by reports of periods that ended since then:
	 * domain, address, messages, passed, by DKIM, by SPF, refused or quarantined, reporters, eight a row. WAITING,
	 * those to send, after the one of that id: id, domain, begin, end (empty: under way), messages, state, six a
	 * report. SEND ends the period under way, and is answered as WAITING. domain: empty for all. */ \
	X(DMARC_LIST,     PEER_CTL, PEER_SCREEN, 60, "domain:str after:u64") \
	X(DMARC_LIST_R,   PEER_SCREEN, PEER_CTL, 0, "more:u32 rows:list") \
	X(DMARC_SOURCES,  PEER_CTL, PEER_SCREEN, 60, "domain:str since:u64 skip:u64") \
	X(DMARC_SOURCES_R, PEER_SCREEN, PEER_CTL, 0, "more:u32 rows:list") \
	X(DMARC_WAITING,  PEER_CTL, PEER_SCREEN, 60, "after:u64") \
	X(DMARC_WAITING_R, PEER_SCREEN, PEER_CTL, 0, "more:u32 rows:list") \
	X(DMARC_SEND,     PEER_CTL, PEER_SCREEN, 60, "") \
	X(DMARC_SEND_R,   PEER_SCREEN, PEER_CTL, 0, "more:u32 rows:list")
/* clang-format on */

#define IPC_MESSAGE_ENUM(name, from, to, timeout, fields) MSG_##name,
enum ipc_type {
	MSG_ERROR, /* answers any call: "code:u32 text:str" */
	IPC_MESSAGES(IPC_MESSAGE_ENUM) MSG_COUNT
};

enum acme_kind {
	ACME_ACCOUNT,  /* newAccount (RFC 8555 7.3) */
	ACME_ORDER,    /* newOrder (7.4), for acme.names */
	ACME_GET,      /* POST-as-GET (6.3) */
	ACME_ANSWER,   /* a challenge may be tried (7.5.1) */
	ACME_FINALIZE, /* with the CSR (7.4) */
	ACME_KINDS
};

enum acme_secret {
	ACME_SECRET_ACCOUNT,    /* the account's key */
	ACME_SECRET_CERTIFICATE /* a key and behind it the chain of its certificate */
};

enum auth_state {
	AUTH_CONTINUE, /* send data, go on with AUTH_STEP */
	AUTH_OK,       /* user and ticket are set; data may carry the server's last words */
	AUTH_FAIL,     /* wrong credential: 535 5.7.8 */
	AUTH_TEMP,     /* cannot be checked now: 454 4.7.0 */
	AUTH_BAD       /* malformed exchange or unknown mechanism: 501 5.5.2, 504 5.5.4 */
};

enum rcpt_verdict {
	RCPT_OK,
	RCPT_NO_USER,    /* 550 5.1.1 */
	RCPT_RELAY,      /* not our domain, and the client may not relay: 550 5.7.1 */
	RCPT_QUOTA,      /* 452 4.2.2 */
	RCPT_LOOP,       /* aliases that lead in a circle: 550 5.4.6 */
	RCPT_MESSAGES,   /* the user has sent too many: 450 4.7.1 */
	RCPT_RECIPIENTS, /* to too many: 452 4.5.3 */
	RCPT_GREY        /* greylisted: 451 4.7.1 */
};

/* DELIVER: names of the message that are there already prove nothing, it is written anew
 * (INVARIANTS 1). */
#define DELIVER_REPLAY 0x01u
#define DELIVER_JUNK   0x02u /* into the mailbox Junk instead of INBOX */

enum mailbox_task {
	MAILBOX_CHECK,  /* says what differs */
	MAILBOX_REPAIR, /* and mends it */
	MAILBOX_REINDEX /* forgets what can be made anew from the messages */
};

enum approval_task {
	APPROVAL_LIST, /* all that wait; id: empty */
	APPROVAL_SHOW,
	APPROVAL_SEND, /* it was approved: it goes */
	APPROVAL_REFUSE
};

enum submitted_state {
	SUBMITTED_UNKNOWN, /* not this user's, or all of it was done with long ago */
	SUBMITTED_WAITS,   /* nothing of it is sent, or under way */
	SUBMITTED_SENT,    /* some of it is, or may be */
	SUBMITTED_CANCELED
};

enum submitted_result {
	SUBMITTED_QUEUED,
	SUBMITTED_DELIVERED, /* into a mailbox here */
	SUBMITTED_RELAYED,   /* to another host */
	SUBMITTED_FAILED
};

enum deliver_result {
	DELIVER_OK,
	DELIVER_TEMP, /* try again */
	DELIVER_PERM  /* bounce */
};

/* The name of a client's address (RFC 8601 2.7.3). */
enum screen_iprev {
	IPREV_UNKNOWN, /* not looked up to its end */
	IPREV_PASS,
	IPREV_FAIL /* none that leads back to the address */
};

enum screen_verdict {
	SCREEN_ACCEPT,
	SCREEN_JUNK,
	SCREEN_REJECT,
	SCREEN_DEFER
};

/* Why a message is not simply taken. */
enum screen_reason {
	SCREEN_BY_NOTHING,
	SCREEN_BY_SPF,   /* 550 5.7.23, 451 4.7.24 (RFC 7372) */
	SCREEN_BY_DMARC, /* 550 5.7.26, 451 4.4.3; or junk */
	SCREEN_BY_SCORE
};

/* How a destination fared in a transaction, whatever came of its recipients. */
enum remote_outcome {
	REMOTE_WORKED,     /* a host took a transaction on, and answered */
	REMOTE_UNREACHED,  /* no host now: no DNS answer, none reached, each refused the session or
			      went away: fewer at a time, later */
	REMOTE_IMPOSSIBLE, /* for good: no such domain, null MX, no host that policy allows */
	REMOTE_NO_ROUTE    /* the queue's configuration is not gk-remote's: one of them is yet to
			      take up a new one. Nothing was tried. */
};

struct ipc_row {
	const char *name;
	uint32_t from, to;
	uint32_t timeout_s;
	const char *fields;
};

/* The row of a type; NULL for an unknown one. */
const struct ipc_row *ipc_row(uint32_t type);
/* "smtpd"; a name for logs, of one PEER_ bit. */
const char *ipc_peer_name(enum ipc_peer p);
/* The PEER_ bit of a name, or PEER_NONE. */
enum ipc_peer ipc_peer_parse(const char *name);
