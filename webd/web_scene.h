/*
 * web_scene.h - for tests: connections of gk-webd without the skeleton, over a socketpair. Included
 * once, by the test's own file.
 */
#pragma once

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "webd/proxy.h"
#include "webd/routes.h"
#include "webd/web.h"

static struct conf *scene_conf;
static bool scene_drained, scene_draining;

const struct conf *
svc_conf(void)
{
	return scene_conf;
}

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	(void)peer;
	return NULL;
}

bool
svc_draining(void)
{
	return scene_draining;
}

void
svc_drained(void)
{
	scene_drained = true;
}

void
svc_accept_pause(bool pause)
{
	(void)pause;
}

int
svc_take_file(const char *name)
{
	(void)name;
	return -1;
}

static void
scene_begin(void)
{
	const struct limits_rules rules = {.total = UINT64_MAX, .at_once = 100, .factor = 1};

	assume(loop_init(NULL) == 0);
	scene_conf = conf_parse(STR("host_name = 'a.test'\n"), "t", NULL);
	assume(scene_conf != NULL);
	limits_configure(&rules);
}

/* The client's end of a new connection, or -1. */
static int
scene_open(const struct web_protocol *p)
{
	struct svc_conn sc = {.name = "http", .peer_text = "192.0.2.1"};
	struct sockaddr_in *in = (struct sockaddr_in *)&sc.peer;
	const struct web_conn from = {.proxy = false};
	int fd[2];

	in->sin_family = AF_INET;
	assume(inet_pton(AF_INET, "192.0.2.1", &in->sin_addr) == 1);
	assume(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	sc.fd = fd[0];
	web_open(&sc, &from, p);
	return fd[1];
}
