/*
 * password.h - secrets from a person or a pipe, never from an argument.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#define PASSWORD_MAX 512

/* From standard input: at a terminal asked for twice, unseen; from a pipe the first line. out is
 * wiped by the caller. */
int password_read(const char *who, char out[PASSWORD_MAX], struct err *e);
/* A random one that is easy to read aloud: four groups of four. */
void password_make(char out[PASSWORD_MAX]);
