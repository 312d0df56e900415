/*
 * db_file.h - between sqlite and its files: room on a full disk (io/file.h), and where tests put
 * faults (io/file_fault.h).
 */
#pragma once

/* From here on databases are opened through it. */
void db_file_init(void);
