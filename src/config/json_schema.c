/* The JSON Schema (draft-07, which is what editors' YAML support knows) from the tables: docs/reference/sluice.schema.json
 * (`sluice schema`). Every value that is not text may also be a text with a ${variable}. */
#include <string.h>

#include "config/config_int.h"

static const char HEAD[] =
    "{\n"
    "  \"$schema\": \"http://json-schema.org/draft-07/schema#\",\n"
    "  \"title\": \"sluice.yaml\",\n"
    "  \"definitions\": {\n"
    "    \"variable\": {\"type\": \"string\", \"pattern\": \"\\\\$\\\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\\\}\"},\n"
    "    \"boolean\": {\"anyOf\": [{\"type\": \"boolean\"}, {\"$ref\": \"#/definitions/variable\"}]},\n"
    "    \"duration\": {\"anyOf\": [{\"type\": \"string\", \"pattern\": \"^([0-9]+(ns|us|ms|s|m|h|d))+$\"}, "
    "{\"const\": 0}, {\"$ref\": \"#/definitions/variable\"}]},\n"
    "    \"size\": {\"anyOf\": [{\"type\": \"integer\", \"minimum\": 0}, {\"type\": \"string\", \"pattern\": "
    "\"^[0-9]+ *([KMGT]i?B|B)?$\"}, {\"$ref\": \"#/definitions/variable\"}]},\n"
    "    \"address\": {\"type\": \"string\"},\n"
    "    \"url\": {\"anyOf\": [{\"type\": \"string\", \"pattern\": \"^[hH][tT][tT][pP][sS]?://\"}, "
    "{\"$ref\": \"#/definitions/variable\"}]},\n"
    "    \"secret\": {\"type\": \"string\", \"minLength\": 1}\n"
    "  },\n";

static void section(struct sl_buf *out, const struct cfg_section *sec, unsigned depth);

static void indent(struct sl_buf *out, unsigned n)
{
    while (n-- > 0)
        sl_buf_adds(out, SL_STR("  "));
}

/* YAML readers of editors take 1.3 for a number and `no` for false; then the schema must allow that too. */
static const char *word_as_read(const char *word)
{
    static const char *const TRUTHS[][2] = {{"no", "false"}, {"off", "false"}, {"yes", "true"}, {"on", "true"}};
    for (size_t i = 0; i < sizeof TRUTHS / sizeof *TRUTHS; i++)
        if (strcmp(word, TRUTHS[i][0]) == 0)
            return TRUTHS[i][1];
    return word[strspn(word, "0123456789.")] == 0 ? word : NULL;
}

static void add_enum(struct sl_buf *out, const struct cfg_setting *row)
{
    sl_buf_adds(out, SL_STR("\"anyOf\": [{\"enum\": ["));
    for (const struct cfg_word *w = row->words; w->word != NULL; w++) {
        const char *read = word_as_read(w->word);
        sl_buf_addf(out, "%s\"%s\"", w == row->words ? "" : ", ", w->word);
        if (read != NULL)
            sl_buf_addf(out, ", %s", read);
    }
    sl_buf_adds(out, SL_STR("]}, {\"$ref\": \"#/definitions/variable\"}]"));
}

static void add_int(struct sl_buf *out, const struct cfg_setting *row)
{
    sl_buf_adds(out, SL_STR("\"anyOf\": [{\"type\": \"integer\""));
    sl_buf_addf(out, ", \"minimum\": %lld", (long long)row->min);
    if (row->max != 0)
        sl_buf_addf(out, ", \"maximum\": %lld", (long long)row->max);
    sl_buf_adds(out, SL_STR("}, {\"$ref\": \"#/definitions/variable\"}]"));
}

/* What a value of this type may be, as members of an object that is open. */
static void add_type(struct sl_buf *out, const struct cfg_setting *row, enum cfg_type type)
{
    static const char *const DEFINED[] = {
        [CFG_BOOL] = "boolean",  [CFG_SIZE] = "size",       [CFG_DURATION] = "duration",
        [CFG_SECRET] = "secret", [CFG_ADDRESS] = "address", [CFG_URL] = "url",
        [CFG_INT] = NULL,        [CFG_ENUM] = NULL,         [CFG_STRING] = NULL,
        [CFG_PATH] = NULL,       [CFG_SECTION] = NULL,      [CFG_TREE] = NULL,
    };
    bool has_off = (row->flags & CFG_OFF) != 0 && type == row->type;
    if (has_off) /* YAML 1.1 readers take off for false */
        sl_buf_adds(out, SL_STR("\"anyOf\": [{\"enum\": [\"off\", false]}, {"));
    if (type == CFG_ENUM)
        add_enum(out, row);
    else if (type == CFG_INT)
        add_int(out, row);
    else if (DEFINED[type] != NULL)
        sl_buf_addf(out, "\"allOf\": [{\"$ref\": \"#/definitions/%s\"}]", DEFINED[type]);
    else
        sl_buf_adds(out, SL_STR("\"type\": [\"string\", \"number\"]"));
    if (has_off)
        sl_buf_adds(out, SL_STR("}]"));
}

static void add_items(struct sl_buf *out, const struct cfg_setting *row, unsigned depth)
{
    if (row->item == CFG_SECTION) {
        sl_buf_adds(out, SL_STR("\"type\": \"array\", \"items\": "));
        section(out, row->section, depth);
    } else {
        sl_buf_adds(out, SL_STR("\"anyOf\": [{\"type\": \"array\", \"items\": {"));
        add_type(out, row, row->item);
        sl_buf_addc(out, '}');
        if (row->max != 0)
            sl_buf_addf(out, ", \"maxItems\": %lld", (long long)row->max);
        sl_buf_adds(out, SL_STR("}, {"));
        add_type(out, row, row->item);
        sl_buf_adds(out, SL_STR("}]"));
    }
}

static void add_default(struct sl_buf *out, const struct cfg_setting *row)
{
    if (row->preset == NULL)
        return;
    bool is_bare = row->type == CFG_BOOL || row->type == CFG_INT;
    sl_buf_adds(out, SL_STR(", \"default\": "));
    if (is_bare)
        sl_buf_adds(out, sl_str_c(row->preset));
    else
        sl_buf_add_json(out, sl_str_c(row->preset));
}

static void property(struct sl_buf *out, const struct cfg_setting *row, unsigned depth)
{
    indent(out, depth);
    sl_buf_addf(out, "\"%s\": {\"description\": ", row->name);
    sl_buf_add_json(out, sl_str_c(row->text));
    sl_buf_adds(out, SL_STR(", "));
    if (row->type == CFG_SECTION) {
        sl_buf_adds(out, SL_STR("\"allOf\": ["));
        section(out, row->section, depth);
        sl_buf_addc(out, ']');
    } else if (row->type == CFG_MAP) {
        sl_buf_adds(out, SL_STR("\"type\": [\"object\", \"null\"], \"additionalProperties\": "));
        section(out, row->section, depth);
    } else if (row->type == CFG_LIST) {
        add_items(out, row, depth);
    } else if (row->type == CFG_TREE) {
        sl_buf_adds(out, SL_STR("\"type\": [\"object\", \"array\", \"string\"]"));
    } else {
        add_type(out, row, row->type);
    }
    add_default(out, row);
    sl_buf_addc(out, '}');
}

static void properties(struct sl_buf *out, const struct cfg_section *sec, unsigned depth)
{
    const char *comma = "";
    sl_buf_adds(out, SL_STR("\"properties\": {\n"));
    for (const struct cfg_setting *row = sec->settings; row->name != NULL; row++) {
        if (row != sec->settings)
            sl_buf_adds(out, SL_STR(",\n"));
        property(out, row, depth + 1);
    }
    sl_buf_addc(out, '\n');
    indent(out, depth);
    sl_buf_adds(out, SL_STR("}, \"additionalProperties\": false"));
    for (const struct cfg_setting *row = sec->settings; row->name != NULL; row++) {
        if ((row->flags & CFG_REQUIRED) == 0)
            continue;
        sl_buf_addf(out, "%s\"%s\"", comma[0] == 0 ? ", \"required\": [" : comma, row->name);
        comma = ", ";
    }
    if (comma[0] != 0)
        sl_buf_addc(out, ']');
}

/* An object; where a short form exists, or that. Nothing at all (null) is a section of defaults. */
static void section(struct sl_buf *out, const struct cfg_section *sec, unsigned depth)
{
    if (sec->short_form == NULL) {
        sl_buf_adds(out, SL_STR("{\"type\": [\"object\", \"null\"], "));
        properties(out, sec, depth);
        sl_buf_addc(out, '}');
        return;
    }
    const struct cfg_setting *row = section_setting(sec, sl_str_c(sec->short_form));
    sl_buf_addf(out, "{\"anyOf\": [{\"type\": [\"string\", \"number\", \"null\"%s%s]}, {\"type\": \"object\", ",
                row->type == CFG_LIST || row->type == CFG_TREE ? ", \"array\"" : "",
                (row->flags & CFG_OFF) != 0 ? ", \"boolean\"" : "");
    properties(out, sec, depth);
    sl_buf_adds(out, SL_STR("}]}"));
}

void cfg_schema_json(const struct cfg_section *root, struct sl_buf *out)
{
    sl_buf_add(out, HEAD, sizeof HEAD - 1);
    sl_buf_adds(out, SL_STR("  \"type\": [\"object\", \"null\"], "));
    properties(out, root, 1);
    sl_buf_adds(out, SL_STR("\n}\n"));
}
