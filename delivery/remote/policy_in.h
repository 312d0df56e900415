/* policy_in.h - private to the policy: policy.c answers for destinations, policy_host.c for hosts.
 */
#pragma once

#include "delivery/remote/policy_conf.h"
#include "delivery/remote/sts.h"
#include "net/https.h"

struct policy {
	struct dns *dns;
	struct policy_conf *conf;
	struct https *https;
	struct sts *sts;
	int sts_dir;
};
