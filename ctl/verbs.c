/* verbs.c - the table of verbs: what main.c runs, `--help` and completion print. */
#include "base/mem.h"
#include "ctl/ctl.h"

#define V(noun, name, usage, summary, help, run)      \
	{                                             \
		noun, name, usage, summary, help, run \
	}

/* clang-format off */
const struct verb verbs[] = {
	V("setup", NULL, "[HOST_NAME] [--domain D] [--user ADDRESS] [--postmaster ADDRESS] [--certificate FILE --key FILE] "
	    "[--smart-host HOST[:PORT]] [--smart-user NAME --smart-password FILE] [--offline] [--no-start] "
	    "[--wait-dns DURATION] [--yes] [--force]",
	    "lead from an empty machine to a server that runs",
	    "Asks what it is not told, and writes the file that --config names, by default /etc/gkmail/gkmail.toml. As\n"
	    "root it also makes the system users, the domain, its keys and its first user (password as in user add), looks\n"
	    "at ports, clock, name and whether mail gets out, starts the server, sends a first mail and prints the records\n"
	    "for the DNS; when you agree, or with --yes, which asks nothing. postmaster and abuse lead to --postmaster, else\n"
	    "to the first user. Mail to others may go by --smart-host. --wait-dns looks at the DNS until it serves all that\n"
	    "is needed (exit 75: it did not). It may be run again, and goes on where it stopped: what is there stays.\n"
	    "--force writes the file anew and keeps the old.\n\n"
	    "  gkmail setup\n"
	    "  gkmail setup mail.example.org --domain example.org --user me@example.org --yes <password-file\n",
	    verb_setup),
	V("check", NULL, "[FILE]", "validate a configuration file",
	    "Reads FILE (or the one that --config names) with the environment, as gk-master would. Exit 0: it is\n"
	    "right. Exit 1: the message says file, line, column and what to write.\n\n"
	    "  gkmail check /etc/gkmail/gkmail.toml\n", verb_check),
	V("config", "show", "[KEY | SECTION]", "print the configuration in force and where each value is from",
	    "  gkmail config show smtp\n", verb_config_show),
	V("config", "explain", "[KEY | SECTION]", "say what a key means, its type, limits and default",
	    "  gkmail config explain smtp.max_size\n", verb_config_explain),
	V("config", "sample", "", "print a configuration with every key, its meaning and default",
	    "  gkmail config sample >gkmail.toml\n", verb_config_sample),
	V("domain", "add", "DOMAIN [--quota SIZE]", "take mail for a domain",
	    "  gkmail domain add example.org\n", verb_domain_add),
	V("domain", "del", "DOMAIN", "no longer take mail for a domain",
	    "Refused while the domain has users or aliases.\n\n"
	    "  gkmail domain del example.org\n", verb_domain_del),
	V("domain", "list", "", "list the domains", "  gkmail domain list --json\n", verb_domain_list),
	V("user", "add", "ADDRESS [--quota SIZE]", "make a user with a mailbox",
	    "The password is asked for, or read from the first line of standard input. --quota 0: no quota;\n"
	    "without --quota auth.default_quota holds. The domain must be there already.\n\n"
	    "  gkmail user add alice@example.org --quota 2GiB\n"
	    "  pwgen 20 1 | gkmail user add alice@example.org\n", verb_user_add),
	V("user", "passwd", "ADDRESS", "set a user's password",
	    "Ends the user's sessions. The password is asked for, or read from standard input.\n\n"
	    "  gkmail user passwd alice@example.org\n", verb_user_passwd),
	V("user", "del", "ADDRESS [--purge]", "remove a user",
	    "The account ends at once. The mail is put aside as data_dir/mail/DOMAIN/.deleted-USER-TIME, where a\n"
	    "later user of the name does not see it, until you remove it; --purge removes it now.\n\n"
	    "  gkmail user del alice@example.org\n", verb_user_del),
	V("user", "list", "[DOMAIN]", "list users, their quota and use", "  gkmail user list example.org\n",
	    verb_user_list),
	V("user", "quota", "ADDRESS SIZE", "set a user's quota (0: none)",
	    "  gkmail user quota alice@example.org 5GiB\n", verb_user_quota),
	V("apppass", "add", "ADDRESS NAME", "make a password for one of a user's programs",
	    "Prints it once; it cannot be shown again.\n\n"
	    "  gkmail apppass add alice@example.org phone\n", verb_apppass_add),
	V("apppass", "del", "ADDRESS NAME", "remove such a password",
	    "  gkmail apppass del alice@example.org phone\n", verb_apppass_del),
	V("apppass", "list", "ADDRESS", "list a user's program passwords by name",
	    "  gkmail apppass list alice@example.org\n", verb_apppass_list),
	V("agent", "add", "ADDRESS NAME [--scopes LIST] [--rate N] [--days N]", "let an agent work on a user's mail",
	    "Prints its token once. --scopes: of mail:read (the default), mail:organize, mail:draft and mail:send, with\n"
	    "commas; --rate: calls a minute; --days: how long it lasts. What it writes is sent when the user approves.\n\n"
	    "  gkmail agent add alice@example.org desk --scopes mail:read,mail:draft,mail:send --days 90\n",
	    verb_agent_add),
	V("agent", "list", "ADDRESS", "list a user's agents", "  gkmail agent list alice@example.org\n", verb_agent_list),
	V("agent", "show", "ADDRESS NAME", "show one agent",
	    "  gkmail agent show alice@example.org desk\n", verb_agent_show),
	V("agent", "policy", "ADDRESS NAME [POLICY]", "show or change what an agent does by itself",
	    "POLICY is a list of CLASS=free, approval or never, with commas; classes are read, flag, draft, send, delete,\n"
	    "move (of many), forward and vacation. Sending is never free. What the agent does just now ends.\n\n"
	    "  gkmail agent policy alice@example.org desk delete=never\n", verb_agent_policy),
	V("agent", "revoke", "ADDRESS NAME", "end an agent and what it does",
	    "  gkmail agent revoke alice@example.org desk\n", verb_agent_revoke),
	V("approve", NULL, "--user ADDRESS list | show ID | send ID | refuse ID [--yes]",
	    "show and answer what a user's agents have asked for",
	    "An agent's mail is sent, and much or much at once moved or deleted, when a human has agreed to exactly that.\n"
	    "show prints what would be done: every recipient, also blind ones, attachments, the text as a reader sees it.\n"
	    "send prints it and asks; --yes agrees without being asked.\n\n"
	    "  gkmail approve --user alice@example.org list\n"
	    "  gkmail approve --user alice@example.org send q3\n", verb_approve),
	V("audit", "show", "[--user ADDRESS] [--agent NAME] [--session ID] [--since WHEN]",
	    "show what agents did, and what humans let them do",
	    "One record a line; --since takes a time back (2h, 7d) or a date.\n\n"
	    "  gkmail audit show --user alice@example.org --since 7d\n", verb_audit_show),
	V("audit", "verify", "[--head NUMBER:HASH] [FILE ...]", "verify that the audit log is whole",
	    "Exit 1 where a record was altered, removed or put elsewhere; the first such one is named. It prints where the log\n"
	    "ends: noted elsewhere and given as --head later, that shows a log which was made anew as a whole. FILE: files of\n"
	    "data_dir/auth/audit, in order, instead of those of the running suite.\n\n"
	    "  gkmail audit verify\n", verb_audit_verify),
	V("mcp", NULL, "--user ADDRESS", "speak the Model Context Protocol on standard input and output",
	    "For programs that start their MCP servers themselves: the agent \"terminal\" of that user, which can do what an\n"
	    "agent can (agent policy ADDRESS terminal). Ends with standard input.\n\n"
	    "  gkmail mcp --user alice@example.org\n", verb_mcp),
	V("session", "list", "ADDRESS", "list where a user is logged in on the page or with a program over HTTP",
	    "A program's session ends minutes after its last request.\n\n"
	    "  gkmail session list alice@example.org\n", verb_session_list),
	V("session", "revoke", "ADDRESS [ID]", "log a user out there",
	    "One session, or all. Who knows the password may log in again; user passwd and apppass del see to that.\n\n"
	    "  gkmail session revoke alice@example.org\n", verb_session_revoke),
	V("alias", "add", "ADDRESS TARGET ...", "lead an address to one or more others",
	    "ADDRESS may be @DOMAIN: the catch-all of that domain.\n\n"
	    "  gkmail alias add sales@example.org alice@example.org bob@example.org\n", verb_alias_add),
	V("alias", "del", "ADDRESS [TARGET ...]", "remove an alias, or some of its targets",
	    "  gkmail alias del sales@example.org bob@example.org\n", verb_alias_del),
	V("alias", "list", "[DOMAIN]", "list the aliases", "  gkmail alias list\n", verb_alias_list),
	V("queue", "list", "[--sender ADDRESS] [--destination NAME]", "list messages that wait, why, and for when",
	    "A line for each destination of a message. --sender '<>' are notifications.\n\n"
	    "  gkmail queue list --destination example.net\n", verb_queue_list),
	V("queue", "show", "MID", "show one message: envelope, recipients, last errors",
	    "  gkmail queue show 01j9z3k5v7m2q4r8t6wx\n", verb_queue_show),
	V("queue", "destinations", "", "show where mail waits to go: how much at a time, running, waiting, dead until",
	    "  gkmail queue destinations\n", verb_queue_destinations),
	V("queue", "flush", "[--sender ADDRESS] [--destination NAME] [MID ... | all]", "try to deliver now",
	    "A destination that was given up for a while is tried too.\n\n"
	    "  gkmail queue flush all\n"
	    "  gkmail queue flush --destination example.net\n", verb_queue_flush),
	V("queue", "hold", "[--sender ADDRESS] [--destination NAME] [MID ... | all]", "do not try until released",
	    "Of a message with several destinations all is held.\n\n"
	    "  gkmail queue hold 01j9z3k5v7m2q4r8t6wx\n", verb_queue_hold),
	V("queue", "release", "[--sender ADDRESS] [--destination NAME] [MID ... | all]", "let what was held go on",
	    "  gkmail queue release all\n", verb_queue_release),
	V("queue", "delete", "[--sender ADDRESS] [--destination NAME] [MID ... | all]", "remove without a bounce",
	    "With --destination only the recipients there are removed.\n\n"
	    "  gkmail queue delete 01j9z3k5v7m2q4r8t6wx\n"
	    "  gkmail queue delete --sender spammer@example.org\n", verb_queue_delete),
	V("mailbox", "check", "ADDRESS", "compare a user's files, index, uid list and counters",
	    "Changes nothing, and the user may be at work. Exit 1 when something differs.\n\n"
	    "  gkmail mailbox check alice@example.org\n", verb_mailbox_check),
	V("mailbox", "repair", "ADDRESS", "compare, and mend what differs",
	    "The files are the truth. An index that cannot be trusted is put aside and made anew from files and\n"
	    "uid list: the user's sessions end then. Exit 1 when something cannot be mended.\n\n"
	    "  gkmail mailbox repair alice@example.org\n", verb_mailbox_repair),
	V("mailbox", "reindex", "ADDRESS", "forget what can be had from the messages again",
	    "Cached envelopes and structure, and what directories looked like; the uid list is written anew.\n\n"
	    "  gkmail mailbox reindex alice@example.org\n", verb_mailbox_reindex),
	V("backup", "list", "[--from FOLDER]", "list the snapshots", "  gkmail backup list --json\n", verb_backup_list),
	V("backup", "verify", "[--from FOLDER] [SNAPSHOT | --all]", "read a snapshot and hold every octet against its digest",
	    "The last one if none is named. Exit 1 when something is damaged, and what.\n\n"
	    "  gkmail backup verify --all\n", verb_backup_verify),
	V("backup", "prune", "[--from FOLDER] --keep N", "remove all snapshots but the last N",
	    "  gkmail backup prune --keep 14\n", verb_backup_prune),
	V("backup", NULL, "[--to FOLDER] [--user ADDRESS]", "take a snapshot of everything while the suite works",
	    "Mail, the queue, accounts, keys, configuration: as one state, in which every message is that was acknowledged\n"
	    "before. FOLDER (backup.directory if not given) keeps each file once, so that the next snapshot copies what is\n"
	    "new. --user: only that user's mail. Exit 75: not now, try again.\n\n"
	    "  gkmail backup\n"
	    "  gkmail backup --to /mnt/backup\n", verb_backup),
	V("restore", NULL, "[--from FOLDER] [--at SNAPSHOT] [--force] | --user ADDRESS [--mailbox NAME [--message UID|ID]] [--to-mailbox NAME]",
	    "bring back everything, or a user's mail, a mailbox, a message",
	    "The last snapshot if none is named by --at. Everything is for an empty data_dir and a suite that does not run;\n"
	    "with --force what is there is put aside. With --user the suite runs: messages come back with flags and dates, as\n"
	    "new ones, but for those that are there. --message: a UID, a Message-ID in <>, or an EMAILID. --to-mailbox puts\n"
	    "them there. Nothing is restored from a damaged snapshot.\n\n"
	    "  gkmail restore --from /mnt/backup\n"
	    "  gkmail restore --user alice@example.org --mailbox Archive --to-mailbox Restored\n", verb_restore),
	V("import", "maildir", "DIR --user ADDRESS [--into MAILBOX] [--dry-run]",
	    "take the mail of a Maildir into a user's mailboxes",
	    "DIR and its folders, of Maildir++ (.A.B) or one in another, with flags, keywords, dates and subscriptions, while\n"
	    "the server works. Each message comes once: run it again to go on where it was interrupted, or for what is\n"
	    "new. Sent, Drafts, Junk, Trash and Archive become the user's own; --into puts all below one mailbox. --dry-run\n"
	    "says what would come. Exit 1: something was left out, which is told; 75: not now, run it again.\n\n"
	    "  gkmail import maildir /home/alice/Maildir --user alice@example.org\n", verb_import_maildir),
	V("import", "mbox", "FILE|DIR --user ADDRESS [--into MAILBOX] [--dry-run]",
	    "take the mail of an mbox, or of a folder of them, into a user's mailboxes",
	    "FILE goes to INBOX, or to where --into says; of a DIR each mbox to the mailbox of its name. Like import maildir in all\n"
	    "else; flags are read of Status, X-Status, X-Keywords and X-Mozilla-Status.\n\n"
	    "  gkmail import mbox /var/mail/alice --user alice@example.org\n"
	    "  gkmail import mbox old.mbox --user alice@example.org --into Old\n", verb_import_mbox),
	V("import", "imap", "HOST[:PORT] --imap-user NAME --password-file FILE --user ADDRESS [--tls imaps|starttls|none] "
	    "[--ca FILE] [--into MAILBOX] [--dry-run]",
	    "take the mail of an account at another IMAP server into a user's mailboxes",
	    "The account is read and not changed. Its mailboxes of special use become the user's own. The password is the first\n"
	    "line of FILE; a server with a second factor wants an app password. The server proves its name by an authority of\n"
	    "the system, or of --ca. Like import maildir in all else.\n\n"
	    "  gkmail import imap imap.example.net --imap-user alice --password-file secret --user alice@example.org\n",
	    verb_import_imap),
	V("ban", "list", "", "list the addresses and networks that are banned",
	    "  gkmail ban list --json\n", verb_ban_list),
	V("ban", "add", "NETWORK [--for DURATION] [--reason TEXT]", "turn away the clients of an address or network",
	    "NETWORK is an address, or a network such as 192.0.2.0/24 or 2001:db8::/32. SMTP and IMAP refuse its\n"
	    "connections and end those that have not logged in. Without --for: until it is removed.\n\n"
	    "  gkmail ban add 192.0.2.7 --for 2d --reason 'guesses passwords'\n", verb_ban_add),
	V("ban", "remove", "NETWORK", "end a ban, and forget how often there was one",
	    "  gkmail ban remove 192.0.2.7\n", verb_ban_remove),
	V("dkim", "generate", "DOMAIN [--selector S] [--algorithm rsa|ed25519|both]", "make a domain's first signing keys",
	    "Mail from the domain is signed from then on. Prints the records to publish. The private keys stay in\n"
	    "data_dir/dkim, which root alone can read. Without --selector the day names them, without --algorithm\n"
	    "dkim.algorithm.\n\n"
	    "  gkmail dkim generate example.org\n", verb_dkim_generate),
	V("dkim", "rotate", "DOMAIN [--selector S] [--now]", "replace a domain's signing keys",
	    "The first time new keys are made and their records printed; the old ones go on signing. Given again,\n"
	    "it looks whether the DNS serves the new records: if so they sign from then on and the old ones are\n"
	    "retired, else exit 75 and what is missing. --now: without looking.\n\n"
	    "  gkmail dkim rotate example.org\n", verb_dkim_rotate),
	V("dkim", "list", "[DOMAIN]", "list signing keys: active, next or retired",
	    "  gkmail dkim list --json\n", verb_dkim_list),
	V("dkim", "remove", "DOMAIN SELECTOR [--force]", "remove a key",
	    "One that signs is not removed without --force; without any, mail of the domain goes out unsigned.\n\n"
	    "  gkmail dkim remove example.org s20260801-rsa\n", verb_dkim_remove),
	V("acme", "status", "", "show the certificate that an authority issued, and when it is renewed",
	    "By [acme] of the configuration. Exit 1: the last attempt failed; it is said why.\n\n"
	    "  gkmail acme status --json\n", verb_acme_status),
	V("acme", "renew", "", "ask for a new certificate now, and wait for it",
	    "It is renewed by itself when a third of its life is left. Authorities limit how often they are asked.\n\n"
	    "  gkmail acme renew\n", verb_acme_renew),
	V("dns", "lookup", "NAME TYPE", "ask gk-dnsd, as the other daemons do",
	    "TYPE: A, AAAA, CNAME, MX, NS, PTR, SRV, TLSA or TXT. Says whether DNSSEC proves the answer. Exit 1: there is\n"
	    "no such record. Exit 75: no answer now, or a bogus one.\n\n"
	    "  gkmail dns lookup example.org MX\n"
	    "  gkmail dns lookup _25._tcp.mail.example.org TLSA\n", verb_dns_lookup),
	V("dns", NULL, "DOMAIN | --check [DOMAIN]", "print the DNS records that a domain needs, or look whether they are served",
	    "MX, SPF, DKIM, DMARC, MTA-STS, TLSRPT, TLSA and SRV as lines of a zone file. --check asks gk-dnsd and says of\n"
	    "each record whether it is ok, missing or different, what is served and what to put; the PTR of the server's\n"
	    "addresses too. Without DOMAIN it looks at all. Exit 1: something that is needed (marked !) is not there;\n"
	    "75: the DNS does not answer now.\n\n"
	    "  gkmail dns example.org\n"
	    "  gkmail dns --check\n", verb_dns),
	V("dmarc", "list", "[--domain D]", "list the DMARC reports that came in about our domains",
	    "Those that came to an address of dmarc.report_address. verified is 1 where the message that carried the\n"
	    "report passed DMARC for its sender.\n\n"
	    "  gkmail dmarc list --domain example.org --json\n", verb_dmarc_list),
	V("dmarc", "show", "[--domain D] [--days N]", "show who sends in the name of our domains",
	    "By the reports of the last 30 days, or N: each address, its messages, how many passed DMARC, by DKIM and\n"
	    "by SPF, how many were refused or taken for junk, and how many organizations told of it.\n\n"
	    "  gkmail dmarc show --domain example.org --days 7\n", verb_dmarc_show),
	V("dmarc", "report", "[--now]", "show the DMARC reports that will be sent, or send them now",
	    "--now ends the period under way and sends what was counted so far, to those who may have it.\n\n"
	    "  gkmail dmarc report\n", verb_dmarc_report),
	V("status", NULL, "[--metrics]", "show processes, listeners, and what is wrong with their health",
	    "--metrics prints all counters as Prometheus text. Exit 1 when a process is not ready, or something fails.\n\n"
	    "  gkmail status --json\n", verb_status),
	V("prove", NULL, "ADDRESS", "try every capability that the running server advertises",
	    "SMTP, IMAP, JMAP and MCP, each as a client of that user would; a line for each capability. The user's\n"
	    "password is asked for, or read from standard input. What is made on the way (mailboxes gkmail-prove) is\n"
	    "removed again, and nothing is sent. Exit 1 when one does not do what it promises, or is not known here.\n\n"
	    "  gkmail prove alice@example.org <password-file\n", verb_prove),
	V("doctor", NULL, "[--offline]", "look for what is wrong, from the inside and the outside, and say what to do",
	    "Health, DNS records of every domain, ports, certificates, the clock, permissions, whether strangers could\n"
	    "relay, and whether mail gets out: hosts of remote.probe_domains, or the smart host, are connected to.\n"
	    "--offline asks neither the DNS nor others nor our own name. Exit 1 when something fails.\n\n"
	    "  gkmail doctor\n", verb_doctor),
	V("log", NULL, "[--follow] [--level LEVEL] [--mid ID] [--sid ID] [--daemon NAME]", "read the log",
	    "Reads the file of log.to. --level: that and worse (error, warn, info, debug). --mid follows one\n"
	    "message through all processes, --sid one session.\n\n"
	    "  gkmail log --follow --level warn\n", verb_log),
	V("trace", NULL, "MID [--recent]", "follow one message through every process",
	    "By the file of log.to; where that is none, or with --recent, by what the processes remember themselves,\n"
	    "which are the last events of each. Notifications about the message are named too.\n\n"
	    "  gkmail trace 01j9z3k5v7m2q4r8t6wx\n", verb_trace),
	V("reload", NULL, "", "take up a changed configuration; nothing changes if it is wrong",
	    "  gkmail check && gkmail reload\n", verb_reload),
	V("sandbox", NULL, "[--dir DIR] [--domain D] [--users N | --user NAME:PASSWORD ...] [--config EXTRA.toml] "
	    "[--json] [--demo]", "run a private suite in the foreground",
	    "Everything lies below DIR (a temporary one if not given): configuration, certificates, mail, log.\n"
	    "It listens on free ports of 127.0.0.1 and prints how to reach it when it is ready; with --json as one\n"
	    "line. Users are alice, bob, carol, user4, ... with random passwords, or those named; NAME is a local\n"
	    "part or an address. EXTRA.toml adds to the configuration. --demo: fixed ports, example.test, mail in\n"
	    "the mailboxes. Ctrl-C (TERM) drains and leaves DIR, twice ends at once; the same DIR carries on.\n\n"
	    "  gkmail sandbox --users 3\n"
	    "  gkmail sandbox --dir /tmp/gk --user alice:secret-word --json\n", verb_sandbox),
	V("version", NULL, "", "print the version of this program and of the running suite", "  gkmail version\n",
	    verb_version),
	V("completion", NULL, "", "print completion for bash",
	    "  gkmail completion >/etc/bash_completion.d/gkmail\n", verb_completion),
};
/* clang-format on */
const size_t nverbs = ARRAY_LEN(verbs);
