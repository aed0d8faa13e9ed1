#include "route/settings.h"

static const char *model_refused(struct sl_str name)
{
    if (name.n > ROUTE_NAME_MAX)
        return "is longer than 200 bytes";
    return sl_str_find(name, ' ') >= 0 ? "holds a blank" : NULL;
}

static const char *alias_refused(struct sl_str name)
{
    if (name.n > ROUTE_NAME_MAX)
        return "a name longer than 200 bytes";
    return sl_str_find(name, ' ') >= 0 ? "a name with a blank in it" : NULL;
}

static const struct cfg_section TARGET = {
    .short_form = "to",
    .settings = (const struct cfg_setting[]){
        {"to", CFG_STRING_AT(struct target_settings, to), .flags = CFG_REQUIRED,
         .text = "`provider/model`: a provider of this file, and its own name for the model."},
        CFG_END}};

const struct cfg_section model_settings_section = {
    .short_form = "targets",
    .name_offset = offsetof(struct model_settings, name),
    .name_called = "model",
    .name_refused = model_refused,
    .settings = (const struct cfg_setting[]){
        {"targets", CFG_SECTIONS_AT(struct model_settings, targets, &TARGET), .max = ROUTE_TARGETS_MAX,
         .flags = CFG_REQUIRED,
         .text = "Who serves it, in the order in which they are tried: `provider/model`, or `{to: provider/model}`."},
        {"aliases", CFG_LIST_AT(struct model_settings, aliases, CFG_STRING), .max = 100, .refused = alias_refused,
         .text = "Other names that clients may ask for it by."},
        CFG_END}};
