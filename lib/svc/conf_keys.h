/*
 * conf_keys.h - every configuration key: the one table behind validation, `gkmail config explain`,
 * the man page and the daemons' getters.
 *
 * X(ID, section, key, type, default, limits, help). Types: STR, UINT, SIZE (octets), DURATION
 * (milliseconds), BOOL, LIST (of strings), CHOICE. limits: "min..max" for numbers (either may be
 * empty), "a|b|c" for CHOICE, else "".
 *
 * CONF_TABLES are tables that may stand in the file several times, as [[route]]: X(ID, name, help).
 * Their keys are rows of CONF_TABLE_KEYS, of the same shape with the table's name as section. A key
 * whose default its own rule (conf_check.c) refuses must be written in every row.
 */
#pragma once

/* clang-format off */
#define CONF_KEYS(X) \
	X(SERVER_HOST_NAME, "server", "host_name", STR, "", "", \
	  "The name of this server in greetings, Received lines and Message-IDs. The one key that has no default.") \
	X(SERVER_DATA_DIR, "server", "data_dir", STR, "/var/lib/gkmail", "", "Where mail, the spool and accounts live.") \
	X(SERVER_RUN_DIR, "server", "run_dir", STR, "/run/gkmail", "", "Where the control socket and the pid file live.") \
	X(SERVER_USER_PREFIX, "server", "user_prefix", STR, "gkmail", "", \
	  "System users are PREFIX-auth, and likewise -dns, -smtp, -screen, -sign, -queue, -store, -out, -imap, -web, -mcp, -ai, -connect, -stat, -acme.") \
	X(SERVER_ADMIN_GROUP, "server", "admin_group", STR, "gkmail-admin", "", "Members of this group may use gkmail beside root.") \
	X(SERVER_SANDBOX, "server", "sandbox", CHOICE, "auto", "auto|required", \
	  "With \"required\" nothing starts where the kernel lacks Landlock or seccomp, or where master is not root.") \
	X(SERVER_DRAIN_TIMEOUT, "server", "drain_timeout", DURATION, "30s", "0s..1h", "How long connections may finish after SIGTERM.") \
	X(TLS_CERTIFICATE, "tls", "certificate", STR, "", "", \
	  "PEM file with the certificate and its chain. Without one, a self-signed certificate is made in data_dir/tls.") \
	X(TLS_KEY, "tls", "key", STR, "", "", "PEM file with the private key of tls.certificate.") \
	X(TLS_MIN_VERSION, "tls", "min_version", CHOICE, "1.2", "1.2|1.3", "The oldest TLS version taken.") \
	X(TLS_CLIENT_CA, "tls", "client_ca", STR, "", "", \
	  "PEM file with the authorities that sign clients' certificates, and their lists of revoked ones (CRL), if any.") \
	X(ACME_CHALLENGE, "acme", "challenge", CHOICE, "off", "off|http-01|tls-alpn-01", \
	  "Gets the certificate from an authority (RFC 8555), and how names are proven to it: on port 80, or on port 443 by the handshake (RFC 8737).") \
	X(ACME_TERMS_AGREED, "acme", "terms_agreed", BOOL, "false", "", \
	  "You agree to the terms of service of that authority; without it nothing is asked of it.") \
	X(ACME_DIRECTORY, "acme", "directory", STR, "https://acme-v02.api.letsencrypt.org/directory", "", \
	  "Where the authority begins: the URL of its directory. All of its others have to be on the same host and port.") \
	X(ACME_NAMES, "acme", "names", LIST, "", "", \
	  "The names in the certificate, each of which leads to this server: \"mail.example.org\", \"mta-sts.example.org\". Empty: server.host_name.") \
	X(ACME_CONTACT, "acme", "contact", LIST, "", "", "Where the authority may write, as \"mailto:admin@example.org\". It may be left out.") \
	X(ACME_LISTEN, "acme", "listen", LIST, "*:80", "", \
	  "Addresses and ports of http-01's answers. The authority comes to port 80; all else that is asked there is sent to HTTPS.") \
	X(ACME_KEEP_KEY, "acme", "keep_key", BOOL, "true", "", \
	  "A renewed certificate has the key of the one before, as TLSA records (DANE) want it. Otherwise each has a new key.") \
	X(ACME_CA_FILE, "acme", "ca_file", STR, "/etc/ssl/certs/ca-certificates.crt", "", \
	  "PEM file with the authorities that may sign the certificate of the ACME server itself (Debian: ca-certificates).") \
	X(ACME_EAB_KID, "acme", "eab_kid", STR, "", "", \
	  "The id of an account that you have with the authority otherwise, where it asks for one (external account binding).") \
	X(ACME_EAB_KEY_FILE, "acme", "eab_key_file", STR, "", "", "File with the key of acme.eab_kid, in base64url on one line.") \
	X(SMTP_LISTEN, "smtp", "listen", LIST, "*:25", "", "Addresses and ports on which mail from other hosts is taken.") \
	X(SMTP_MAX_SIZE, "smtp", "max_size", SIZE, "50MiB", "1KiB..1GiB", "The largest message taken, as announced by SIZE.") \
	X(SMTP_MAX_RECIPIENTS, "smtp", "max_recipients", UINT, "100", "1..1000", "Recipients in one transaction; more get 452 4.5.3.") \
	X(SMTP_MAX_ERRORS, "smtp", "max_errors", UINT, "20", "1..1000", "Refused commands before a client is hung up on with 421.") \
	X(SMTP_MAX_HEADER, "smtp", "max_header", SIZE, "256KiB", "4KiB..16MiB", "The largest message header taken.") \
	X(SMTP_MAX_RECEIVED, "smtp", "max_received", UINT, "100", "5..1000", "Received fields in a message before it is refused as looping (RFC 5321 6.3).") \
	X(SMTP_COMMAND_TIMEOUT, "smtp", "command_timeout", DURATION, "5m", "1s..1h", "How long a client may be silent (RFC 5321 4.5.3.2.7).") \
	X(SMTP_SESSION_TIMEOUT, "smtp", "session_timeout", DURATION, "2h", "1m..1d", "How long one session may last in all.") \
	X(SMTP_GREET_DELAY, "smtp", "greet_delay", DURATION, "1s", "0s..30s", \
	  "How long the greeting on port 25 waits for clients that are not known; who speaks before it is refused with 554. 0s: no wait.") \
	X(SUBMISSION_LISTEN, "submission", "listen", LIST, "*:587", "", "Addresses and ports for users' mail with STARTTLS.") \
	X(SUBMISSION_LISTEN_TLS, "submission", "listen_tls", LIST, "*:465", "", "Addresses and ports for users' mail with TLS from the start.") \
	X(SUBMISSION_AUTH_WITHOUT_TLS, "submission", "auth_without_tls", BOOL, "false", "", "Lets passwords cross the network unencrypted. Leave it off.") \
	X(SUBMISSION_SENDER_OWNERSHIP, "submission", "sender_ownership", BOOL, "true", "", "Users send only as their own addresses (MAIL FROM, From and Sender).") \
	X(SUBMISSION_FREE_SENDERS, "submission", "free_senders", LIST, "", "", \
	  "Domains whose users may send as any address, though sender_ownership is on.") \
	X(SUBMISSION_MAX_HOLD, "submission", "max_hold", DURATION, "30d", "", \
	  "How long users may have a message wait before it is sent (FUTURERELEASE, JMAP); 0s: not at all.") \
	X(SUBMISSION_CLIENT_CERTIFICATES, "submission", "client_certificates", CHOICE, "off", "off|request|require", \
	  "Whether users' programs show a certificate by tls.client_ca, beside the password; with \"require\" none comes in without.") \
	X(SUBMISSION_LOCAL, "submission", "local", BOOL, "true", "", \
	  "Programs on this machine may hand over mail by sendmail, with no password, as the account that they run as.") \
	X(IMAP_LISTEN, "imap", "listen", LIST, "*:143", "", "Addresses and ports for IMAP with STARTTLS.") \
	X(IMAP_LISTEN_TLS, "imap", "listen_tls", LIST, "*:993", "", "Addresses and ports for IMAP with TLS from the start.") \
	X(IMAP_AUTH_WITHOUT_TLS, "imap", "auth_without_tls", BOOL, "false", "", "Lets passwords cross the network unencrypted. Leave it off.") \
	X(IMAP_IDLE_TIMEOUT, "imap", "idle_timeout", DURATION, "30m", "1m..1d", "How long a client may be silent (RFC 9051 5.4 asks for 30 minutes at least).") \
	X(IMAP_LOGIN_TIMEOUT, "imap", "login_timeout", DURATION, "1m", "5s..30m", "How long a client may take to log in.") \
	X(IMAP_PARK_AFTER, "imap", "park_after", DURATION, "2s", "0s..1h", "How long a connection is in IDLE before it is parked without a process.") \
	X(IMAP_MAX_SIZE, "imap", "max_size", SIZE, "50MiB", "1KiB..1GiB", "The largest message taken by APPEND.") \
	X(WEB_LISTEN, "web", "listen", LIST, "*:443", "", "Addresses and ports for the web client and JMAP, by HTTPS.") \
	X(WEB_LISTEN_PLAIN, "web", "listen_plain", LIST, "", "", \
	  "Addresses and ports for HTTP without TLS, to programs on this machine and to web.trusted_proxies alone; others are hung up on.") \
	X(WEB_TRUSTED_PROXIES, "web", "trusted_proxies", LIST, "", "", \
	  "Networks of reverse proxies that are believed when they tell whom they speak for.") \
	X(WEB_PROXY_HEADER, "web", "proxy_header", CHOICE, "x-forwarded-for", "x-forwarded-for|forwarded", \
	  "Where they tell it: X-Forwarded-For and X-Forwarded-Proto, or Forwarded (RFC 7239).") \
	X(WEB_REQUEST_TIMEOUT, "web", "request_timeout", DURATION, "15s", "1s..10m", \
	  "How long the TLS handshake and the head of a request may take, and in which a client goes on by 8 KiB at least with a body or an answer.") \
	X(WEB_IDLE_TIMEOUT, "web", "idle_timeout", DURATION, "75s", "1s..1h", "How long a connection stays between two requests.") \
	X(WEB_REQUESTS_PER_MINUTE, "web", "requests_per_minute", UINT, "6000", "0..1000000", \
	  "Requests from one address in a minute; more get 429. 0: any number.") \
	X(WEB_HSTS, "web", "hsts", DURATION, "365d", "0s..3650d", \
	  "How long a browser that was here comes by HTTPS only (RFC 6797). 0s: it is not told to.") \
	X(WEB_MTA_STS, "web", "mta_sts", CHOICE, "testing", "|none|testing|enforce", \
	  "The mode in the policy that is published for each domain at mta-sts.DOMAIN (RFC 8461). Empty: there is no policy.") \
	X(WEB_MTA_STS_MX, "web", "mta_sts_mx", LIST, "", "", "The hosts that it names, as the MX records do. Empty: server.host_name.") \
	X(WEB_MTA_STS_AGE, "web", "mta_sts_age", DURATION, "7d", "1d..365d", "How long others keep the policy.") \
	X(WEB_SECURITY_CONTACT, "web", "security_contact", LIST, "", "", \
	  "Where finders of faults may write, as \"mailto:security@example.org\" or an https address (RFC 9116). Empty: auth.postmaster.") \
	X(WEB_PARK_AFTER, "web", "park_after", DURATION, "10s", "0s..1h", \
	  "How long an open page has nothing to say before it waits without a process.") \
	X(WEB_SESSION_LIFETIME, "web", "session_lifetime", DURATION, "14d", "5m..365d", \
	  "How long a browser stays logged in that is not used.") \
	X(WEB_SESSION_AGE, "web", "session_age", DURATION, "90d", "10s..3650d", \
	  "How long a browser stays logged in that is used; then the password is asked for again.") \
	X(MCP_MAX_CLIENTS, "mcp", "max_clients", UINT, "1000", "1..100000", "Clients of agents at one time.") \
	X(MCP_IDLE_TIMEOUT, "mcp", "idle_timeout", DURATION, "15m", "1s..50m", \
	  "How long an agent does nothing before its session ends; what it does later is of another one.") \
	X(MCP_CALL_TIMEOUT, "mcp", "call_timeout", DURATION, "1m", "1s..10m", "How long one call of a tool may take.") \
	X(MAILBOX_MAX_OWNERS, "mailbox", "max_owners", UINT, "1000", "1..100000", "Owner processes at one time; further logins wait.") \
	X(MAILBOX_LINGER, "mailbox", "linger", DURATION, "10s", "0s..1h", "How long an owner stays after its last connection.") \
	X(MAILBOX_MAX_CONNECTIONS, "mailbox", "max_connections", UINT, "50", "1..10000", "Connections of one user at a time, of agents two thirds of that.") \
	X(QUEUE_LIFETIME, "queue", "lifetime", DURATION, "5d", "1s..60d", "How long delivery is tried before a message bounces.") \
	X(QUEUE_DELAY_NOTICE, "queue", "delay_notice", DURATION, "4h", "0s..60d", "How long a message waits before its sender is told of the delay. 0s: never.") \
	X(QUEUE_RETRY_FIRST, "queue", "retry_first", DURATION, "1m", "1s..1d", "The first wait after a failed delivery; each further one doubles.") \
	X(QUEUE_RETRY_MAX, "queue", "retry_max", DURATION, "1h", "1s..1d", "The longest wait between deliveries.") \
	X(QUEUE_SEGMENT_SIZE, "queue", "segment_size", SIZE, "64MiB", "1MiB..1GiB", "Size of a journal segment.") \
	X(QUEUE_CHECKPOINT, "queue", "checkpoint", DURATION, "5s", "100ms..10m", \
	  "How often delivered mail is made durable in its Maildirs so that segments can go.") \
	X(QUEUE_MAX_BACKLOG, "queue", "max_backlog", SIZE, "2GiB", "1MiB..1TiB", "Undelivered octets in the spool at which new mail has to wait.") \
	X(QUEUE_MAX_WAITING, "queue", "max_waiting", UINT, "1000000", "100..100000000", \
	  "Messages waiting, each counted once for every destination it goes to, at which new mail has to wait.") \
	X(QUEUE_SRS, "queue", "srs", BOOL, "false", "", \
	  "Forwards by aliases to other hosts get a sender of ours (SRS), so that SPF holds there; bounces find their way back. Otherwise the sender stays.") \
	X(QUEUE_MIN_FREE, "queue", "min_free", SIZE, "256MiB", "0..1TiB", "Free disk space below which new mail gets 452 4.3.1.") \
	X(DELIVERY_CONCURRENCY, "delivery", "concurrency", UINT, "64", "1..10000", "Messages under way to gk-local at one time.") \
	X(DELIVERY_REMOTE_CONCURRENCY, "delivery", "remote_concurrency", UINT, "500", "1..10000", \
	  "Transactions with other hosts under way at one time.") \
	X(DELIVERY_DESTINATION_FIRST, "delivery", "destination_first", UINT, "5", "1..1000", \
	  "Transactions with one destination at one time, to begin with; more as they succeed, fewer as no host of it is reached.") \
	X(DELIVERY_DESTINATION_MAX, "delivery", "destination_max", UINT, "20", "1..1000", "Transactions with one destination at one time, at most.") \
	X(DELIVERY_RESERVE, "delivery", "reserve", SIZE, "32MiB", "0..1TiB", \
	  "Disk space kept back, for delivering what was accepted and for expunging when the disk is full.") \
	X(DNS_UPSTREAMS, "dns", "upstreams", LIST, "", "", \
	  "Resolvers to ask, as ADDRESS or ADDRESS@PORT; they must hand on DNSSEC. Empty: gk-dnsd asks the authoritative servers itself.") \
	X(DNS_TIMEOUT, "dns", "timeout", DURATION, "10s", "100ms..25s", "How long an answer may take before whoever asks tries again later.") \
	X(DNS_CACHE_SIZE, "dns", "cache_size", SIZE, "32MiB", "1MiB..16GiB", "Memory for answers.") \
	X(DNS_TRUST_ANCHOR, "dns", "trust_anchor", STR, "/usr/share/dns/root.key", "", \
	  "File with the keys of the root that DNSSEC begins with (Debian: dns-root-data). They are kept fresh in data_dir/dns (RFC 5011). Empty: no DNSSEC.") \
	X(DNS_TRUST_ANCHORS, "dns", "trust_anchors", LIST, "", "", \
	  "Further DS or DNSKEY records to begin with, of private signed zones: \"corp.example. DS 12345 13 2 0123...\".") \
	X(DNS_ZONES, "dns", "zones", LIST, "", "", \
	  "Zones whose authoritative server is told here, as \"corp.example 10.0.0.53\" or \"corp.example 10.0.0.53@5353\"; several lines for several servers.") \
	X(DNS_INSECURE, "dns", "insecure", LIST, "", "", "Domains that are not validated, private ones below a signed parent.") \
	X(AUTH_HASH_THREADS, "auth", "hash_threads", UINT, "2", "1..64", "Threads that check passwords.") \
	X(AUTH_HASH_MEMORY, "auth", "hash_memory", SIZE, "19MiB", "8MiB..1GiB", "Memory of one argon2id password hash.") \
	X(AUTH_HASH_PASSES, "auth", "hash_passes", UINT, "2", "1..16", "Passes of one argon2id password hash.") \
	X(AUTH_SCRAM_ITERATIONS, "auth", "scram_iterations", UINT, "4096", "4096..1000000", "PBKDF2 iterations of SCRAM-SHA-256 secrets.") \
	X(AUTH_MIN_PASSWORD, "auth", "min_password", UINT, "8", "1..128", "The shortest password that gkmail user add takes.") \
	X(AUTH_MECHANISMS, "auth", "mechanisms", LIST, "SCRAM-SHA-256-PLUS,SCRAM-SHA-256,PLAIN,LOGIN", "", "SASL mechanisms offered.") \
	X(AUTH_TAG_SEPARATOR, "auth", "tag_separator", STR, "+", "", "What divides user and tag in user+tag@domain. Empty: no tags.") \
	X(AUTH_GROUP_SENDERS, "auth", "group_senders", LIST, "", "", \
	  "Aliases that lead to several users, each of whom may send as that address; * for every one. An alias of one user is always that user's.") \
	X(AUTH_POSTMASTER, "auth", "postmaster", STR, "", "", \
	  "The address to which postmaster and abuse lead in domains where they are neither user nor alias. Empty: the first user.") \
	X(AUTH_AUDIT_SIZE, "auth", "audit_size", SIZE, "256MiB", "16MiB..1TiB", "What the audit log of agents may take; its oldest records make room.") \
	X(AUTH_DEFAULT_QUOTA, "auth", "default_quota", SIZE, "0", "", "Quota of a user created without one. 0: none.") \
	X(LIMITS_CONNECTIONS, "limits", "connections", UINT, "10000", "1..1000000", "Connections one front holds at one time.") \
	X(LIMITS_CONNECTIONS_PER_IP, "limits", "connections_per_ip", UINT, "100", "1..1000000", "Connections one front takes from one address (IPv6: one /64).") \
	X(LIMITS_TRUSTED_NETWORKS, "limits", "trusted_networks", LIST, "127.0.0.0/8,::1", "", \
	  "Networks, such as \"192.0.2.0/24\", whose clients are not limited, delayed, greylisted or banned for failed logins, nor their mail checked.") \
	X(LIMITS_NETWORK_FACTOR, "limits", "network_factor", UINT, "5", "1..1000", \
	  "How many times as much as one address its whole network (IPv4 /24, IPv6 /48) may.") \
	X(LIMITS_CONNECTIONS_PER_MINUTE, "limits", "connections_per_minute", UINT, "300", "0..1000000", \
	  "Connections one front takes from one address in a minute. 0: any number.") \
	X(LIMITS_MESSAGES_PER_MINUTE, "limits", "messages_per_minute", UINT, "600", "0..1000000", \
	  "Messages from one address in a minute, on port 25; more get 450 4.7.1. 0: any number.") \
	X(LIMITS_MESSAGES_PER_HOUR, "limits", "messages_per_hour", UINT, "10000", "0..1000000", "The same in an hour.") \
	X(LIMITS_ERRORS_PER_HOUR, "limits", "errors_per_hour", UINT, "200", "0..1000000", \
	  "Refused commands (5xx) of one address in an hour, users' left out, after which it gets 421 4.7.0. 0: any number.") \
	X(LIMITS_UNKNOWN_PER_HOUR, "limits", "unknown_per_hour", UINT, "100", "0..1000000", \
	  "Recipients that do not exist, of one address in an hour, after which all get 450 4.7.1. 0: any number.") \
	X(LIMITS_USER_MESSAGES_PER_HOUR, "limits", "user_messages_per_hour", UINT, "500", "0..1000000", \
	  "Messages that one user may send in an hour; more get 450 4.7.1. 0: any number.") \
	X(LIMITS_USER_MESSAGES_PER_DAY, "limits", "user_messages_per_day", UINT, "2000", "0..1000000", "The same in a day.") \
	X(LIMITS_USER_RECIPIENTS_PER_HOUR, "limits", "user_recipients_per_hour", UINT, "1000", "0..1000000", \
	  "Recipients that one user may send to in an hour; more get 452 4.5.3. 0: any number.") \
	X(LIMITS_USER_RECIPIENTS_PER_DAY, "limits", "user_recipients_per_day", UINT, "5000", "0..1000000", "The same in a day.") \
	X(LIMITS_DOMAIN_MESSAGES_PER_HOUR, "limits", "domain_messages_per_hour", UINT, "5000", "0..1000000", \
	  "Messages that all users of one domain may send in an hour; more get 450 4.7.1. 0: any number.") \
	X(LIMITS_DOMAIN_MESSAGES_PER_DAY, "limits", "domain_messages_per_day", UINT, "20000", "0..1000000", "The same in a day.") \
	X(LIMITS_DOMAIN_RECIPIENTS_PER_HOUR, "limits", "domain_recipients_per_hour", UINT, "10000", "0..1000000", \
	  "Recipients that all users of one domain may send to in an hour; more get 452 4.5.3. 0: any number.") \
	X(LIMITS_DOMAIN_RECIPIENTS_PER_DAY, "limits", "domain_recipients_per_day", UINT, "50000", "0..1000000", "The same in a day.") \
	X(LIMITS_GREYLIST, "limits", "greylist", BOOL, "false", "", \
	  "Puts off mail of strangers to port 25 until they come again (RFC 6647). Users, who a user has written to, and clients that came back pass.") \
	X(LIMITS_GREYLIST_DELAY, "limits", "greylist_delay", DURATION, "1m", "0s..1d", "How soon a greylisted stranger may come again.") \
	X(LIMITS_AUTH_FAILURES, "limits", "auth_failures", UINT, "10", "0..10000", \
	  "Failed logins of one address, by any front, within auth_window, for which it is banned. 0: nobody is.") \
	X(LIMITS_AUTH_WINDOW, "limits", "auth_window", DURATION, "10m", "1s..1d", "How long a failed login counts.") \
	X(LIMITS_BAN_TIME, "limits", "ban_time", DURATION, "10m", "1s..30d", "How long the first ban of an address lasts; each further one doubles.") \
	X(LIMITS_BAN_TIME_MAX, "limits", "ban_time_max", DURATION, "1d", "1s..365d", "The longest ban for failed logins.") \
	X(REMOTE_HELO, "remote", "helo", STR, "", "", "The name said in EHLO to other hosts. Empty: server.host_name.") \
	X(REMOTE_PORT, "remote", "port", UINT, "25", "1..65535", "The port on which other hosts take mail, where no route names another.") \
	X(REMOTE_PROBE_DOMAINS, "remote", "probe_domains", LIST, "gmail.com,outlook.com,yahoo.com", "", \
	  "Domains whose hosts gkmail doctor and gkmail setup connect to, to find whether mail gets out. Empty: none.") \
	X(REMOTE_CONNECTIONS, "remote", "connections", UINT, "500", "1..10000", "Connections to other hosts at one time.") \
	X(REMOTE_MESSAGES_PER_CONNECTION, "remote", "messages_per_connection", UINT, "100", "1..100000", "Messages on one connection before it is closed.") \
	X(REMOTE_IDLE, "remote", "idle", DURATION, "5s", "0s..5m", "How long a connection is kept for another message. 0s: not at all.") \
	X(REMOTE_CHUNKING, "remote", "chunking", BOOL, "true", "", "Sends messages by BDAT where it is offered (RFC 3030).") \
	X(REMOTE_DEAD_FOR, "remote", "dead_for", DURATION, "1m", "0s..1h", \
	  "How long an address that did not answer is tried after all others of its destination.") \
	X(REMOTE_CONNECT_TIMEOUT, "remote", "connect_timeout", DURATION, "30s", "100ms..5m", "How long a connection may take to one address.") \
	X(REMOTE_GREETING_TIMEOUT, "remote", "greeting_timeout", DURATION, "5m", "100ms..10m", "How long a host may take to greet (RFC 5321 4.5.3.2.1).") \
	X(REMOTE_COMMAND_TIMEOUT, "remote", "command_timeout", DURATION, "5m", "100ms..10m", \
	  "How long the answer to a command may take (RFC 5321 4.5.3.2.2 and 3).") \
	X(REMOTE_DATA_TIMEOUT, "remote", "data_timeout", DURATION, "2m", "100ms..10m", "How long the answer to DATA may take (RFC 5321 4.5.3.2.4).") \
	X(REMOTE_BLOCK_TIMEOUT, "remote", "block_timeout", DURATION, "3m", "100ms..10m", \
	  "How long a host may take nothing of a message (RFC 5321 4.5.3.2.5).") \
	X(REMOTE_FINAL_TIMEOUT, "remote", "final_timeout", DURATION, "10m", "100ms..30m", \
	  "How long the answer to a message may take (RFC 5321 4.5.3.2.6).") \
	X(REMOTE_TRANSACTION_TIMEOUT, "remote", "transaction_timeout", DURATION, "50m", "1s..55m", \
	  "How long one attempt at one message may take in all, other hosts included.") \
	X(REMOTE_MIN_RATE, "remote", "min_rate", SIZE, "1KiB", "1..1GiB", "Octets of a message that a host must take in a second, on the whole.") \
	X(REMOTE_DANE, "remote", "dane", BOOL, "true", "", \
	  "Hosts with DNSSEC-proven TLSA records get mail over TLS only, with a certificate that agrees with them (RFC 7672).") \
	X(REMOTE_MTA_STS, "remote", "mta_sts", BOOL, "true", "", \
	  "Policies of MTA-STS are fetched and kept to (RFC 8461): only hosts that they name get mail, with verified certificates.") \
	X(REMOTE_CA_FILE, "remote", "ca_file", STR, "/etc/ssl/certs/ca-certificates.crt", "", \
	  "PEM file with the authorities whose certificates count where verified TLS is demanded (Debian: ca-certificates).") \
	X(SCREEN_ENABLED, "screen", "enabled", BOOL, "true", "", \
	  "Checks who really sent the mail that comes in on port 25 (SPF, DKIM, DMARC), and how much it looks like spam.") \
	X(SCREEN_SPF_FAIL, "screen", "spf_fail", CHOICE, "accept", "accept|reject", \
	  "Mail from an address that the sender's domain does not allow (\"-all\"), where DMARC does not pass. \"reject\" breaks forwarding.") \
	X(SCREEN_JUNK_SCORE, "screen", "junk_score", UINT, "6", "0..1000", \
	  "The spam score from which on mail goes into the mailbox Junk. 0: never.") \
	X(SCREEN_TIMEOUT, "screen", "timeout", DURATION, "20s", "1s..5m", \
	  "How long the checks of one message may take; what the DNS has not answered then counts as a temporary error.") \
	X(SCREEN_SPF_ENGINE, "screen", "spf_engine", CHOICE, "gkmail", "gkmail|libspf2", \
	  "What evaluates SPF. libspf2 answers more than a quarter of the public test cases otherwise than RFC 7208.") \
	X(DMARC_ENFORCE, "dmarc", "enforce", CHOICE, "reject", "none|quarantine|reject", \
	  "How far the DMARC policies of other domains are followed: only told in Authentication-Results, all into Junk, or refused where they ask for it.") \
	X(DMARC_REPORTS, "dmarc", "reports", BOOL, "true", "", \
	  "Counts mail from domains that ask for aggregate reports (rua) and sends them.") \
	X(DMARC_REPORT_EVERY, "dmarc", "report_every", DURATION, "1d", "1m..7d", \
	  "The time that one report covers; it begins at a multiple of it, days at midnight UTC.") \
	X(DMARC_REPORT_FROM, "dmarc", "report_from", STR, "", "", \
	  "The address that reports are from, and that bounces of them go to. Empty: dmarc-reports@HOST_NAME, and no bounces.") \
	X(DMARC_REPORT_ADDRESS, "dmarc", "report_address", LIST, "", "", \
	  "Our addresses in rua= of DMARC records. Reports that come to them are read, for gkmail dmarc, beside being delivered.") \
	X(DMARC_REPORT_KEEP, "dmarc", "report_keep", DURATION, "90d", "1d..3650d", "How long received reports are kept.") \
	X(DMARC_FAILURE_REPORTS, "dmarc", "failure_reports", BOOL, "false", "", \
	  "Tells domains that ask for it (ruf) of single messages that failed: their header, no text. It tells strangers who got which mail.") \
	X(DKIM_ALGORITHM, "dkim", "algorithm", CHOICE, "both", "rsa|ed25519|both", \
	  "Which keys gkmail dkim generate makes. Receivers that do not know Ed25519 need the RSA one.") \
	X(DKIM_RSA_BITS, "dkim", "rsa_bits", UINT, "2048", "1024..4096", "How long new RSA keys are. Under 2048 they count as weak (RFC 8301).") \
	X(ASSISTANT_PROVIDER, "assistant", "provider", CHOICE, "builtin", "builtin|ollama|openai", \
	  "What understands the assistant's users: rules of our own with no model, a model at Ollama, or one at a server that speaks as OpenAI's does.") \
	X(ASSISTANT_URL, "assistant", "url", STR, "http://127.0.0.1:11434", "", "Where the provider is; a path may stand before its own (/api, /v1).") \
	X(ASSISTANT_MODEL, "assistant", "model", STR, "", "", "The model's name there, such as \"qwen3:8b\".") \
	X(ASSISTANT_API_KEY_FILE, "assistant", "api_key_file", STR, "", "", "File with the key that the provider asks for, on one line.") \
	X(ASSISTANT_CA_FILE, "assistant", "ca_file", STR, "/etc/ssl/certs/ca-certificates.crt", "", \
	  "PEM file with the authorities that may sign the provider's certificate, where url begins with https.") \
	X(ASSISTANT_LOCAL_ONLY, "assistant", "local_only", BOOL, "true", "", \
	  "No mail leaves this machine for a model: the provider is at a loopback address, and runs no model elsewhere.") \
	X(ASSISTANT_NUM_CTX, "assistant", "num_ctx", UINT, "16384", "2048..1048576", \
	  "Tokens that a model at Ollama keeps in mind; more take more of its memory.") \
	X(ASSISTANT_KEEP_ALIVE, "assistant", "keep_alive", DURATION, "30m", "0s..7d", \
	  "How long Ollama keeps the model loaded after its last answer.") \
	X(ASSISTANT_MAX_CALLS, "assistant", "max_calls", UINT, "40", "1..1000", \
	  "Tools that the assistant may call to answer one request.") \
	X(ASSISTANT_MAX_TIME, "assistant", "max_time", DURATION, "5m", "1s..1h", "How long one answer may take.") \
	X(ASSISTANT_CONFIRM_TIME, "assistant", "confirm_time", DURATION, "10m", "1s..1h", \
	  "How long a person may take to agree to what a model that has read mail wants to change. No answer is a no.") \
	X(ASSISTANT_MAX_ROUNDS, "assistant", "max_rounds", UINT, "12", "1..100", "How often a model may go on with what its tools found, in one turn.") \
	X(ASSISTANT_SILENCE, "assistant", "silence", DURATION, "2m", "1s..1h", "How long a model may say nothing, also while it is loaded.") \
	X(ASSISTANT_MAX_TOKENS, "assistant", "max_tokens", UINT, "8192", "64..1000000", "Tokens that a model may say in one turn.") \
	X(ASSISTANT_MAX_SIZE, "assistant", "max_size", SIZE, "1MiB", "16KiB..16MiB", "Octets that a provider may answer in one turn.") \
	X(METRICS_LISTEN, "metrics", "listen", LIST, "127.0.0.1:9090", "", \
	  "Addresses and ports of /metrics, /health and /ready, by HTTP without TLS. Empty: none.") \
	X(METRICS_NETWORKS, "metrics", "networks", LIST, "127.0.0.0/8,::1", "", \
	  "Networks whose programs may ask there; others are hung up on. There is no password.") \
	X(METRICS_PROBE_EVERY, "metrics", "probe_every", DURATION, "30s", "100ms..1h", \
	  "How often each listener, the DNS, accounts and the model's provider are tried.") \
	X(METRICS_USERS, "metrics", "users", UINT, "20", "0..500", \
	  "How many users, those with the largest mailboxes, maildir_size_bytes names; the others are added up.") \
	X(BACKUP_DIRECTORY, "backup", "directory", STR, "/var/backups/gkmail", "", \
	  "Where gkmail backup and gkmail restore have snapshots, where no other folder is named.") \
	X(LOG_TO, "log", "to", STR, "stdout", "", "\"stdout\", \"syslog\", or a file name.") \
	X(LOG_FORMAT, "log", "format", CHOICE, "text", "text|json", "How log lines look.") \
	X(LOG_LEVEL, "log", "level", CHOICE, "info", "error|warn|info|debug", "What is logged by daemons that have no level of their own.") \
	X(LOG_MASTER, "log", "master", CHOICE, "", "|error|warn|info|debug", "Level of gk-master.") \
	X(LOG_AUTHD, "log", "authd", CHOICE, "", "|error|warn|info|debug", "Level of gk-authd.") \
	X(LOG_DNSD, "log", "dnsd", CHOICE, "", "|error|warn|info|debug", "Level of gk-dnsd.") \
	X(LOG_SMTPD, "log", "smtpd", CHOICE, "", "|error|warn|info|debug", "Level of gk-smtpd.") \
	X(LOG_SCREEN, "log", "screen", CHOICE, "", "|error|warn|info|debug", "Level of gk-screen.") \
	X(LOG_SIGN, "log", "sign", CHOICE, "", "|error|warn|info|debug", "Level of gk-sign.") \
	X(LOG_QUEUE, "log", "queue", CHOICE, "", "|error|warn|info|debug", "Level of gk-queue.") \
	X(LOG_LOCAL, "log", "local", CHOICE, "", "|error|warn|info|debug", "Level of gk-local.") \
	X(LOG_REMOTE, "log", "remote", CHOICE, "", "|error|warn|info|debug", "Level of gk-remote.") \
	X(LOG_MAILBOXD, "log", "mailboxd", CHOICE, "", "|error|warn|info|debug", "Level of gk-mailboxd.") \
	X(LOG_IMAPD, "log", "imapd", CHOICE, "", "|error|warn|info|debug", "Level of gk-imapd.") \
	X(LOG_WEBD, "log", "webd", CHOICE, "", "|error|warn|info|debug", "Level of gk-webd.") \
	X(LOG_MCPD, "log", "mcpd", CHOICE, "", "|error|warn|info|debug", "Level of gk-mcpd.") \
	X(LOG_AID, "log", "aid", CHOICE, "", "|error|warn|info|debug", "Level of gk-aid.") \
	X(LOG_CONNECT, "log", "connect", CHOICE, "", "|error|warn|info|debug", "Level of gk-connect.") \
	X(LOG_STATD, "log", "statd", CHOICE, "", "|error|warn|info|debug", "Level of gk-statd.") \
	X(LOG_ACME, "log", "acme", CHOICE, "", "|error|warn|info|debug", "Level of gk-acme.")

#define CONF_TABLES(X) \
	X(ROUTE, "route", "Where mail to a domain goes in place of the hosts in the DNS, and how it is protected. The most specific domain wins.") \
	X(CERTIFICATE, "certificate", "One more certificate, for clients that ask for its names (SNI); tls.certificate is for all others.")

#define CONF_TABLE_KEYS(X) \
	X(CERTIFICATE_CERTIFICATE, "certificate", "certificate", STR, "", "", \
	  "PEM file with the certificate and its chain. Must be written.") \
	X(CERTIFICATE_KEY, "certificate", "key", STR, "", "", "PEM file with its private key. Must be written.") \
	X(CERTIFICATE_NAMES, "certificate", "names", LIST, "", "", \
	  "Host names that it is shown for; \"*.example.org\" stands for one label. Empty: those in the certificate.") \
	X(ROUTE_DOMAIN, "route", "domain", STR, "", "", \
	  "The recipients' domain: \"example.org\", \".example.org\" for all below it, or \"*\" for all. Must be written.") \
	X(ROUTE_HOST, "route", "host", STR, "", "", \
	  "The next host: a name, an address as \"[192.0.2.1]\", or \"mx:example.net\" for the MX hosts of another domain. Empty: the domain's own.") \
	X(ROUTE_PORT, "route", "port", UINT, "25", "1..65535", "The port of the next host; remote.port where no host is written.") \
	X(ROUTE_TLS, "route", "tls", CHOICE, "opportunistic", "opportunistic|required|dane|none", \
	  "\"opportunistic\": DANE or MTA-STS where the domain has it, else TLS where offered. \"required\": verified. \"dane\": only with DANE.") \
	X(ROUTE_USER, "route", "user", STR, "", "", "Log in as this user at the next host (AUTH), which is done over verified TLS only.") \
	X(ROUTE_PASSWORD_FILE, "route", "password_file", STR, "", "", \
	  "File with the password of route.user on its first line; master alone reads it.") \
	X(ROUTE_CA_FILE, "route", "ca_file", STR, "", "", \
	  "PEM file with the authorities whose certificates count for this route, in place of the system's.")
/* clang-format on */

#define CONF_TABLE_ENUM(id, ...) CONF_TABLE_##id,
enum conf_table {
	CONF_TABLES(CONF_TABLE_ENUM) CONF_TABLES_COUNT
};

#define CONF_KEY_ENUM(id, ...) CONF_##id,
enum conf_key {
	CONF_KEYS(CONF_KEY_ENUM) CONF_COUNT, /* here the keys of tables begin */
	CONF_BEFORE_TABLES = CONF_COUNT - 1,
	CONF_TABLE_KEYS(CONF_KEY_ENUM) CONF_ALL
};
