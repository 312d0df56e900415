/*
 * build.h - which build this is.
 */
#pragma once

/* "0.1.0-1a2b3c4d5e6f": all processes of a suite must agree (CONVENTIONS, IPC). */
const char *build_id(void);
/* "0.1.0" */
const char *build_version(void);
/* Where this installation has its configuration: "/etc/gkmail/gkmail.toml". */
const char *build_config_path(void);
