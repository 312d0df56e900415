/* build.c - which build this is; the one file that a new commit compiles again. */
#include "svc/build.h"

#include "build_id.h"

const char *
build_id(void)
{
	return GK_BUILD;
}

const char *
build_version(void)
{
	return GK_VERSION;
}

const char *
build_config_path(void)
{
	return GK_CONFIG;
}
