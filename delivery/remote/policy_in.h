/* policy_in.h - private to the policy: policy.c answers for destinations, policy_host.c for hosts.
 */
#pragma once

#include "delivery/remote/policy_conf.h"

struct policy {
	struct dns *dns;
	struct policy_conf *conf;
};
