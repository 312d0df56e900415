/*
 * provider.h - where the model's provider is: assistant.url, in the parts that gk-connect and
 * gk-aid need.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define PROVIDER_HOST_SIZE 256u
#define PROVIDER_PATH_SIZE 256u

struct provider {
	bool tls;
	bool literal;                  /* the host is an address */
	char host[PROVIDER_HOST_SIZE]; /* lower case; an IPv6 address without its brackets */
	uint16_t port;
	char path[PROVIDER_PATH_SIZE]; /* without its last slash; often "" */
};

/* "http://127.0.0.1:11434", "https://models.example.org/v1": no user, no query, no fragment. -1
 * where it is none; what to write instead is provider_wanted. */
int provider_parse(struct str url, struct provider *out);
extern const char provider_wanted[];

/* Is it certainly on this machine? An address of the loopback, or "localhost", which is one without
 * being asked for (RFC 6761 6.3). */
bool provider_is_local(const struct provider *p);
bool provider_address_is_local(const struct sockaddr_storage *a);
/* The address of the host where it is a literal, with the port; false where it is a name. */
bool provider_address(const struct provider *p, struct sockaddr_storage *out);
