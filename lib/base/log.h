/*
 * log.h - structured events.
 *
 * One event is one line, text or JSON, written with one write(2) (CONVENTIONS, "Log line"). Peer
 * octets are escaped here, and values cut at 512 octets. Lines gather until the end of the loop
 * turn; warnings and errors go out at once. Where they cannot be written some wait, the others are
 * counted, and log.lost tells how many when there is room again. Never log a secret or message
 * content.
 *
 *	log_info("smtp.reject", LS("sid", sid), LZ("reason", "relay"), LU("ms", 41));
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

enum log_format {
	LOG_TEXT,
	LOG_JSON,
	LOG_TO_SYSLOG /* text behind "<priority>": fd is a datagram socket to syslog */
};

struct log_field {
	const char *key;
	enum {
		LOG_FIELD_STR,
		LOG_FIELD_UINT,
		LOG_FIELD_INT
	} kind;
	struct str s;
	uint64_t u;
};

#define LS(k, v) ((struct log_field){(k), LOG_FIELD_STR, (v), 0})
#define LZ(k, v) ((struct log_field){(k), LOG_FIELD_STR, str_z(v), 0})
#define LU(k, v) ((struct log_field){(k), LOG_FIELD_UINT, {NULL, 0}, (uint64_t)(v)})
#define LI(k, v) ((struct log_field){(k), LOG_FIELD_INT, {NULL, 0}, (uint64_t)(int64_t)(v)})
#define LE(e)    ((struct log_field){"error", LOG_FIELD_STR, str_z((e)->text), 0})

/* daemon must outlive the log. Before log_init() events go to standard error as text. */
void log_init(const char *daemon, int fd, enum log_format format, enum log_level level);
/* Called for each line that is lost. */
void log_on_lost(void (*fn)(void));
/* Takes over fd (the old one is closed unless it is 0-2): reopened files. */
void log_set_fd(int fd);
int log_fd(void); /* borrowed; for a forked child that closes all else */
void log_set_level(enum log_level level);
void log_set_format(enum log_format format);
bool log_enabled(enum log_level level);
int log_level_parse(struct str s, enum log_level *out);
int log_format_parse(struct str s, enum log_format *out);
void log_flush(void);

/* Gets each event about a message (with a field mid or about) as a line of text without its end, in
 * whatever format and wherever it is logged. Called in the thread that logs. */
void log_tap(void (*fn)(struct str line));

void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t n);

#define LOG_AT(level, event, ...)                                             \
	do {                                                                  \
		if (log_enabled(level)) {                                     \
			const struct log_field log_fields_[] = {__VA_ARGS__}; \
			log_event(level, event, log_fields_,                  \
			    sizeof(log_fields_) / sizeof(struct log_field));  \
		}                                                             \
	} while (0)

#define log_error(event, ...) LOG_AT(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)  LOG_AT(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_info(event, ...)  LOG_AT(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) LOG_AT(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
