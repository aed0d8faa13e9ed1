/* The effective configuration, with secrets masked: as YAML, which reads back to the same values but for the secrets,
 * and as JSON. */
#include "config/config_int.h"

#define INDENT 2u

static void indent(struct sl_buf *out, unsigned n)
{
    while (n-- > 0)
        sl_buf_addc(out, ' ');
}

/* Nothing to show: a text that was not set. */
static bool is_unset(const struct cfg *c, const struct cfg_setting *row, const void *member)
{
    switch (row->type) {
    case CFG_STRING:
    case CFG_PATH:
    case CFG_ADDRESS:
    case CFG_URL: /* their text comes first */
    case CFG_TREE:
        return ((const struct sl_str *)member)->n == 0 && !value_is_off(c, row, member);
    case CFG_SECRET:
        return ((const struct sl_secret *)member)->n == 0;
    case CFG_LIST:
    case CFG_MAP:
        return member_items(member).n == 0;
    case CFG_INT: /* one that has no preset: 0 was not said, and may not be */
        return row->preset == NULL && !cfg_is_set(c, member);
    default:
        return false;
    }
}

static bool is_of_sections(const struct cfg_setting *row)
{
    return row->type == CFG_MAP || (row->type == CFG_LIST && row->item == CFG_SECTION);
}

/* The settings of a section, one a line; the first line goes on where `out` is when `is_begun` (after "- "). */
static void section_yaml(const struct cfg *c, struct sl_buf *out, const struct cfg_section *sec, const char *base,
                         unsigned depth, bool is_begun)
{
    for (const struct cfg_setting *row = sec->settings; row->name != NULL; row++) {
        const char *member = base + row->offset;
        if (is_unset(c, row, member))
            continue;
        if (!is_begun)
            indent(out, depth);
        is_begun = false;
        sl_buf_addf(out, "%s:", row->name);
        if (row->type == CFG_SECTION) {
            sl_buf_addc(out, '\n');
            section_yaml(c, out, row->section, member, depth + INDENT, false);
            continue;
        }
        if (!is_of_sections(row)) {
            sl_buf_addc(out, ' ');
            value_add_text(out, row, member);
            sl_buf_addc(out, '\n');
            continue;
        }
        sl_buf_addc(out, '\n');
        struct items items = member_items(member);
        for (size_t i = 0; i < items.n; i++) {
            const char *item = item_at(row, items, i);
            indent(out, depth + INDENT);
            if (row->type == CFG_LIST) {
                sl_buf_adds(out, SL_STR("- "));
                section_yaml(c, out, row->section, item, depth + 2 * INDENT, true);
            } else {
                value_add_plain(out, *(const struct sl_str *)(const void *)(item + row->section->name_offset));
                sl_buf_adds(out, SL_STR(":\n"));
                section_yaml(c, out, row->section, item, depth + 2 * INDENT, false);
            }
        }
    }
}

void cfg_dump_yaml(const struct cfg *c, struct sl_buf *out)
{
    section_yaml(c, out, c->root, (const char *)c->values, 0, false);
}

/* JSON -------------------------------------------------------------------------------------------------------------- */

static void section_json(const struct cfg *c, struct sl_buf *out, const struct cfg_section *sec, const char *base,
                         unsigned depth);

static void scalar_json(struct sl_buf *out, const struct cfg_setting *row, enum cfg_type type, const void *member)
{
    struct cfg_setting item = *row;
    item.type = type;
    struct sl_buf text;
    sl_buf_init(&text, 2 * CFG_VALUE_MAX);
    switch (type) {
    case CFG_BOOL:
        value_add_text(out, &item, member);
        break;
    case CFG_INT:
        sl_buf_add_u64(out, member_uint(&item, member));
        break;
    case CFG_STRING:
    case CFG_PATH:
    case CFG_ADDRESS:
    case CFG_URL:
        if ((row->flags & CFG_OFF) != 0 && ((const struct sl_str *)member)->n == 0)
            sl_buf_adds(out, SL_STR("\"off\""));
        else
            sl_buf_add_json(out, *(const struct sl_str *)member);
        break;
    case CFG_SECRET:
        sl_buf_adds(out, SL_STR("\"***\""));
        break;
    case CFG_TREE:
        sl_buf_adds(out, *(const struct sl_str *)member);
        break;
    default:
        value_add_text(&text, &item, member);
        sl_buf_add_json(out, sl_buf_str(&text));
    }
    sl_buf_done(&text);
}

static void items_json(const struct cfg *c, struct sl_buf *out, const struct cfg_setting *row, const void *member,
                       unsigned depth)
{
    struct items items = member_items(member);
    bool is_map = row->type == CFG_MAP;
    sl_buf_addc(out, is_map ? '{' : '[');
    for (size_t i = 0; i < items.n; i++) {
        const char *item = item_at(row, items, i);
        sl_buf_adds(out, i > 0 ? SL_STR(",\n") : SL_STR("\n"));
        indent(out, depth + INDENT);
        if (is_map) {
            sl_buf_add_json(out, *(const struct sl_str *)(const void *)(item + row->section->name_offset));
            sl_buf_adds(out, SL_STR(": "));
        }
        if (is_of_sections(row))
            section_json(c, out, row->section, item, depth + INDENT);
        else
            scalar_json(out, row, row->item, item);
    }
    sl_buf_addc(out, '\n');
    indent(out, depth);
    sl_buf_addc(out, is_map ? '}' : ']');
}

static void section_json(const struct cfg *c, struct sl_buf *out, const struct cfg_section *sec, const char *base,
                         unsigned depth)
{
    bool is_first = true;
    sl_buf_addc(out, '{');
    for (const struct cfg_setting *row = sec->settings; row->name != NULL; row++) {
        const char *member = base + row->offset;
        if (is_unset(c, row, member))
            continue;
        sl_buf_adds(out, is_first ? SL_STR("\n") : SL_STR(",\n"));
        is_first = false;
        indent(out, depth + INDENT);
        sl_buf_addf(out, "\"%s\": ", row->name);
        if (row->type == CFG_SECTION)
            section_json(c, out, row->section, member, depth + INDENT);
        else if (row->type == CFG_LIST || row->type == CFG_MAP)
            items_json(c, out, row, member, depth + INDENT);
        else
            scalar_json(out, row, row->type, member);
    }
    if (!is_first) {
        sl_buf_addc(out, '\n');
        indent(out, depth);
    }
    sl_buf_addc(out, '}');
}

void cfg_dump_json(const struct cfg *c, struct sl_buf *out)
{
    section_json(c, out, c->root, c->values, 0);
    sl_buf_addc(out, '\n');
}
