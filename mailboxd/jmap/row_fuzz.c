/* row_fuzz.c - any message can be shown: its row, its structure and values are JSON within bounds.
 */
#include "mailboxd/jmap/row.h"

#include "base/mem.h"
#include "mailboxd/jmap/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_row(struct str message)
{
	struct jmap_row row;
	struct buf out;

	buf_init(&out, 5u << 20);
	jmap_row_write(message, &out);
	assume(!out.over);
	jmap_row_read(buf_view(&out), &row);
	for (unsigned i = 0; i < ROW_PROPERTIES; i++)
		assume(json_check(row.v[i], SIZE_MAX, NULL) == 0);
	/* Whatever a damaged index gives. */
	jmap_row_read(message, &row);
	buf_free(&out);
}

/* JSON of any depth: cJSON has its own bound, far above that of MIME. */
static void
check_json(struct buf *out)
{
	cJSON *v;

	assume(!out->over);
	v = cJSON_ParseWithLength(out->p, out->n);
	assume(v != NULL);
	cJSON_Delete(v);
	buf_reset(out);
}

static void
check_body(struct str message)
{
	static const char *const names[] = {"header:From:asAddresses",
	    "header:To:asGroupedAddresses:all", "header:Subject:asText", "header:X",
	    "header:Date:asDate", "header:List-Post:asURLs", "header:References:asMessageIds:all"};
	struct jmap_field fields[ARRAY_LEN(names)];
	struct str texts[ARRAY_LEN(names)];
	struct jmap_body_args args = {.properties = ~0u,
	    .fields = fields,
	    .names = texts,
	    .nfields = ARRAY_LEN(names),
	    .all = true,
	    .max = 100,
	    .left = 1000};
	struct jmap_body body;
	struct arena a;
	struct buf out;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		texts[i] = str_z(names[i]);
		assume(jmap_field_parse(texts[i], &fields[i]) == 0);
	}
	arena_init(&a);
	buf_init(&out, 256u << 20);
	jmap_body_open(&body, message, STR("be0"), &a);
	jmap_body_structure(&body, &args, &out);
	check_json(&out);
	jmap_body_list(&body, &args, &body.parts.attachments, &out);
	check_json(&out);
	jmap_body_values(&body, &args, &out);
	check_json(&out);
	jmap_headers_put(mime_octets(message, body.root->header), &out);
	check_json(&out);
	buf_free(&out);
	arena_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_row(str_of(data, size));
	check_body(str_of(data, size));
	return 0;
}
