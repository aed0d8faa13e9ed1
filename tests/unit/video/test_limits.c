/* Every version of every adapter, against its own limits: what it cannot do is refused before anything is written, by the member that
 * is wrong, and the refusal names what it can. The limits of rows come from the rows; of the others they stand here once more
 * (seedance.md 3.1, video.md A1 to A4). */
#include "lib.h"

#include "video/table.h"

struct limits {
    struct sl_str seconds; /* comma-separated; empty: least to most */
    unsigned least, most;
    struct sl_str resolutions, ratios;           /* empty: any */
    struct sl_str long_seconds, long_resolution; /* these seconds in these resolutions only */
    struct sl_str large_seconds;                 /* above 720p only these; empty: all (Veo) */
};

static const struct {
    const char *kind, *model;
    struct limits is; /* of what is no row */
} versions[] = {
#define S SL_STR_INIT
#define ARK(model, least, most, resolutions)                                                                           \
    {                                                                                                                  \
        "ark", model,                                                                                                  \
        {                                                                                                              \
            S(""), least, most, S(resolutions), S("16:9,9:16,4:3,3:4,1:1,21:9"), S(""), S(""), S("")                   \
        }                                                                                                              \
    }
#define VEO(kind, model, seconds, resolutions)                                                                         \
    {                                                                                                                  \
        kind, model,                                                                                                   \
        {                                                                                                              \
            S(seconds), 0, 0, S(resolutions), S("16:9,9:16"), S(""), S(""), S("8")                                     \
        }                                                                                                              \
    }
#define OMNI(model, most, resolutions)                                                                                 \
    {                                                                                                                  \
        "gemini", model,                                                                                               \
        {                                                                                                              \
            S(""), 3, most, S(resolutions), S("16:9,9:16"), S(""), S(""), S("")                                        \
        }                                                                                                              \
    }
    ARK("dreamina-seedance-2-5-260628", 4, 30, "480p,720p,1080p"),
    ARK("dreamina-seedance-2-0-fast-260128", 4, 15, "480p,720p"),
    ARK("dreamina-seedance-2-0-mini-260128", 4, 15, "480p,720p"),
    ARK("dreamina-seedance-2-0-260128", 4, 15, "480p,720p,1080p,4k"),
    ARK("doubao-seedance-1-5-pro-251215", 4, 12, "480p,720p,1080p"),
    ARK("doubao-seedance-1-0-pro-fast-251015", 2, 12, "480p,720p,1080p"),
    ARK("doubao-seedance-1-0-pro-250528", 2, 12, "480p,720p,1080p"),
    ARK("doubao-seedance-1-0-lite-t2v-250428", 2, 12, "480p,720p,1080p"),
    VEO("gemini", "veo-3.1-lite-generate-preview", "4,6,8", "720p,1080p"),
    VEO("gemini", "veo-3.1-generate-preview", "4,6,8", "720p,1080p,4k"),
    VEO("gemini", "veo-3.0-generate-001", "4,6,8", "720p,1080p"),
    VEO("gemini", "veo-2.0-generate-001", "5,6,7,8", "720p"),
    VEO("vertex", "veo-3.1-generate-001", "4,6,8", "720p,1080p,4k"),
    VEO("vertex", "veo-2.0-generate-001", "5,6,7,8", "720p"),
    OMNI("gemini-omni-1.2-flash", 15, "360p,720p,1080p,4k"),
    OMNI("gemini-omni-1.1-flash", 10, "360p,720p,1080p,4k"),
    OMNI("gemini-omni-flash-preview", 10, "720p"),
    {"runway", "gen4.5", {.least = 0}},
    {"kling", "kling-v3", {.least = 0}},
    {"xai", "grok-imagine-video", {.least = 0}},
    {"minimax", "MiniMax-H3", {.least = 0}},
    {"minimax", "MiniMax-Hailuo-2.3", {.least = 0}},
    {"minimax", "MiniMax-Hailuo-02", {.least = 0}},
    {"minimax", "T2V-01-Director", {.least = 0}},
    {"minimax", "video-01", {.least = 0}},
    {"qwen", "wan3-t2v", {.least = 0}},
    {"qwen", "wanx2.1-t2v-turbo", {.least = 0}},
    {"fal", "fal-ai/x", {.least = 0}},
    {"replicate", "o/m", {.least = 0}},
    {"luma", "ray-2", {.least = 0}},
    {"vidu", "viduq3-pro", {.least = 0}},
    {"vidu", "viduq2", {.least = 0}},
    {"vidu", "viduq1", {.least = 0}},
    {"vidu", "vidu2.0", {.least = 0}},
    {"vidu", "vidu1.5", {.least = 0}},
    {"pixverse", "v6", {.least = 0}},
    {"pixverse", "c1", {.least = 0}},
    {"pixverse", "v5", {.least = 0}},
};

static const struct table_row *row_of(const struct video_adapter *a)
{
    for (unsigned i = 0; i < VIDEO_ROWS; i++)
        if (a == &video_rows[i].adapter)
            return &video_rows[i];
    return NULL;
}

static struct limits limits_of(size_t i, const struct video_adapter *a)
{
    const struct table_row *row = row_of(a);
    if (row == NULL)
        return versions[i].is;
    struct limits is = {.seconds = row->seconds,
                        .least = row->least_s,
                        .most = row->most_s,
                        .resolutions = row->resolutions,
                        .ratios = row->ratios};
    for (unsigned k = 0; k < row->n_limits; k++) {
        const struct table_limit *l = &row->limits[k];
        if (sl_str_find_str(sl_str_c(versions[i].model), l->model) < 0)
            continue;
        is.seconds = l->seconds;
        is.resolutions = l->resolutions;
        is.long_seconds = l->long_seconds;
        is.long_resolution = l->long_resolutions;
        break;
    }
    return is;
}

static bool in(struct sl_str list, struct sl_str word)
{
    return list.n == 0 || video_list_has(list, word);
}

/* Asked strictly, so that nothing is rounded; *no where it is refused. */
static bool asked(struct bench *b, size_t i, const char *more)
{
    char body[256];
    bench_begin(b, versions[i].kind, versions[i].model);
    b->call.strict = true;
    snprintf(body, sizeof body, "{\"model\":\"v\",\"prompt\":\"A\"%s}", more);
    if (!bench_openai(b, body))
        fail_msg("%s: not read: %s", versions[i].model, body);
    bool fine = bench_check(b);
    bool written = b->call.adapter->create_write(&b->call, &b->http, &b->body, &b->no);
    if (fine != written || (!fine && b->body.n > 0))
        fail_msg("%s: %s: checked %d, written %d, %zu bytes", versions[i].model, body, fine, written, b->body.n);
    return fine;
}

static void refused_by(const struct bench *b, const char *model, const char *param, const char *named)
{
    if (!sl_str_eq(b->no.param, sl_str_c(param)) || sl_str_find_str(b->no.message, sl_str_c(named)) < 0)
        fail_msg("%s: %.*s: %.*s, instead of %s: %s", model, SL_STR_ARG(b->no.param), SL_STR_ARG(b->no.message), param,
                 named);
}

static void lengths(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(versions); i++) {
        for (unsigned s = 1; s < 70; s++) {
            struct bench b;
            char more[64], text[16], range[64];
            snprintf(more, sizeof more, ",\"seconds\":\"%u\"", s);
            snprintf(text, sizeof text, "%u", s);
            bool fine = asked(&b, i, more);
            struct limits is = limits_of(i, b.call.adapter);
            bool can = is.seconds.n > 0 ? in(is.seconds, sl_str_c(text)) : s >= is.least && s <= is.most;
            if (fine != can)
                fail_msg("%s: %u seconds: %d", versions[i].model, s, fine);
            snprintf(range, sizeof range, is.seconds.n > 0 ? "%.*s" : "%.*s%u to %u", SL_STR_ARG(is.seconds), is.least,
                     is.most);
            if (!can)
                refused_by(&b, versions[i].model, "seconds", range);
            bench_end(&b);
        }
    }
}

static const char *const resolutions[] = {"240p", "360p",  "480p",  "512p", "540p", "720p",
                                          "768p", "1080p", "1440p", "4k",   "8k"};

static void sizes(void **state)
{
    (void)state;
    static const char *const ratios[] = {"16:9", "9:16", "4:3", "3:4", "1:1", "21:9", "9:21", "3:2", "2:3", "5:4"};
    for (size_t i = 0; i < N(versions); i++) {
        for (size_t k = 0; k < N(resolutions) + N(ratios); k++) {
            struct bench b;
            bool ratio = k >= N(resolutions);
            const char *word = ratio ? ratios[k - N(resolutions)] : resolutions[k],
                       *param = ratio ? "aspect_ratio" : "resolution";
            char more[64], named[128];
            snprintf(more, sizeof more, ",\"%s\":\"%s\"", param, word);
            bool fine = asked(&b, i, more);
            struct limits is = limits_of(i, b.call.adapter);
            struct sl_str list = ratio ? is.ratios : is.resolutions;
            if (fine != in(list, sl_str_c(word)))
                fail_msg("%s: %s: %d", versions[i].model, word, fine);
            /* two ratios are named as "16:9 or 9:16", the first of more alone is enough here */
            snprintf(named, sizeof named, "%.*s", ratio ? 4 : (int)list.n, list.n > 0 ? list.p : "");
            if (!fine)
                refused_by(&b, versions[i].model, param, named);
            bench_end(&b);
        }
    }
}

/* Each length that there is in each resolution that there is. */
static void pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(versions); i++) {
        for (unsigned n = 0; n < 70 * N(resolutions); n++) {
            struct bench b;
            const char *word = resolutions[n % N(resolutions)];
            char more[96], text[16];
            snprintf(text, sizeof text, "%u", 1 + n / (unsigned)N(resolutions));
            snprintf(more, sizeof more, ",\"seconds\":\"%s\",\"resolution\":\"%s\"", text, word);
            bool fine = asked(&b, i, more);
            struct limits is = limits_of(i, b.call.adapter);
            struct sl_str s = sl_str_c(text), resolution = sl_str_c(word);
            uint64_t seconds = 0;
            sl_str_to_u64(s, &seconds);
            bool length = is.seconds.n > 0 ? in(is.seconds, s) : seconds >= is.least && seconds <= is.most;
            bool large = is.large_seconds.n > 0 && !sl_str_eq(resolution, SL_STR("720p"));
            bool can = length && in(is.resolutions, resolution) && (!large || in(is.large_seconds, s)) &&
                       (is.long_seconds.n == 0 || !in(is.long_seconds, s) || in(is.long_resolution, resolution));
            if (fine != can)
                fail_msg("%s: %s seconds in %s: %d", versions[i].model, text, word, fine);
            if (!fine && length && in(is.resolutions, resolution))
                refused_by(&b, versions[i].model, "seconds", large ? "8 seconds" : "only");
            bench_end(&b);
        }
    }
}

/* OpenAI's own shape has sizes in pixels. */
static void openai(void **state)
{
    (void)state;
    static const struct {
        const char *model, *more, *param, *named;
    } rows[] = {
        {"sora-2", ",\"seconds\":\"8\",\"size\":\"1280x720\"", NULL, NULL},
        {"sora-2", ",\"seconds\":\"5\"", "seconds", "4,8,12"},
        {"sora-2", ",\"seconds\":\"13\"", "seconds", "4,8,12"},
        {"sora-2", ",\"size\":\"1792x1024\"", "size", "720x1280,1280x720"},
        {"sora-2-pro", ",\"size\":\"1792x1024\"", NULL, NULL},
        {"sora-2-pro", ",\"size\":\"1920x1080\"", "size", "1024x1792"},
        {"sora-2-pro", ",\"seconds\":\"16\"", "seconds", "4,8,12"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct bench b;
        char body[256];
        bench_begin(&b, "openai", rows[i].model);
        snprintf(body, sizeof body, "{\"model\":\"v\",\"prompt\":\"A\"%s}", rows[i].more);
        assert_true(bench_openai(&b, body));
        assert_int_equal(bench_check(&b), rows[i].param == NULL);
        if (rows[i].param != NULL)
            refused_by(&b, rows[i].model, rows[i].param, rows[i].named);
        bench_end(&b);
    }
}

/* No adapter, no limit of a row is left out above. */
static void complete(void **state)
{
    (void)state;
    const struct video_adapter *a;
    for (unsigned k = 0; (a = video_adapter_at(k)) != NULL; k++) {
        bool seen = strcmp(a->name, "openai") == 0;
        for (size_t i = 0; i < N(versions); i++)
            seen = seen || video_adapter_find(sl_str_c(versions[i].kind), sl_str_c(versions[i].model)) == a;
        if (!seen)
            fail_msg("no version of %s", a->name);
    }
    for (unsigned k = 0; k < VIDEO_ROWS; k++) {
        for (unsigned l = 0; l < video_rows[k].n_limits; l++) {
            bool seen = false;
            for (size_t i = 0; i < N(versions) && !seen; i++) {
                struct sl_str model = sl_str_c(versions[i].model);
                seen = video_adapter_find(sl_str_c(versions[i].kind), model) == &video_rows[k].adapter &&
                       sl_str_find_str(model, video_rows[k].limits[l].model) >= 0;
            }
            if (!seen)
                fail_msg("no version for %.*s", SL_STR_ARG(video_rows[k].limits[l].model));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths), cmocka_unit_test(sizes),    cmocka_unit_test(pairs),
        cmocka_unit_test(openai),  cmocka_unit_test(complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
