/* service.c - the daemons of the suite and who talks to whom. */
#include "master/service.h"

#include "base/mem.h"

#define NO_LISTENERS                    \
	{                               \
		{NULL, -1}, {NULL, -1}, \
		{                       \
			NULL, -1        \
		}                       \
	}

const struct service services[SERVICES] = {
    {"authd", PEER_AUTHD, "auth", 1, 4, false, NO_LISTENERS, CONF_LOG_AUTHD},
    {"dnsd", PEER_DNSD, "dns", 6, 4, false, NO_LISTENERS, CONF_LOG_DNSD},
    {"queue", PEER_QUEUE, "queue", 2, 2, false, NO_LISTENERS, CONF_LOG_QUEUE},
    {"local", PEER_LOCAL, "store", 3, 3, false, NO_LISTENERS, CONF_LOG_LOCAL},
    {"remote", PEER_REMOTE, "out", 9, 3, false, NO_LISTENERS, CONF_LOG_REMOTE},
    {"screen", PEER_SCREEN, "screen", 7, 1, false, NO_LISTENERS, CONF_LOG_SCREEN},
    {"sign", PEER_SIGN, "sign", 8, 3, false, NO_LISTENERS, CONF_LOG_SIGN},
    {"mailboxd", PEER_MAILBOXD, "store", 3, 1, false, NO_LISTENERS, CONF_LOG_MAILBOXD},
    {"smtpd", PEER_SMTPD, "smtp", 4, 0, true,
	{{"smtp", CONF_SMTP_LISTEN}, {"submission", CONF_SUBMISSION_LISTEN},
	    {"submissions", CONF_SUBMISSION_LISTEN_TLS}},
	CONF_LOG_SMTPD},
    {"imapd", PEER_IMAPD, "imap", 5, 0, true,
	{{"imap", CONF_IMAP_LISTEN}, {"imaps", CONF_IMAP_LISTEN_TLS}, {NULL, -1}}, CONF_LOG_IMAPD},
    {"webd", PEER_WEBD, "web", 10, 0, true,
	{{"https", CONF_WEB_LISTEN}, {"http", CONF_WEB_LISTEN_PLAIN}, {"acme", CONF_ACME_LISTEN}},
	CONF_LOG_WEBD},
    {"mcpd", PEER_MCPD, "mcp", 11, 0, false, NO_LISTENERS, CONF_LOG_MCPD},
    {"aid", PEER_AID, "ai", 12, 0, false, NO_LISTENERS, CONF_LOG_AID},
    {"connect", PEER_CONNECT, "connect", 13, 1, false, NO_LISTENERS, CONF_LOG_CONNECT},
    {"statd", PEER_STATD, "stat", 14, 0, false,
	{{"metrics", CONF_METRICS_LISTEN}, {NULL, -1}, {NULL, -1}}, CONF_LOG_STATD},
    {"acme", PEER_ACME, "acme", 15, 0, false, NO_LISTENERS, CONF_LOG_ACME},
};

const unsigned service_channels[] = {
    PEER_SMTPD | PEER_AUTHD,
    PEER_SMTPD | PEER_QUEUE,
    PEER_SMTPD | PEER_DNSD,
    PEER_SMTPD | PEER_SCREEN,
    PEER_SMTPD | PEER_SIGN,
    PEER_SCREEN | PEER_DNSD,
    PEER_SCREEN | PEER_QUEUE,
    PEER_SIGN | PEER_AUTHD,
    PEER_IMAPD | PEER_AUTHD,
    PEER_IMAPD | PEER_MAILBOXD,
    PEER_WEBD | PEER_AUTHD,
    PEER_WEBD | PEER_MAILBOXD,
    PEER_WEBD | PEER_MCPD,
    PEER_MCPD | PEER_AUTHD,
    PEER_MCPD | PEER_MAILBOXD,
    PEER_WEBD | PEER_AID,
    PEER_AID | PEER_MCPD,
    PEER_MAILBOXD | PEER_AUTHD,
    PEER_MAILBOXD | PEER_SMTPD,
    PEER_MAILBOXD | PEER_REMOTE,
    PEER_QUEUE | PEER_AUTHD,
    PEER_QUEUE | PEER_LOCAL,
    PEER_QUEUE | PEER_REMOTE,
    PEER_QUEUE | PEER_SIGN,
    PEER_REMOTE | PEER_DNSD,
    PEER_LOCAL | PEER_MAILBOXD,
    PEER_QUEUE | PEER_MAILBOXD,
    PEER_CONNECT | PEER_DNSD,
    PEER_CONNECT | PEER_AID,
    PEER_STATD | PEER_AUTHD,
    PEER_STATD | PEER_DNSD,
    PEER_STATD | PEER_CONNECT,
    PEER_ACME | PEER_DNSD,
    PEER_ACME | PEER_SIGN,
    PEER_ACME | PEER_WEBD,
    PEER_SIGN | PEER_WEBD,
};

const size_t service_nchannels = ARRAY_LEN(service_channels);
