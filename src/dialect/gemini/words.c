/* The words of enums, and what they mean. gemini.md 7.3, 9.1, 10.2 and translate-gemini.md 2, 8.2, 11 (November 2026). Enums come
 * as numbers from endpoints asked for enum-encoding=int; only the values that both of Google's surfaces number alike are known. */
#include "dialect/gemini/gemini_int.h"

enum gem_end gem_end_of(struct sl_str word)
{
    static const struct {
        struct sl_str word;
        enum gem_end end;
    } rows[] = {
        {SL_STR_INIT("STOP"), GEM_END_STOP},
        {SL_STR_INIT("1"), GEM_END_STOP},
        {SL_STR_INIT("MAX_TOKENS"), GEM_END_LENGTH},
        {SL_STR_INIT("2"), GEM_END_LENGTH},
        {SL_STR_INIT("CONTINUATION"), GEM_END_LENGTH}, /* the cap of one request: nobody continues it here */
        {SL_STR_INIT("SAFETY"), GEM_END_FILTER},
        {SL_STR_INIT("3"), GEM_END_FILTER},
        {SL_STR_INIT("RECITATION"), GEM_END_FILTER},
        {SL_STR_INIT("4"), GEM_END_FILTER},
        {SL_STR_INIT("BLOCKLIST"), GEM_END_FILTER},
        {SL_STR_INIT("PROHIBITED_CONTENT"), GEM_END_FILTER},
        {SL_STR_INIT("SPII"), GEM_END_FILTER},
        {SL_STR_INIT("MODEL_ARMOR"), GEM_END_FILTER},
        {SL_STR_INIT("JAILBREAK"), GEM_END_FILTER},
        {SL_STR_INIT("IMAGE_SAFETY"), GEM_END_FILTER},
        {SL_STR_INIT("IMAGE_PROHIBITED_CONTENT"), GEM_END_FILTER},
        {SL_STR_INIT("IMAGE_RECITATION"), GEM_END_FILTER},
        {SL_STR_INIT("MALFORMED_FUNCTION_CALL"), GEM_END_MALFORMED},
        {SL_STR_INIT("MALFORMED_RESPONSE"), GEM_END_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_eq(rows[i].word, word))
            return rows[i].end;
    return GEM_END_OTHER;
}

bool gemini_is_filter(struct sl_str reason)
{
    return gem_end_of(reason) == GEM_END_FILTER;
}

struct sl_str gem_finish_word(enum neutral_finish f)
{
    switch (f) {
    case FINISH_LENGTH:
    case FINISH_CONTEXT:
        return SL_STR("MAX_TOKENS");
    case FINISH_CONTENT_FILTER:
        return SL_STR("SAFETY");
    case FINISH_MALFORMED_CALL:
        return SL_STR("MALFORMED_FUNCTION_CALL");
    case FINISH_OTHER:
        return SL_STR("OTHER");
    default: /* also when the provider did not say: the answer is whole, and clients try again without a word */
        return SL_STR("STOP");
    }
}

enum gem_modality gem_modality_of(struct sl_str word)
{
    static const struct {
        struct sl_str word, number;
        enum gem_modality is;
    } rows[] = {{SL_STR_INIT("TEXT"), SL_STR_INIT("1"), GEM_TEXT},
                {SL_STR_INIT("IMAGE"), SL_STR_INIT("2"), GEM_IMAGE},
                {SL_STR_INIT("AUDIO"), SL_STR_INIT("4"), GEM_AUDIO}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_eq(rows[i].word, word) || sl_str_eq(rows[i].number, word))
            return rows[i].is;
    return GEM_OTHER;
}

int gem_status_of(struct sl_str word)
{
    static const struct {
        struct sl_str word;
        int status;
    } rows[] = {
        {SL_STR_INIT("CANCELLED"), 499},
        {SL_STR_INIT("UNKNOWN"), 500},
        {SL_STR_INIT("INVALID_ARGUMENT"), 400},
        {SL_STR_INIT("DEADLINE_EXCEEDED"), 504},
        {SL_STR_INIT("NOT_FOUND"), 404},
        {SL_STR_INIT("ALREADY_EXISTS"), 409},
        {SL_STR_INIT("PERMISSION_DENIED"), 403},
        {SL_STR_INIT("UNAUTHENTICATED"), 401},
        {SL_STR_INIT("RESOURCE_EXHAUSTED"), 429},
        {SL_STR_INIT("FAILED_PRECONDITION"), 400},
        {SL_STR_INIT("ABORTED"), 409},
        {SL_STR_INIT("OUT_OF_RANGE"), 400},
        {SL_STR_INIT("UNIMPLEMENTED"), 501},
        {SL_STR_INIT("INTERNAL"), 500},
        {SL_STR_INIT("UNAVAILABLE"), 503},
        {SL_STR_INIT("DATA_LOSS"), 500},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_eq(rows[i].word, word))
            return rows[i].status;
    return 0;
}

static const struct {
    struct sl_str google, neutral;
} tiers[] = {
    {SL_STR_INIT("standard"), SL_STR_INIT("default")},    {SL_STR_INIT("flex"), SL_STR_INIT("flex")},
    {SL_STR_INIT("priority"), SL_STR_INIT("priority")},   {SL_STR_INIT("ON_DEMAND"), SL_STR_INIT("default")},
    {SL_STR_INIT("ON_DEMAND_FLEX"), SL_STR_INIT("flex")}, {SL_STR_INIT("ON_DEMAND_PRIORITY"), SL_STR_INIT("priority")}};

struct sl_str gem_tier_to_neutral(struct sl_str word)
{
    for (size_t i = 0; i < sizeof tiers / sizeof tiers[0]; i++)
        if (sl_str_eq_nocase(tiers[i].google, word))
            return tiers[i].neutral;
    return SL_STR_NONE;
}

struct sl_str gem_tier_from_neutral(struct sl_str word)
{
    if (sl_str_eq(word, SL_STR("standard_only")))
        return SL_STR("standard");
    for (size_t i = 0; i < sizeof tiers / sizeof tiers[0]; i++)
        if (sl_str_eq(tiers[i].neutral, word) || sl_str_eq(tiers[i].google, word))
            return tiers[i].google;
    return SL_STR_NONE;
}
