/*
 * health.c - /health: everything that is looked at, each with a verdict; the worst is the whole's.
 *
 * The shape is that of draft-inadarei-api-health-check-06 (application/health+json): status is
 * "pass", "warn" or "fail", and checks has a list for each "component:measurement".
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "statd/statd.h"
#include "svc/acme.h"
#include "svc/build.h"
#include "svc/svc.h"
#include "json/json.h"

#define TRIES_MAX   300u
#define DISK_WARN   80 /* percent in use */
#define CERT_WARN_S (14 * 86400)
#define QUEUE_OLD_S (4 * 3600)

enum verdict {
	PASS,
	WARN,
	FAIL
};

static const char *const verdicts[] = {"pass", "warn", "fail"};

struct health {
	cJSON *checks;
	enum verdict worst;
};

/* The check, for what else there is to say of it. */
static cJSON *
add(struct health *h, const char *name, const char *type, enum verdict v, const char *output)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(h->checks, name);
	cJSON *c = cJSON_CreateObject();

	if (list == NULL) {
		list = cJSON_CreateArray();
		json_put_named(h->checks, str_z(name), list);
	}
	json_add(list, c);
	json_put_str(c, "componentType", str_z(type));
	json_put_str(c, "status", str_z(verdicts[v]));
	if (output[0] != '\0')
		json_put_str(c, "output", str_z(output));
	if (v > h->worst)
		h->worst = v;
	return c;
}

static void
measured(cJSON *c, int64_t value, const char *unit)
{
	json_put_num(c, "observedValue", value);
	json_put_str(c, "observedUnit", str_z(unit));
}

/* Without a model there are rules of our own, and mail waits for the DNS. */
static enum verdict
verdict_of(const struct try_result *r)
{
	if (r->ok)
		return PASS;
	if (!r->tried || str_eq_z(r->name, "dns") || str_eq_z(r->name, "llm"))
		return WARN;
	return FAIL;
}

static void
check_tries(struct health *h)
{
	const struct try_result *v[TRIES_MAX];
	size_t n = tries_list(v, TRIES_MAX);

	for (size_t i = 0; i < n; i++) {
		const struct try_result *r = v[i];
		char name[64];
		cJSON *c;

		snprintf(
		    name, sizeof(name), STR_FMT ":responseTime", STR_ARG(str_sub(r->name, 0, 40)));
		c = add(h, name,
		    r->address.n > 0                ? "listener"
		    : str_eq_z(r->name, "accounts") ? "datastore"
						    : "component",
		    verdict_of(r), r->tried ? r->why : "not tried yet");
		if (r->address.n > 0)
			json_put_str(c, "componentId", r->address);
		if (r->tried) {
			measured(c, (int64_t)(r->us / 1000), "ms");
			json_put_num(c, "age", (int64_t)((clock_ms() - r->when) / 1000));
		}
	}
}

static void
check_processes(struct health *h, const struct state *s)
{
	if (!s->known)
		add(h, "master:state", "component", FAIL, "gk-master does not answer");
	for (size_t i = 0; i < s->nprocesses; i++) {
		const struct process *p = &s->processes[i];
		bool ready = str_eq_z(p->state, "ready");
		char why[80] = "";
		cJSON *c;

		if (str_eq_z(p->name, "owners"))
			continue;
		if (!ready)
			snprintf(why, sizeof(why), "it is " STR_FMT, STR_ARG(p->state));
		c = add(h, "process:uptime", "component",
		    ready                            ? PASS
		    : str_eq_z(p->state, "starting") ? WARN
						     : FAIL,
		    why);
		json_put_str(c, "componentId", p->name);
		measured(c, (int64_t)(p->up_ms / 1000), "s");
		json_put_num(c, "restarts", (int64_t)p->restarts);
	}
}

static void
check_disks(struct health *h, const struct state *s)
{
	for (size_t i = 0; i < s->ndisks; i++) {
		const struct disk *d = &s->disks[i];
		int64_t used = d->size > 0 ? (int64_t)(100 - d->free * 100 / d->size) : 0;
		bool mail = !str_eq_z(d->name, "run") && !str_eq_z(d->name, "log");
		bool full = mail && d->free < conf_num(svc_conf(), CONF_QUEUE_MIN_FREE);
		bool files = d->files > 0 && d->files_free * 5 < d->files;
		cJSON *c;

		c = add(h, "disk:utilization", "system",
		    full                         ? FAIL
		    : used >= DISK_WARN || files ? WARN
						 : PASS,
		    full                ? "less is free than queue.min_free: new mail is refused"
		    : used >= DISK_WARN ? "it fills up"
		    : files             ? "inodes run out"
					: "");
		json_put_str(c, "componentId", d->name);
		measured(c, used, "percent");
		json_put_num(c, "free", (int64_t)d->free);
	}
}

/* What is renewed by itself may have a short life; gk-acme tells when it does not work. */
static int64_t
warn_before(struct str file)
{
	return str_ends(file, STR("/" ACME_PEM)) ? 86400 : CERT_WARN_S;
}

static void
check_acme(struct health *h)
{
	int64_t failures = pages_value(METRIC_ACME_FAILING);
	cJSON *c = add(h, "acme:failures", "component", failures > 0 ? WARN : PASS,
	    failures > 0 ? "no certificate is issued: gkmail acme status says why" : "");

	measured(c, failures, "failures");
}

static void
check_certificates(struct health *h, const struct state *s)
{
	for (size_t i = 0; i < s->ncertificates; i++) {
		int64_t left = (int64_t)s->certificates[i].expires - clock_wall();
		int64_t warn = warn_before(s->certificates[i].file);
		cJSON *c = add(h, "certificate:validity", "component",
		    left <= 0     ? FAIL
		    : left < warn ? WARN
				  : PASS,
		    left <= 0     ? "it has expired"
		    : left < warn ? "it soon expires"
				  : "");

		json_put_str(c, "componentId", s->certificates[i].file);
		measured(c, left / 86400, "days");
	}
}

static void
check_queue(struct health *h)
{
	int64_t oldest = pages_value(METRIC_QUEUE_OLDEST);
	int64_t age = oldest > 0 ? clock_wall() - oldest : 0;
	cJSON *c = add(h, "queue:size", "component", PASS, "");

	measured(c, pages_value(METRIC_QUEUE_SIZE), "messages");
	c = add(h, "queue:age", "component", age > QUEUE_OLD_S ? WARN : PASS,
	    age > QUEUE_OLD_S ? "mail waits for long: gkmail queue list" : "");
	measured(c, age > 0 ? age : 0, "s");
}

bool
health_write(struct buf *out)
{
	struct health h = {.checks = cJSON_CreateObject()};
	const struct state *s = state_now();
	char now[CLOCK_RFC3339_SIZE];
	cJSON *all = cJSON_CreateObject();

	check_processes(&h, s);
	check_tries(&h);
	check_disks(&h, s);
	check_certificates(&h, s);
	check_acme(&h);
	check_queue(&h);
	clock_rfc3339(clock_wall_us(), now);
	json_put_str(all, "status", str_z(verdicts[h.worst]));
	json_put_str(all, "version", str_z(build_version()));
	json_put_str(all, "releaseId", str_z(build_id()));
	json_put_str(all, "time", str_z(now));
	json_put(all, "checks", h.checks);
	json_print(all, out);
	cJSON_Delete(all);
	return h.worst != FAIL;
}
