/*
 * schema.c - see schema.h.
 */
#include "mcpd/schema.h"

#include "base/mem.h"

#define PLACE_MAX 128u

/* Where in the arguments: "labels[2]". */
struct place {
	char text[PLACE_MAX];
};

static int
wrong(const struct place *at, struct err *e, const char *what)
{
	return err_set(e, E_INVAL, "%s%s%s", at->text, at->text[0] != '\0' ? ": " : "", what);
}

static int
wrong_number(const struct place *at, struct err *e, const char *what, const cJSON *bound)
{
	return err_set(e, E_INVAL, "%s: %s %.0f", at->text, what, bound->valuedouble);
}

static bool
is_type(const cJSON *v, struct str type)
{
	int64_t n;

	if (str_eq_z(type, "string"))
		return cJSON_IsString(v);
	if (str_eq_z(type, "integer"))
		return json_int(v, -JSON_INT_MAX, JSON_INT_MAX, &n) == 0;
	if (str_eq_z(type, "boolean"))
		return cJSON_IsBool(v);
	if (str_eq_z(type, "array"))
		return cJSON_IsArray(v);
	return str_eq_z(type, "object") && cJSON_IsObject(v);
}

/* Code points, as JSON Schema counts (6.3). */
static double
length(const char *text)
{
	double n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static int
check_enum(const cJSON *schema, const cJSON *v, const struct place *at, struct err *e)
{
	const cJSON *one, *all = json_get(schema, "enum");
	char text[200] = "one of";

	if (all == NULL)
		return 0;
	cJSON_ArrayForEach(one, all)
	{
		size_t n = strlen(text);

		if (cJSON_Compare(one, v, true))
			return 0;
		snprintf(text + n, sizeof(text) - n, " %s", one->valuestring);
	}
	return wrong(at, e, text);
}

static int
check_scalar(const cJSON *schema, const cJSON *v, const struct place *at, struct err *e)
{
	const cJSON *bound;

	if (cJSON_IsNumber(v)) {
		if ((bound = json_get(schema, "minimum")) && v->valuedouble < bound->valuedouble)
			return wrong_number(at, e, "at least", bound);
		if ((bound = json_get(schema, "maximum")) && v->valuedouble > bound->valuedouble)
			return wrong_number(at, e, "at most", bound);
	}
	if (cJSON_IsString(v)) {
		if ((bound = json_get(schema, "minLength")) &&
		    length(v->valuestring) < bound->valuedouble)
			return wrong_number(at, e, "characters: at least", bound);
		if ((bound = json_get(schema, "maxLength")) &&
		    length(v->valuestring) > bound->valuedouble)
			return wrong_number(at, e, "characters: at most", bound);
	}
	return check_enum(schema, v, at, e);
}

static int check(const cJSON *schema, const cJSON *v, const struct place *at, struct err *e);

static int
check_array(const cJSON *schema, const cJSON *v, const struct place *at, struct err *e)
{
	const cJSON *items = json_get(schema, "items"), *bound, *one;
	int n = 0;

	if ((bound = json_get(schema, "minItems")) &&
	    cJSON_GetArraySize(v) < (int)bound->valuedouble)
		return wrong_number(at, e, "entries: at least", bound);
	if ((bound = json_get(schema, "maxItems")) &&
	    cJSON_GetArraySize(v) > (int)bound->valuedouble)
		return wrong_number(at, e, "entries: at most", bound);
	cJSON_ArrayForEach(one, v)
	{
		struct place in;

		snprintf(in.text, sizeof(in.text), "%.100s[%d]", at->text, n++);
		if (items != NULL && check(items, one, &in, e) < 0)
			return -1;
	}
	return 0;
}

static int
check_object(const cJSON *schema, const cJSON *v, const struct place *at, struct err *e)
{
	const cJSON *properties = json_get(schema, "properties"), *one, *inner;
	struct place in;

	cJSON_ArrayForEach(one, json_get(schema, "required")) if (json_get(v, one->valuestring) ==
								  NULL) return err_set(e, E_INVAL,
	    "%s%s%s is missing", at->text, at->text[0] != '\0' ? "." : "", one->valuestring);
	cJSON_ArrayForEach(one, v)
	{
		snprintf(in.text, sizeof(in.text), "%.60s%s%.60s", at->text,
		    at->text[0] != '\0' ? "." : "", one->string);
		if ((inner = json_get(properties, one->string)) == NULL) {
			if (cJSON_IsFalse(json_get(schema, "additionalProperties")))
				return wrong(&in, e, "there is no such argument");
			continue;
		}
		if (check(inner, one, &in, e) < 0)
			return -1;
	}
	return 0;
}

static int
check(const cJSON *schema, const cJSON *v, const struct place *at, struct err *e)
{
	struct str type = json_str(json_get(schema, "type"));
	struct place subject = {"the arguments have"};

	if (at->text[0] != '\0')
		snprintf(subject.text, sizeof(subject.text), "%.120s has", at->text);
	if (type.n > 0 && !is_type(v, type))
		return err_set(e, E_INVAL, "%s to be %s " STR_FMT, subject.text,
		    strchr("aio", type.p[0]) ? "an" : "a", STR_ARG(type));
	if (check_scalar(schema, v, at, e) < 0)
		return -1;
	if (cJSON_IsArray(v))
		return check_array(schema, v, at, e);
	return cJSON_IsObject(v) ? check_object(schema, v, at, e) : 0;
}

int
schema_check(const cJSON *schema, const cJSON *value, struct err *e)
{
	return check(schema, value, &(struct place){""}, e);
}

bool
schema_known(const cJSON *schema, struct err *e)
{
	static const char *const words[] = {"type", "required", "additionalProperties", "enum",
	    "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "description",
	    "title", "default", "format"};
	const cJSON *word, *one;

	cJSON_ArrayForEach(word, schema)
	{
		bool known = false;

		if (strcmp(word->string, "properties") == 0) {
			cJSON_ArrayForEach(one, word) if (!schema_known(one, e)) return false;
			continue;
		}
		if (strcmp(word->string, "items") == 0) {
			if (!schema_known(word, e))
				return false;
			continue;
		}
		for (size_t i = 0; i < ARRAY_LEN(words); i++)
			known |= strcmp(words[i], word->string) == 0;
		if (!known) {
			err_set(e, E_INVAL, "\"%s\" is not checked", word->string);
			return false;
		}
	}
	return true;
}
