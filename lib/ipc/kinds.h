/*
 * kinds.h - the fields of a row in short: 'u' u32, 'q' u64, 's' str, 'l' list, 'f' fd. Private to
 * lib/ipc.
 */
#pragma once

#include "ipc/msg.h"

#define IPC_FIELDS_MAX  16
#define IPC_HEADER_SIZE 16u

#define IPC_FLAG_CALL  1u /* wants an answer */
#define IPC_FLAG_REPLY 2u

const char *ipc_kinds(enum ipc_type type);
/* The type that answers a call; MSG_ERROR when type is no call. */
enum ipc_type ipc_reply_type(enum ipc_type type);
