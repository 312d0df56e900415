/*
 * stream_fuzz.c - fuzz target of what a client says on a stream, methods and tools behind it: the
 * first octet chooses how the owner behaves, the second the agent's scopes. A 0xff goes in a piece
 * of its own turn. All that is answered is JSON, a line each.
 */
#include <errno.h>

#include "mcpd/scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_answers(void)
{
	struct str rest, line;
	cJSON *v;

	client_read();
	rest = buf_view(&scene.in);
	while (str_cut(&rest, '\n', &line)) {
		assume((v = json_parse(line, 250000, NULL)) != NULL);
		cJSON_Delete(v);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest, piece;

	if (size < 2)
		return 0;
	log_set_level(LOG_LEVEL_ERROR);
	assume(scene_up(NULL) == 0);
	scene.mode = (enum scene_owner)(data[0] % OWNER_MODES);
	if (scene.mode == OWNER_SILENT || scene.mode == OWNER_FLOODS)
		scene.mode = OWNER_GOOD;
	scene.scopes = data[1] & AGENT_SCOPES;
	client_open(SCENE_TOKEN);
	rest = str_of(data + 2, size - 2);
	while (str_cut(&rest, (char)0xff, &piece)) {
		client_say(piece);
		loop_once(0);
	}
	client_say(piece);
	for (int i = 0; i < 6; i++)
		loop_once(0);
	check_answers();
	assume(scene_down(NULL) == 0);
	return 0;
}
