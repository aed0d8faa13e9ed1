/* Nothing that a client says is dropped in silence: whatever the adapter, a member changes what is sent, or is named in a note or a
 * refusal. A new member of a face belongs into these lists. */
#include "lib.h"

static const char *const targets[][2] = {
    {"ark", "dreamina-seedance-2-5-260628"},
    {"byteplus", "seedance-1-0-pro-250528"},
    {"openai", "sora-2"},
    {"gemini", "veo-3.1-generate-preview"},
    {"vertex", "veo-3.1-generate-preview"},
    {"gemini", "gemini-omni-1.2-flash"},
    {"runway", "gen4.5"},
    {"kling", "kling-v3"},
    {"xai", "grok-imagine-video"},
    {"minimax", "MiniMax-H3"},
    {"minimax", "MiniMax-Hailuo-2.3"},
    {"qwen", "wan3-t2v"},
    {"fal", "fal-ai/kling-video/v2/master"},
    {"replicate", "bytedance/seedance-1-pro"},
    {"luma", "ray-2"},
    {"vidu", "viduq2"},
    {"pixverse", "v5"},
};

struct said {
    const char *json, *name;
};
static const struct said of_openai[] = {
    {"\"seconds\":\"8\"", "seconds"},
    {"\"size\":\"720x1280\"", "size"},
    {"\"resolution\":\"480p\"", "resolution"},
    {"\"aspect_ratio\":\"9:16\"", "aspect_ratio"},
    {"\"fps\":30", "fps"},
    {"\"n\":2", "n"},
    {"\"seed\":7", "seed"},
    {"\"negative_prompt\":\"rain\"", "negative_prompt"},
    {"\"audio\":true", "audio"},
    {"\"audio\":false", "audio"},
    {"\"watermark\":true", "watermark"},
    {"\"camera_fixed\":true", "camera_fixed"},
    {"\"return_last_frame\":true", "return_last_frame"},
    {"\"person_generation\":\"allow_adult\"", "person_generation"},
    {"\"service_tier\":\"flex\"", "service_tier"},
    {"\"output_format\":\"mov\"", "output_format"},
    {"\"user\":\"u\"", "user"},
    {"\"safety_identifier\":\"u\"", "user"},
    {"\"provider_options\":{\"nobody\":{\"x\":1}}", "provider_options"},
    {"\"cfg_scale\":3", "cfg_scale"},
    {"\"input_reference\":{\"image_url\":\"data:image/png;base64,iVBORw0KGgo=\"}", "input_reference"},
    {"\"references\":[{\"type\":\"image\",\"url\":\"https://x.example/a.png\"}]", "references"},
    {"\"references\":[{\"type\":\"video\",\"url\":\"https://x.example/a.mp4\"}]", "references"},
};
static const struct said of_ark[] = {
    {"\"resolution\":\"480p\"", "resolution"},
    {"\"ratio\":\"9:16\"", "ratio"},
    {"\"duration\":8", "duration"},
    {"\"frames\":121", "frames"},
    {"\"seed\":7", "seed"},
    {"\"camera_fixed\":true", "camera_fixed"},
    {"\"watermark\":true", "watermark"},
    {"\"generate_audio\":false", "generate_audio"},
    {"\"generate_audio\":true", "generate_audio"},
    {"\"return_last_frame\":true", "return_last_frame"},
    {"\"draft\":true", "draft"},
    {"\"service_tier\":\"flex\"", "service_tier"},
    {"\"priority\":3", "priority"},
    {"\"output_format\":\"mov\"", "output_format"},
    {"\"omni_reference_task_type\":\"reference\"", "task type"},
    {"\"execution_expires_after\":7200", "execution_expires_after"},
    {"\"safety_identifier\":\"u\"", "user"},
    {"\"tools\":[{\"type\":\"web_search\"}]", "tools"},
    {"\"of_tomorrow\":1", "of_tomorrow"},
};

/* What is sent, with what is noted; empty: it is refused. */
static struct sl_str outcome(struct bench *b, const char *kind, const char *model, bool ark, const char *json)
{
    struct sl_buf all;
    bench_begin(b, kind, model);
    b->call.project = SL_STR("p");
    b->call.location = SL_STR("l");
    bool fine = ark ? bench_ark(b, json) : bench_openai(b, json);
    b->call.user = b->req.user;
    fine = fine && video_check(&b->call, &b->notes, &b->no) &&
           b->call.adapter->create_write(&b->call, &b->http, &b->body, &b->no);
    if (!fine)
        return SL_STR_NONE;
    sl_buf_init(&all, 1u << 20);
    sl_buf_adds(&all, b->http.path);
    sl_buf_adds(&all, sl_buf_str(&b->body));
    for (unsigned i = 0; i < b->notes.n; i++)
        sl_buf_adds(&all, b->notes.v[i]);
    struct sl_str out = sl_arena_str(&b->a, sl_buf_str(&all));
    sl_buf_done(&all);
    return out;
}

/* What these do unasked. */
static const char *const made_anyway[][2] = {
    {"dreamina-seedance-2-5-260628", "audio\":true"},
    {"seedance-1-0-pro-250528", "audio\":false"},
    {"sora-2", "audio\":true"},
    {"veo-3.1-generate-preview", "audio\":true"},
    {"gemini-omni-1.2-flash", "audio\":true"},
    {"kling-v3", "audio\":false"},
};

static bool is_made_anyway(const char *model, const char *json)
{
    for (size_t i = 0; i < N(made_anyway); i++)
        if (strcmp(made_anyway[i][0], model) == 0 && strstr(json, made_anyway[i][1]) != NULL)
            return true;
    return false;
}

static unsigned silent;

static void one(const char *kind, const char *model, bool ark, const char *plain, const struct said *s)
{
    struct bench with, without;
    char json[512];
    snprintf(json, sizeof json, "%.*s,%s}", (int)strlen(plain) - 1, plain, s->json);
    struct sl_str before = outcome(&without, kind, model, ark, plain), after = outcome(&with, kind, model, ark, json);
    assert_true(before.n > 0);
    if (after.n == 0) {
        assert_true(with.no.message.n > 0);
    } else if (sl_str_eq(before, after) && !is_made_anyway(model, s->json)) {
        silent++;
        print_message("%s %s, %s: %s is dropped in silence\n", kind, model, ark ? "Ark" : "OpenAI", s->json);
    }
    bench_end(&with);
    bench_end(&without);
}

static void nothing_is_dropped(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(targets); i++) {
        for (size_t k = 0; k < N(of_openai); k++)
            one(targets[i][0], targets[i][1], false, "{\"model\":\"m\",\"prompt\":\"A cat\"}", &of_openai[k]);
        for (size_t k = 0; k < N(of_ark); k++)
            one(targets[i][0], targets[i][1], true,
                "{\"model\":\"m\",\"content\":[{\"type\":\"text\",\"text\":\"A cat\"}]}", &of_ark[k]);
    }
    assert_int_equal(silent, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_dropped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
