/*
 * banned.h - functions that have no place here, as compile errors. Forced into every file by the
 * Makefile.
 */
#pragma once

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#pragma GCC poison strcpy strncpy strcat strncat stpcpy sprintf vsprintf strtok strtok_r gets
#pragma GCC poison atoi atol atoll atof srand localtime ctime asctime tmpnam mktemp
#pragma GCC poison system popen
#undef alloca
#pragma GCC poison alloca

/* OpenSSL has parameters of that name, which a poisoned word would refuse. */
extern int rand(void) __attribute__((deprecated("use randombytes_uniform()")));
