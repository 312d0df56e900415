/*
 * wellknown.c - small documents at fixed places: the policy of MTA-STS (RFC 8461), security.txt
 * (RFC 9116), where a password is changed, what robots may read (RFC 9309).
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "svc/svc.h"
#include "webd/domains.h"
#include "webd/routes.h"

#define DAY 86400

/* ---- MTA-STS ---- */

static void
tell_policy(struct exchange *x, void *arg)
{
	const struct conf *c = svc_conf();
	const struct str *mx;
	struct buf b;
	size_t n;

	(void)arg;
	buf_init(&b, 64u << 10);
	mx = conf_list(c, CONF_WEB_MTA_STS_MX, &n);
	buf_printf(&b, "version: STSv1\r\nmode: %s\r\n", conf_z(c, CONF_WEB_MTA_STS));
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "mx: " STR_FMT "\r\n", STR_ARG(mx[i]));
	if (n == 0)
		buf_printf(&b, "mx: %s\r\n", conf_z(c, CONF_SERVER_HOST_NAME));
	buf_printf(&b, "max_age: %llu\r\n",
	    (unsigned long long)(conf_num(c, CONF_WEB_MTA_STS_AGE) / 1000));
	exchange_set(x, "Cache-Control", STR("max-age=300"));
	exchange_respond(x, 200, "text/plain; charset=utf-8", buf_view(&b));
	buf_free(&b);
}

/* RFC 8461 3.3: the policy of a domain is at the host mta-sts below it, and nowhere else. */
static void
mta_sts(struct exchange *x)
{
	struct str host = x->host, prefix = STR("mta-sts."), name;

	(void)str_cut(&host, ':', &name);
	if (!str_starts(name, prefix) || conf_str(svc_conf(), CONF_WEB_MTA_STS).n == 0)
		exchange_problem(x, 404, NULL);
	else
		domains_ask(x, str_from(name, prefix.n), tell_policy, NULL);
}

/* ---- security.txt ---- */

static void
security_txt(struct exchange *x)
{
	const struct conf *c = svc_conf();
	const struct str *contact;
	char expires[CLOCK_RFC3339_SIZE];
	struct str postmaster = conf_str(c, CONF_AUTH_POSTMASTER);
	struct buf b;
	size_t n;

	contact = conf_list(c, CONF_WEB_SECURITY_CONTACT, &n);
	buf_init(&b, 64u << 10);
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "Contact: " STR_FMT "\r\n", STR_ARG(contact[i]));
	if (n == 0 && postmaster.n > 0)
		buf_printf(&b, "Contact: mailto:" STR_FMT "\r\n", STR_ARG(postmaster));
	else if (n == 0)
		buf_printf(
		    &b, "Contact: mailto:postmaster@%s\r\n", conf_z(c, CONF_SERVER_HOST_NAME));
	/* RFC 9116 2.5.5: less than a year ahead; whole days, so that it is one text for a day. */
	clock_rfc3339((clock_wall() / DAY + 31) * DAY * 1000000, expires);
	buf_printf(&b, "Expires: %s\r\n", expires);
	exchange_set(x, "Cache-Control", STR("max-age=3600"));
	exchange_respond(x, 200, "text/plain; charset=utf-8", buf_view(&b));
	buf_free(&b);
}

/* ---- others ---- */

/* A Well-Known URL for Changing Passwords, W3C. */
static void
change_password(struct exchange *x)
{
	exchange_set(x, "Location", STR("/#/settings/security"));
	exchange_respond(x, 303, NULL, STR(""));
}

static void
robots(struct exchange *x)
{
	exchange_set(x, "Cache-Control", STR("max-age=86400"));
	exchange_respond(
	    x, 200, "text/plain; charset=utf-8", STR("User-agent: *\r\nDisallow: /\r\n"));
}

const struct route wellknown_routes[] = {
    {"/.well-known/mta-sts.txt", METHOD_GET, mta_sts, 0, 0},
    {"/.well-known/security.txt", METHOD_GET, security_txt, 0, 0},
    {"/.well-known/change-password", METHOD_GET, change_password, 0, 0},
    {"/robots.txt", METHOD_GET, robots, 0, 0},
    {0},
};
