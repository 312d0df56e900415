/*
 * metrics_keys.h - every metric of the suite.
 *
 * X(ID, name, labels, kind, help). Rows of one name stand together and share kind and help. A
 * histogram counts durations in microseconds and is shown in seconds.
 */
#pragma once

/* clang-format off */
#define METRICS(X) \
	X(SMTP_SESSIONS_OK, "smtp_sessions_total", "result=\"ok\"", COUNTER, "SMTP sessions that ended") \
	X(SMTP_SESSIONS_REFUSED, "smtp_sessions_total", "result=\"refused\"", COUNTER, "SMTP sessions that ended") \
	X(SMTP_SESSIONS_TIMEOUT, "smtp_sessions_total", "result=\"timeout\"", COUNTER, "SMTP sessions that ended") \
	X(SMTP_SESSIONS_LOST, "smtp_sessions_total", "result=\"lost\"", COUNTER, "SMTP sessions that ended") \
	X(SMTP_SESSIONS_ERRORS, "smtp_sessions_total", "result=\"errors\"", COUNTER, "SMTP sessions that ended") \
	X(SMTP_CONNECTIONS, "gkmail_smtp_connections_active", "", GAUGE, "SMTP connections open") \
	X(SMTP_COMMAND_SECONDS, "smtp_commands_duration_seconds", "", HISTOGRAM, "Time from an SMTP command to its reply") \
	X(SMTP_MESSAGES, "gkmail_smtp_messages_total", "", COUNTER, "Messages answered 250") \
	X(SMTP_OCTETS, "gkmail_smtp_octets_total", "", COUNTER, "Octets of messages answered 250") \
	X(SMTP_REJECTED, "gkmail_smtp_rejected_total", "", COUNTER, "Commands and messages refused") \
	X(SMTP_EARLY_TALKERS, "gkmail_smtp_early_talkers_total", "", COUNTER, "Clients that spoke before the greeting or the answer to EHLO") \
	X(LIMIT_CONNECTIONS, "gkmail_limits_total", "what=\"connections\"", COUNTER, \
	  "What was refused because an address or a user had used up what it may") \
	X(LIMIT_REQUESTS, "gkmail_limits_total", "what=\"requests\"", COUNTER, "What was refused because an address or a user had used up what it may") \
	X(LIMIT_MESSAGES, "gkmail_limits_total", "what=\"messages\"", COUNTER, "What was refused because an address or a user had used up what it may") \
	X(LIMIT_UNKNOWN, "gkmail_limits_total", "what=\"unknown\"", COUNTER, "What was refused because an address or a user had used up what it may") \
	X(LIMIT_ERRORS, "gkmail_limits_total", "what=\"errors\"", COUNTER, "What was refused because an address or a user had used up what it may") \
	X(LIMIT_USERS, "gkmail_limits_total", "what=\"user\"", COUNTER, "What was refused because an address or a user had used up what it may") \
	X(GREY_DEFERRED, "gkmail_greylist_total", "result=\"deferred\"", COUNTER, "Recipients of strangers that greylisting looked at") \
	X(GREY_PASSED, "gkmail_greylist_total", "result=\"passed\"", COUNTER, "Recipients of strangers that greylisting looked at") \
	X(GREY_KNOWN, "gkmail_greylist_total", "result=\"known\"", COUNTER, "Recipients of strangers that greylisting looked at") \
	X(BANNED_SMTP, "gkmail_banned_total", "front=\"smtpd\"", COUNTER, "Connections ended because their address is banned") \
	X(BANNED_WEB, "gkmail_banned_total", "front=\"webd\"", COUNTER, "Connections ended because their address is banned") \
	X(BANNED_IMAP, "gkmail_banned_total", "front=\"imapd\"", COUNTER, "Connections ended because their address is banned") \
	X(AUTH_BANS, "gkmail_auth_bans_total", "", COUNTER, "Addresses and networks banned for failed logins") \
	X(AUTH_BANS_ACTIVE, "gkmail_auth_bans_active", "", GAUGE, "Addresses and networks that are banned now") \
	X(AGENT_SESSIONS, "gkmail_agent_sessions_active", "", GAUGE, "Sessions of agents") \
	X(AGENT_REFUSED, "gkmail_agent_refused_total", "", COUNTER, "Agents that came with no good token") \
	X(AGENT_CALLS_FREE, "gkmail_agent_calls_total", "decision=\"free\"", COUNTER, "Tools that agents called, by what was decided of the call") \
	X(AGENT_CALLS_APPROVAL, "gkmail_agent_calls_total", "decision=\"approval\"", COUNTER, "Tools that agents called, by what was decided of the call") \
	X(AGENT_CALLS_HELD, "gkmail_agent_calls_total", "decision=\"held\"", COUNTER, "Tools that agents called, by what was decided of the call") \
	X(AGENT_CALLS_REFUSED, "gkmail_agent_calls_total", "decision=\"refused\"", COUNTER, "Tools that agents called, by what was decided of the call") \
	X(AGENT_CALL_SECONDS, "gkmail_agent_call_duration_seconds", "", HISTOGRAM, "Time that a tool took") \
	X(AUDIT_RECORDS, "gkmail_audit_records_total", "", COUNTER, "Records of the audit log") \
	X(AUDIT_FAILED, "gkmail_audit_failed_total", "", COUNTER, "Batches of the audit log that could not be written, each try") \
	X(AUDIT_DOWN, "gkmail_audit_down", "", GAUGE, "1 while the audit log cannot be written: agents change nothing") \
	X(MCP_UNAUDITED, "gkmail_mcp_unaudited_total", "", COUNTER, "Calls that could not go on record: refused, or told so") \
	X(APPROVALS_MADE, "gkmail_approvals_made_total", "", COUNTER, "What humans have approved of what agents asked for") \
	X(APPROVALS_USED, "gkmail_approvals_used_total", "", COUNTER, "Approvals used, each once") \
	X(APPROVALS_DENIED, "gkmail_approvals_denied_total", "", COUNTER, "What agents tried without a good approval") \
	X(MCP_CLIENTS, "gkmail_mcp_clients_active", "", GAUGE, "Clients of the Model Context Protocol, HTTP's without a session not counted") \
	X(MCP_REQUESTS_OK, "gkmail_mcp_requests_total", "result=\"ok\"", COUNTER, "Requests of agents' clients") \
	X(MCP_REQUESTS_FAILED, "gkmail_mcp_requests_total", "result=\"failed\"", COUNTER, "Requests of agents' clients") \
	X(MCP_REQUESTS_REFUSED, "gkmail_mcp_requests_total", "result=\"refused\"", COUNTER, "Requests of agents' clients") \
	X(MCP_TOOL_LIST_MAILBOXES, "mcp_tool_calls_total", "tool=\"list_mailboxes\"", COUNTER, "Calls of tools by agents") \
	X(MCP_TOOL_LIST_THREADS, "mcp_tool_calls_total", "tool=\"list_threads\"", COUNTER, "Calls of tools by agents") \
	X(MCP_TOOL_SEARCH, "mcp_tool_calls_total", "tool=\"search\"", COUNTER, "Calls of tools by agents") \
	X(MCP_TOOL_READ_MESSAGE, "mcp_tool_calls_total", "tool=\"read_message\"", COUNTER, "Calls of tools by agents") \
	X(MCP_TOOL_READ_THREAD, "mcp_tool_calls_total", "tool=\"read_thread\"", COUNTER, "Calls of tools by agents") \
	X(MCP_TOOL_READ_ATTACHMENT, "mcp_tool_calls_total", "tool=\"read_attachment_text\"", COUNTER, "Calls of tools by agents") \
	X(MCP_TOOL_FLAG, "mcp_tool_calls_total", "tool=\"flag\"", COUNTER, "Calls of tools by agents") \
	X(MCP_TOOL_MOVE, "mcp_tool_calls_total", "tool=\"move\"", COUNTER, "Calls of tools by agents") \
	X(MCP_TOOL_CREATE_DRAFT, "mcp_tool_calls_total", "tool=\"create_draft\"", COUNTER, "Calls of tools by agents") \
	X(MCP_TOOL_UPDATE_DRAFT, "mcp_tool_calls_total", "tool=\"update_draft\"", COUNTER, "Calls of tools by agents") \
	X(MCP_TOOL_DELETE_DRAFT, "mcp_tool_calls_total", "tool=\"delete_draft\"", COUNTER, "Calls of tools by agents") \
	X(MCP_TOOL_REQUEST_SEND, "mcp_tool_calls_total", "tool=\"request_send\"", COUNTER, "Calls of tools by agents") \
	X(MCP_TOOL_SET_VACATION, "mcp_tool_calls_total", "tool=\"set_vacation\"", COUNTER, "Calls of tools by agents") \
	X(MCP_TOOL_CONTACTS, "mcp_tool_calls_total", "tool=\"contacts\"", COUNTER, "Calls of tools by agents") \
	X(MCP_TOOL_CHANGES, "mcp_tool_calls_total", "tool=\"mailbox_changes\"", COUNTER, "Calls of tools by agents") \
	X(MCP_TOOL_UNDO, "mcp_tool_calls_total", "tool=\"undo_session\"", COUNTER, "Calls of tools by agents") \
	X(MCP_TOOL_OTHER, "mcp_tool_calls_total", "tool=\"other\"", COUNTER, "Calls of tools by agents") \
	X(MCP_SECONDS, "gkmail_mcp_requests_duration_seconds", "", HISTOGRAM, "Time from a request of an agent's client to its answer") \
	X(AID_CHATS, "gkmail_assistant_chats_active", "", GAUGE, "Conversations with the assistant, of pages that are there or may come back") \
	X(AID_TURNS_DONE, "gkmail_assistant_requests_total", "result=\"done\"", COUNTER, "What the assistant was asked") \
	X(AID_TURNS_FAILED, "gkmail_assistant_requests_total", "result=\"failed\"", COUNTER, "What the assistant was asked") \
	X(AID_TURNS_CANCELLED, "gkmail_assistant_requests_total", "result=\"cancelled\"", COUNTER, "What the assistant was asked") \
	X(AID_TURN_SECONDS, "gkmail_assistant_requests_duration_seconds", "", HISTOGRAM, "Time from a question to the end of its answer") \
	X(AID_CONFIRMS_YES, "gkmail_assistant_confirms_total", "answer=\"yes\"", COUNTER, "Changes that people were asked about because a model had read mail") \
	X(AID_CONFIRMS_NO, "gkmail_assistant_confirms_total", "answer=\"no\"", COUNTER, "Changes that people were asked about because a model had read mail") \
	X(AID_CONFIRMS_NONE, "gkmail_assistant_confirms_total", "answer=\"none\"", COUNTER, "Changes that people were asked about because a model had read mail") \
	X(AID_FALLBACKS, "gkmail_assistant_fallbacks_total", "", COUNTER, "Questions answered without the model, which was away") \
	X(WEB_SESSIONS, "gkmail_web_sessions_active", "", GAUGE, "Sessions of browsers and of programs that speak HTTP") \
	X(AUTH_DELAYED, "gkmail_auth_delayed_total", "", COUNTER, "Logins whose check or answer was put off") \
	X(LLM_OK, "llm_requests_total", "result=\"ok\"", COUNTER, "Requests to the assistant's language model") \
	X(LLM_FAILED, "llm_requests_total", "result=\"failed\"", COUNTER, "Requests to the assistant's language model") \
	X(LLM_SECONDS, "llm_latency_seconds", "", HISTOGRAM, "Time from a request to the model to the end of its answer") \
	X(LLM_FIRST_SECONDS, "gkmail_llm_first_text_seconds", "", HISTOGRAM, "Time from a request to the model to the first text of its answer") \
	X(LLM_TOKENS_IN, "gkmail_llm_tokens_total", "direction=\"in\"", COUNTER, "Tokens that the model read and wrote, as the provider counts them") \
	X(LLM_TOKENS_OUT, "gkmail_llm_tokens_total", "direction=\"out\"", COUNTER, "Tokens that the model read and wrote, as the provider counts them") \
	X(IMAP_CONNECTIONS, "imap_connections_active", "", GAUGE, "IMAP connections open") \
	X(IMAP_PARKED, "gkmail_imap_connections_parked", "", GAUGE, "IMAP connections in IDLE without a process") \
	X(IMAP_COMMANDS, "gkmail_imap_commands_total", "", COUNTER, "IMAP commands answered") \
	X(IMAP_COMMAND_SECONDS, "gkmail_imap_commands_duration_seconds", "", HISTOGRAM, "Time from an IMAP command to its reply") \
	X(HTTP_CONNECTIONS, "gkmail_http_connections_active", "", GAUGE, "HTTP connections open") \
	X(HTTP_1XX, "gkmail_http_requests_total", "status=\"1xx\"", COUNTER, "HTTP requests that ended, upgraded ones with 1xx") \
	X(HTTP_2XX, "gkmail_http_requests_total", "status=\"2xx\"", COUNTER, "HTTP requests that ended, upgraded ones with 1xx") \
	X(HTTP_3XX, "gkmail_http_requests_total", "status=\"3xx\"", COUNTER, "HTTP requests that ended, upgraded ones with 1xx") \
	X(HTTP_4XX, "gkmail_http_requests_total", "status=\"4xx\"", COUNTER, "HTTP requests that ended, upgraded ones with 1xx") \
	X(HTTP_5XX, "gkmail_http_requests_total", "status=\"5xx\"", COUNTER, "HTTP requests that ended, upgraded ones with 1xx") \
	X(HTTP_LOST, "gkmail_http_requests_total", "status=\"lost\"", COUNTER, "HTTP requests that ended, upgraded ones with 1xx") \
	X(HTTP_SECONDS, "gkmail_http_requests_duration_seconds", "", HISTOGRAM, "Time from the head of an HTTP request to the end of its answer") \
	X(WS_CONNECTIONS, "websocket_connections_active", "", GAUGE, "WebSockets open") \
	X(WS_MESSAGES_IN, "websocket_messages_total", "direction=\"in\"", COUNTER, "Messages of WebSockets") \
	X(WS_MESSAGES_OUT, "websocket_messages_total", "direction=\"out\"", COUNTER, "Messages of WebSockets") \
	X(WEB_EVENT_SOURCES, "gkmail_event_sources_active", "", GAUGE, "Event sources open (RFC 8620 7.3)") \
	X(WEB_WATCHES, "gkmail_web_watches_active", "", GAUGE, "WebSockets and event sources that wait without a process") \
	X(HTTP_FAULTS, "gkmail_http_faults_total", "", COUNTER, "Breaches of HTTP by clients") \
	X(AUTH_PLAIN_OK, "auth_attempts_total", "method=\"plain\",result=\"ok\"", COUNTER, "Logins") \
	X(AUTH_PLAIN_FAIL, "auth_attempts_total", "method=\"plain\",result=\"fail\"", COUNTER, "Logins") \
	X(AUTH_LOGIN_OK, "auth_attempts_total", "method=\"login\",result=\"ok\"", COUNTER, "Logins") \
	X(AUTH_LOGIN_FAIL, "auth_attempts_total", "method=\"login\",result=\"fail\"", COUNTER, "Logins") \
	X(AUTH_SCRAM_OK, "auth_attempts_total", "method=\"scram-sha-256\",result=\"ok\"", COUNTER, "Logins") \
	X(AUTH_SCRAM_FAIL, "auth_attempts_total", "method=\"scram-sha-256\",result=\"fail\"", COUNTER, "Logins") \
	X(AUTH_HASH_SECONDS, "gkmail_auth_hash_seconds", "", HISTOGRAM, "Time of one password check, waiting included") \
	X(DNS_FOUND, "gkmail_dns_questions_total", "result=\"found\"", COUNTER, "DNS questions answered") \
	X(DNS_NONE, "gkmail_dns_questions_total", "result=\"none\"", COUNTER, "DNS questions answered") \
	X(DNS_TEMP, "gkmail_dns_questions_total", "result=\"temp\"", COUNTER, "DNS questions answered") \
	X(DNS_BOGUS, "gkmail_dns_questions_total", "result=\"bogus\"", COUNTER, "DNS questions answered") \
	X(DNS_HITS, "gkmail_dns_cache_hits_total", "", COUNTER, "DNS questions answered from the cache at once") \
	X(DNS_MERGED, "gkmail_dns_merged_total", "", COUNTER, "DNS questions that joined one under way") \
	X(DNS_SECURE, "gkmail_dns_secure_total", "", COUNTER, "DNS answers proven by DNSSEC") \
	X(DNS_OPEN, "gkmail_dns_questions_active", "", GAUGE, "DNS questions under way in the resolver") \
	X(DNS_SECONDS, "gkmail_dns_duration_seconds", "", HISTOGRAM, "Time from a DNS question to its answer, cache hits left out") \
	X(SCREEN_ACCEPT, "gkmail_screen_messages_total", "verdict=\"accept\"", COUNTER, "Messages whose sender was checked") \
	X(SCREEN_JUNK, "gkmail_screen_messages_total", "verdict=\"junk\"", COUNTER, "Messages whose sender was checked") \
	X(SCREEN_REJECT, "gkmail_screen_messages_total", "verdict=\"reject\"", COUNTER, "Messages whose sender was checked") \
	X(SCREEN_DEFER, "gkmail_screen_messages_total", "verdict=\"defer\"", COUNTER, "Messages whose sender was checked") \
	X(SCREEN_OPEN, "gkmail_screen_messages_active", "", GAUGE, "Messages whose sender is being checked") \
	X(SCREEN_SECONDS, "gkmail_screen_duration_seconds", "", HISTOGRAM, "Time from the last octet of a message to gk-screen's verdict") \
	X(SIGN_SIGNED, "gkmail_sign_messages_total", "result=\"signed\"", COUNTER, "Messages shown to gk-sign") \
	X(SIGN_UNSIGNED, "gkmail_sign_messages_total", "result=\"unsigned\"", COUNTER, "Messages shown to gk-sign") \
	X(SIGN_REFUSED, "gkmail_sign_messages_total", "result=\"refused\"", COUNTER, "Messages shown to gk-sign") \
	X(SIGN_SECONDS, "gkmail_sign_duration_seconds", "", HISTOGRAM, "Time of a message's signatures") \
	X(SPF_NONE, "gkmail_spf_results_total", "result=\"none\"", COUNTER, "Messages from other hosts by what SPF says of them") \
	X(SPF_PASS, "gkmail_spf_results_total", "result=\"pass\"", COUNTER, "Messages from other hosts by what SPF says of them") \
	X(SPF_FAIL, "gkmail_spf_results_total", "result=\"fail\"", COUNTER, "Messages from other hosts by what SPF says of them") \
	X(SPF_SOFTFAIL, "gkmail_spf_results_total", "result=\"softfail\"", COUNTER, "Messages from other hosts by what SPF says of them") \
	X(SPF_NEUTRAL, "gkmail_spf_results_total", "result=\"neutral\"", COUNTER, "Messages from other hosts by what SPF says of them") \
	X(SPF_TEMPERROR, "gkmail_spf_results_total", "result=\"temperror\"", COUNTER, "Messages from other hosts by what SPF says of them") \
	X(SPF_PERMERROR, "gkmail_spf_results_total", "result=\"permerror\"", COUNTER, "Messages from other hosts by what SPF says of them") \
	X(DKIM_NONE, "gkmail_dkim_results_total", "result=\"none\"", COUNTER, "Messages from other hosts by whether a signature of theirs is good") \
	X(DKIM_PASS, "gkmail_dkim_results_total", "result=\"pass\"", COUNTER, "Messages from other hosts by whether a signature of theirs is good") \
	X(DKIM_FAIL, "gkmail_dkim_results_total", "result=\"fail\"", COUNTER, "Messages from other hosts by whether a signature of theirs is good") \
	X(DMARC_NONE, "gkmail_dmarc_results_total", "result=\"none\"", COUNTER, "Messages from other hosts by what DMARC says of them") \
	X(DMARC_PASS, "gkmail_dmarc_results_total", "result=\"pass\"", COUNTER, "Messages from other hosts by what DMARC says of them") \
	X(DMARC_FAIL, "gkmail_dmarc_results_total", "result=\"fail\"", COUNTER, "Messages from other hosts by what DMARC says of them") \
	X(DMARC_TEMPERROR, "gkmail_dmarc_results_total", "result=\"temperror\"", COUNTER, "Messages from other hosts by what DMARC says of them") \
	X(DMARC_PERMERROR, "gkmail_dmarc_results_total", "result=\"permerror\"", COUNTER, "Messages from other hosts by what DMARC says of them") \
	X(DMARC_SENT, "gkmail_dmarc_reports_total", "result=\"sent\"", COUNTER, "DMARC aggregate reports sent and received") \
	X(DMARC_READ, "gkmail_dmarc_reports_total", "result=\"read\"", COUNTER, "DMARC aggregate reports sent and received") \
	X(DMARC_REFUSED, "gkmail_dmarc_reports_total", "result=\"refused\"", COUNTER, "DMARC aggregate reports sent and received") \
	X(QUEUE_SIZE, "queue_size", "", GAUGE, "Messages not yet delivered") \
	X(QUEUE_OCTETS, "gkmail_queue_octets", "", GAUGE, "Octets not yet delivered") \
	X(QUEUE_OLDEST, "gkmail_queue_oldest_timestamp_seconds", "", GAUGE, \
	  "Since when the message that waits longest does, not held and not for later, since the epoch; 0: none waits") \
	X(QUEUE_SEGMENTS, "gkmail_queue_segments", "", GAUGE, "Journal segments on disk") \
	X(QUEUE_UNDURABLE, "gkmail_queue_undurable", "", GAUGE, "1 while deliveries wait for a checkpoint to make them durable") \
	X(QUEUE_ACCEPTED, "gkmail_queue_accepted_total", "", COUNTER, "Messages made durable") \
	X(QUEUE_BOUNCED, "gkmail_queue_bounced_total", "", COUNTER, "Recipients bounced") \
	X(QUEUE_SYNC_SECONDS, "gkmail_queue_sync_seconds", "", HISTOGRAM, "Time of one journal sync") \
	X(QUEUE_SYNC_BATCH, "gkmail_queue_synced_records_total", "", COUNTER, "Records made durable by journal syncs") \
	X(QUEUE_CHECKPOINT_SECONDS, "gkmail_queue_checkpoint_seconds", "", HISTOGRAM, "Time of one checkpoint") \
	X(QUEUE_DESTINATIONS, "gkmail_queue_destinations", "", GAUGE, "Destinations at other hosts that mail waits for") \
	X(QUEUE_DEAD, "gkmail_queue_destinations_dead", "", GAUGE, "Of these, those of which no host was reached last") \
	X(REMOTE_DELIVERED, "gkmail_queue_remote_total", "result=\"ok\"", COUNTER, "Recipients at other hosts, each attempt") \
	X(REMOTE_DEFERRED, "gkmail_queue_remote_total", "result=\"temp\"", COUNTER, "Recipients at other hosts, each attempt") \
	X(REMOTE_FAILED, "gkmail_queue_remote_total", "result=\"perm\"", COUNTER, "Recipients at other hosts, each attempt") \
	X(LOCAL_DELIVERED, "gkmail_local_delivered_total", "result=\"ok\"", COUNTER, "Deliveries into Maildirs") \
	X(LOCAL_TEMP, "gkmail_local_delivered_total", "result=\"temp\"", COUNTER, "Deliveries into Maildirs") \
	X(LOCAL_PERM, "gkmail_local_delivered_total", "result=\"perm\"", COUNTER, "Deliveries into Maildirs") \
	X(REMOTE_OK, "gkmail_remote_delivered_total", "result=\"ok\"", COUNTER, "Recipients at other hosts") \
	X(REMOTE_TEMP, "gkmail_remote_delivered_total", "result=\"temp\"", COUNTER, "Recipients at other hosts") \
	X(REMOTE_PERM, "gkmail_remote_delivered_total", "result=\"perm\"", COUNTER, "Recipients at other hosts") \
	X(CLASS_GOOGLE_OK, "gkmail_remote_class_total", "class=\"google\",result=\"ok\"", COUNTER, \
	  "Recipients at other hosts by whose the hosts are, each attempt") \
	X(CLASS_GOOGLE_TEMP, "gkmail_remote_class_total", "class=\"google\",result=\"temp\"", COUNTER, \
	  "Recipients at other hosts by whose the hosts are, each attempt") \
	X(CLASS_GOOGLE_PERM, "gkmail_remote_class_total", "class=\"google\",result=\"perm\"", COUNTER, \
	  "Recipients at other hosts by whose the hosts are, each attempt") \
	X(CLASS_MICROSOFT_OK, "gkmail_remote_class_total", "class=\"microsoft\",result=\"ok\"", COUNTER, \
	  "Recipients at other hosts by whose the hosts are, each attempt") \
	X(CLASS_MICROSOFT_TEMP, "gkmail_remote_class_total", "class=\"microsoft\",result=\"temp\"", COUNTER, \
	  "Recipients at other hosts by whose the hosts are, each attempt") \
	X(CLASS_MICROSOFT_PERM, "gkmail_remote_class_total", "class=\"microsoft\",result=\"perm\"", COUNTER, \
	  "Recipients at other hosts by whose the hosts are, each attempt") \
	X(CLASS_YAHOO_OK, "gkmail_remote_class_total", "class=\"yahoo\",result=\"ok\"", COUNTER, \
	  "Recipients at other hosts by whose the hosts are, each attempt") \
	X(CLASS_YAHOO_TEMP, "gkmail_remote_class_total", "class=\"yahoo\",result=\"temp\"", COUNTER, \
	  "Recipients at other hosts by whose the hosts are, each attempt") \
	X(CLASS_YAHOO_PERM, "gkmail_remote_class_total", "class=\"yahoo\",result=\"perm\"", COUNTER, \
	  "Recipients at other hosts by whose the hosts are, each attempt") \
	X(CLASS_APPLE_OK, "gkmail_remote_class_total", "class=\"apple\",result=\"ok\"", COUNTER, \
	  "Recipients at other hosts by whose the hosts are, each attempt") \
	X(CLASS_APPLE_TEMP, "gkmail_remote_class_total", "class=\"apple\",result=\"temp\"", COUNTER, \
	  "Recipients at other hosts by whose the hosts are, each attempt") \
	X(CLASS_APPLE_PERM, "gkmail_remote_class_total", "class=\"apple\",result=\"perm\"", COUNTER, \
	  "Recipients at other hosts by whose the hosts are, each attempt") \
	X(CLASS_OTHER_OK, "gkmail_remote_class_total", "class=\"other\",result=\"ok\"", COUNTER, \
	  "Recipients at other hosts by whose the hosts are, each attempt") \
	X(CLASS_OTHER_TEMP, "gkmail_remote_class_total", "class=\"other\",result=\"temp\"", COUNTER, \
	  "Recipients at other hosts by whose the hosts are, each attempt") \
	X(CLASS_OTHER_PERM, "gkmail_remote_class_total", "class=\"other\",result=\"perm\"", COUNTER, \
	  "Recipients at other hosts by whose the hosts are, each attempt") \
	X(REMOTE_CONNECTIONS, "gkmail_remote_connections_active", "", GAUGE, "Connections to other hosts, idle ones too") \
	X(REMOTE_SESSIONS, "gkmail_remote_sessions_total", "", COUNTER, "Sessions with other hosts that came to be ready for mail") \
	X(REMOTE_TLS, "gkmail_remote_sessions_tls_total", "", COUNTER, "Those of them that are encrypted") \
	X(REMOTE_REUSED, "gkmail_remote_reused_total", "", COUNTER, "Messages for which a connection was there already") \
	X(REMOTE_SECONDS, "gkmail_remote_duration_seconds", "", HISTOGRAM, "Time of one attempt at other hosts") \
	X(OWNERS, "gkmail_mailbox_owners_active", "", GAUGE, "Owner processes") \
	X(OWNER_STARTS, "gkmail_mailbox_owner_starts_total", "", COUNTER, "Owner processes started") \
	X(STAT_METRICS, "gkmail_metrics_requests_total", "path=\"metrics\"", COUNTER, "Requests for metrics and health") \
	X(STAT_HEALTH, "gkmail_metrics_requests_total", "path=\"health\"", COUNTER, "Requests for metrics and health") \
	X(STAT_READY, "gkmail_metrics_requests_total", "path=\"ready\"", COUNTER, "Requests for metrics and health") \
	X(STAT_OTHER, "gkmail_metrics_requests_total", "path=\"other\"", COUNTER, "Requests for metrics and health") \
	X(ACME_ISSUED, "gkmail_acme_orders_total", "result=\"issued\"", COUNTER, "Certificates asked of an authority (ACME)") \
	X(ACME_FAILED, "gkmail_acme_orders_total", "result=\"failed\"", COUNTER, "Certificates asked of an authority (ACME)") \
	X(ACME_FAILING, "gkmail_acme_failures", "", GAUGE, "Failures since a certificate was last issued (ACME)") \
	X(LOG_LOST, "gkmail_log_lost_lines_total", "", COUNTER, "Lines of the log that could not be written") \
	X(LOOP_SLOW, "gkmail_loop_slow_turns_total", "", COUNTER, "Turns of an event loop over one second")
/* clang-format on */

#define METRIC_ENUM(id, ...) METRIC_##id,
enum metric {
	METRICS(METRIC_ENUM) METRIC_COUNT
};
