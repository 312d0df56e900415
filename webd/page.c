/* page.c - the page's files as octets, made by embed.py at build time. See files.h. */
#include "webd/files.h"

#include "page_files.h"
