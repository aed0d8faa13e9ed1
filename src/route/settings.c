#include "route/settings.h"

#include "base/clock.h"

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

static const char *route_refused(struct sl_str name)
{
    if (name.n > 128)
        return "is longer than 128 bytes";
    return sl_str_find(name, ' ') >= 0 ? "holds a blank" : NULL;
}

#define ORDER_TEXT                                                                                                     \
    "What decides who is tried first. `weighted` draws, `cheapest`, `fastest` and `scored` compare what is expected, " \
    "`least-busy` looks at what is in flight, `cache-affine` keeps conversations where their prompts are cached."
#define STICKY_TEXT                                                                                                    \
    "Whose draws stay the same: user, key, tenant, conversation, header:NAME or tag:NAME. Not set: each request draws."

static const struct cfg_section TARGET = {
    .short_form = "to",
    .settings = (const struct cfg_setting[]){
        {"to", CFG_STRING_AT(struct target_settings, to), .flags = CFG_REQUIRED,
         .text = "`provider/model`: a provider of this file, and its own name for the model."},
        {"when", CFG_TREE_AT(struct target_settings, when),
         .text = "`degraded` or `down`: kept back until all targets above it are so. Or conditions as in a rule: left "
                 "out where they do not hold."},
        {"weight", CFG_INT_AT(struct target_settings, weight), .preset = "1", .min = 1, .max = ROUTE_WEIGHT_MAX,
         .text = "Its share of the draws of the order `weighted`."},
        {"percent", CFG_INT_AT(struct target_settings, percent), .max = 100,
         .text = "Its exact share, in percent; those of all targets add up to 100."},
        {"tier", CFG_INT_AT(struct target_settings, tier), .preset = "0", .max = ROUTE_TIERS_MAX,
         .text = "Targets of a higher tier are used only when those of the lower ones cannot serve or failed."},
        CFG_END}};

const struct cfg_section model_settings_section = {
    .short_form = "targets",
    .name_offset = offsetof(struct model_settings, name),
    .name_called = "model",
    .name_refused = model_refused,
    .settings = (const struct cfg_setting[]){
        {"targets", CFG_SECTIONS_AT(struct model_settings, targets, &TARGET), .max = ROUTE_TARGETS_MAX,
         .text = "Who serves it, in the order in which they are tried: `provider/model`, or `{to: provider/model}`. "
                 "This or `route` must be there."},
        {"order", CFG_ENUM_AT(struct model_settings, order, route_order_words), .preset = "ordered",
         .text = ORDER_TEXT},
        {"sticky", CFG_STRING_AT(struct model_settings, sticky), .text = STICKY_TEXT},
        {"route", CFG_STRING_AT(struct model_settings, route),
         .text = "A route (`routes`) that chooses the targets, in place of `targets`."},
        {"aliases", CFG_LIST_AT(struct model_settings, aliases, CFG_STRING), .max = 100, .refused = alias_refused,
         .text = "Other names that clients may ask for it by."},
        CFG_END}};

static const struct cfg_word THEN[] = {{"stop", 0, "nothing behind this rule is tried"},
                                       {"next", 1, "the rules behind it that hold are, too, when its targets fail"},
                                       {NULL, 0, NULL}};

static const struct cfg_section RULE = {
    .settings = (const struct cfg_setting[]){
        {"name", CFG_STRING_AT(struct rule_settings, name), .text = "For explanations; else rules are numbered."},
        {"when", CFG_TREE_AT(struct rule_settings, when),
         .text = "Conditions, all of which must hold: `{task: [code], input_tokens: \"> 50k\"}`; see "
                 "docs/internals/routing.md for all of them. Not set: it always holds."},
        {"use", CFG_TREE_AT(struct rule_settings, use),
         .text = "Targets, in the order in which they are tried: `provider/model`, the name of a model, `{to: ..., "
                 "when: ..., weight: ..., percent: ..., tier: ...}`, `{route: NAME}`, or a group `{use: [...], order: "
                 "...}`."},
        {"order", CFG_ENUM_AT(struct rule_settings, order, route_order_words), .preset = "ordered", .text = ORDER_TEXT},
        {"sticky", CFG_STRING_AT(struct rule_settings, sticky), .text = STICKY_TEXT},
        {"script", CFG_PATH_AT(struct rule_settings, script),
         .text =
             "A Lua 5.4 file with a function `route(request)` that gives a list of targets, in place of `use`. When "
             "it fails or gives none, the next rule is asked."},
        {"then", CFG_ENUM_AT(struct rule_settings, then, THEN), .preset = "stop",
         .text = "Whether the rules behind it that hold are further fallbacks. Rules that are left without any target "
                 "always go on to the next."},
        CFG_END}};

static const struct cfg_word RESCUE[] = {{"as-all", ROUTE_RESCUE_AS_ALL, "what `resilience.rescue` says"},
                                         {"continue", ROUTE_RESCUE_CONTINUE, "as there"},
                                         {"restart", ROUTE_RESCUE_RESTART, "as there"},
                                         {"error", ROUTE_RESCUE_ERROR, "as there"},
                                         {"hold", ROUTE_RESCUE_HOLD, "as there"},
                                         {NULL, 0, NULL}};

#define ROUTE_DEADLINE_AT(m)                                                                                           \
    CFG_DURATION_AT(struct route_deadline_settings, m), .preset = "0", .min = 0, .max = 86400 * SL_SEC

static const struct cfg_section DEADLINE = {
    .settings = (const struct cfg_setting[]){
        {"first_byte", ROUTE_DEADLINE_AT(first_byte_ns), .text = "To the first byte of a streamed answer."},
        {"answer", ROUTE_DEADLINE_AT(answer_ns), .text = "The same for an answer that is not streamed."},
        {"first_token", ROUTE_DEADLINE_AT(first_token_ns), .text = "To the first output of a stream."},
        {"thinking", ROUTE_DEADLINE_AT(thinking_ns), .text = "The same for models that may think first."},
        {"between_tokens", ROUTE_DEADLINE_AT(between_tokens_ns), .text = "Between two pieces of output."},
        {"total", ROUTE_DEADLINE_AT(total_ns), .text = "To the end of the answer, all tries included."},
        CFG_END}};

const struct cfg_section route_settings_section = {
    .short_form = "rules",
    .name_offset = offsetof(struct route_settings, name),
    .name_called = "route",
    .name_refused = route_refused,
    .settings = (const struct cfg_setting[]){
        {"rules", CFG_SECTIONS_AT(struct route_settings, rules, &RULE), .max = 1000, .flags = CFG_REQUIRED,
         .text = "In order; the first one whose `when` holds decides."},
        {"rescue", CFG_ENUM_AT(struct route_settings, rescue, RESCUE), .preset = "as-all",
         .text =
             "What happens to a stream that breaks once the client has seen output, where a rule of this route gave "
             "the first place of the plan."},
        {"deadline", CFG_SECTION_AT(struct route_settings, deadline, &DEADLINE),
         .text = "How long a provider may take there, in place of `resilience.deadline`. 0: as there."},
        {"on_request", CFG_BOOL_AT(struct route_settings, on_request), .preset = "false",
         .text =
             "Requests may ask for this route themselves (`route`, x-sluice-route), whatever model they name, where "
             "their key grants `route:NAME`."},
        CFG_END}};
