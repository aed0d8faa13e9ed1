/* Recorded traffic of providers that speak OpenAI's chat format, through the pure parts of the gateway: streams come out byte for
 * byte, spliced requests say the same but for what was changed, usage is what the record says, estimates are of the right size.
 *
 * The argument is the source directory; records are looked for in $SLUICE_CORPUS, else in ../shared/corpus beside it. Exits with
 * 77 (skipped) and says so when there are none. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include <yyjson.h>
#include <zlib.h>

#include "base/check.h"
#include "base/rand.h"
#include "dialect/openai_chat/openai_chat.h"
#include "dialect/relay_same.h"
#include "tokens/estimate.h"

#define LINE_MAX_BYTES ((size_t)8 << 20)
#define RATIOS_MAX 20000

static struct {
    unsigned requests, without_model, streams, comments, incomplete, answers, usages, failures;
    double ratios[RATIOS_MAX];
    unsigned n_ratios;
} seen;

static void fail(const char *id, const char *what)
{
    seen.failures++;
    printf("%s: %s\n", id, what);
}

static const char *text_of(yyjson_val *record, const char *key)
{
    const char *s = yyjson_get_str(yyjson_obj_get(record, key));
    return s != NULL ? s : "";
}

/* -- Requests ------------------------------------------------------------------------------------------------------------- */

static struct sl_str joined(const struct body_pieces *p, struct sl_arena *a)
{
    char *s = sl_arena_alloc(a, p->bytes);
    size_t n = 0;
    for (int i = 0; i < p->n; n += p->v[i].iov_len, i++)
        memcpy(s + n, p->v[i].iov_base, p->v[i].iov_len);
    return sl_str_of(s, n);
}

static bool is_changed(const char *key)
{
    static const char *const keys[] = {"model", "stream_options", "task", "fallback", "models", "route"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static bool others_are_equal(yyjson_val *before, yyjson_val *after)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(before);
    for (yyjson_val *k; (k = yyjson_obj_iter_next(&it)) != NULL;)
        if (!is_changed(yyjson_get_str(k)) &&
            !yyjson_equals(yyjson_obj_iter_get_val(k), yyjson_obj_get(after, yyjson_get_str(k))))
            return false;
    return true;
}

static void check_splice(const char *id, const struct request_facts *f, struct sl_str body, struct sl_arena *a)
{
    struct body_pieces p;
    openai_request_encode_same(f, body, &(struct request_change){.model = SL_STR("new/\"model\""), .ask_usage = true},
                               a, &p);
    struct sl_str got = joined(&p, a);
    yyjson_doc *b = yyjson_read(body.p, body.n, YYJSON_READ_NUMBER_AS_RAW),
               *g = yyjson_read(got.p, got.n, YYJSON_READ_NUMBER_AS_RAW);
    yyjson_val *root = yyjson_doc_get_root(g), *options = yyjson_obj_get(root, "stream_options");
    if (g == NULL || b == NULL || !others_are_equal(yyjson_doc_get_root(b), root) ||
        !yyjson_equals_str(yyjson_obj_get(root, "model"), "new/\"model\""))
        fail(id, "the splice changed something else");
    if (f->stream && !yyjson_is_true(yyjson_obj_get(options, "include_usage")))
        fail(id, "usage is not asked for");
    yyjson_doc_free(b);
    yyjson_doc_free(g);
}

static void check_request(const char *id, yyjson_val *record, uint64_t prompt_tokens, struct sl_arena *a)
{
    yyjson_val *json = yyjson_obj_get(record, "request_body");
    if (!yyjson_is_obj(json))
        return;
    size_t n = 0;
    char *written = yyjson_val_write(json, 0, &n);
    const char *exact = yyjson_get_str(yyjson_obj_get(record, "request_text"));
    struct sl_str body = exact != NULL ? sl_str_c(exact) : sl_str_of(written, n);
    struct request_facts f;
    struct request_refusal r;
    seen.requests++;
    if (openai_request_decode(OP_CHAT, body, a, &f, &r)) {
        struct body_pieces p;
        openai_request_encode_same(&f, body, &(struct request_change){.ask_usage = false}, a, &p);
        if (f.hints.task.n == 0 && f.hints.n_models == 0 && f.hints.route.n == 0 && f.hints.fallback == SAID_NOTHING &&
            (p.n != 1 || p.v[0].iov_base != body.p))
            fail(id, "an unchanged request is not its own bytes");
        check_splice(id, &f, body, a);
        if (prompt_tokens > 20 && seen.n_ratios < RATIOS_MAX)
            seen.ratios[seen.n_ratios++] = (double)tokens_estimate_input(f.payload_bytes, f.messages) /
                                           (double)prompt_tokens;
    } else if (sl_str_eq(r.error.param, SL_STR("model"))) {
        seen.without_model++;
    } else if (!sl_str_eq(r.error.param, SL_STR("route")) && !sl_str_eq(r.error.param, SL_STR("models"))) {
        fail(id, sl_arena_cstr(a, r.error.message));
    }
    free(written);
}

/* -- Streams -------------------------------------------------------------------------------------------------------------- */

static struct sl_str relayed(struct sl_str in, unsigned options, struct sl_rand *rand, struct sl_arena *a,
                             struct relay_state *state, bool *complete)
{
    char *out = sl_arena_alloc(a, in.n + 1);
    size_t n = 0;
    struct relay_same r;
    relay_same_init(&r, dialect_find(SL_STR("openai")), options, a);
    while (in.n > 0) {
        size_t step = rand == NULL ? in.n : 1 + (size_t)sl_rand_below(rand, 1500);
        const struct iovec *v;
        int count;
        relay_same_feed(&r, sl_str_head(in, step), &v, &count);
        for (int i = 0; i < count; n += v[i].iov_len, i++)
            memcpy(out + n, v[i].iov_base, v[i].iov_len);
        in = sl_str_from(in, step < in.n ? step : in.n);
    }
    *state = r.state;
    *complete = relay_same_complete(&r);
    relay_same_done(&r);
    return sl_str_of(out, n);
}

static bool has_comment(struct sl_str s)
{
    return sl_str_starts(s, SL_STR(":")) || sl_str_find_str(s, SL_STR("\n:")) >= 0;
}

/* What must come out of a stream without comments: everything before the terminal event. */
static struct sl_str before_done(struct sl_str s)
{
    ptrdiff_t at = sl_str_find_str(s, SL_STR("data: [DONE]"));
    if (at < 0)
        at = sl_str_find_str(s, SL_STR("data:[DONE]"));
    return at < 0 ? s : sl_str_head(s, (size_t)at);
}

/* The last usage object of the stream, as another reader finds it. */
static uint64_t prompt_in_stream(struct sl_str s)
{
    uint64_t found = 0;
    while (s.p != NULL && s.n > 0) {
        struct sl_str line = sl_str_cut(&s, '\n');
        if (!sl_str_starts(line, SL_STR("data:")))
            continue;
        struct sl_str data = sl_str_trim(sl_str_from(line, 5));
        yyjson_doc *d = yyjson_read(data.p, data.n, 0);
        yyjson_val *u = yyjson_obj_get(yyjson_doc_get_root(d), "usage");
        if (yyjson_is_obj(u))
            found = yyjson_get_uint(yyjson_obj_get(u, "prompt_tokens"));
        yyjson_doc_free(d);
    }
    return found;
}

/* Hidden usage: no event has the key with null, none is there for usage only. */
static void check_hidden(const char *id, struct sl_str out)
{
    while (out.p != NULL && out.n > 0) {
        struct sl_str line = sl_str_cut(&out, '\n');
        if (!sl_str_starts(line, SL_STR("data:")))
            continue;
        struct sl_str data = sl_str_trim(sl_str_from(line, 5));
        yyjson_doc *d = yyjson_read(data.p, data.n, YYJSON_READ_NUMBER_AS_RAW);
        yyjson_val *root = yyjson_doc_get_root(d), *u = yyjson_obj_get(root, "usage");
        if (yyjson_is_null(u))
            fail(id, "\"usage\":null came through");
        if (yyjson_is_obj(u) && yyjson_is_arr(yyjson_obj_get(root, "choices")) &&
            yyjson_arr_size(yyjson_obj_get(root, "choices")) == 0)
            fail(id, "a usage event came through");
        if (yyjson_is_obj(root) != (d != NULL))
            fail(id, "an event was broken");
        yyjson_doc_free(d);
    }
}

static uint64_t check_stream(const char *id, struct sl_str in, struct sl_arena *a)
{
    struct sl_rand rand;
    sl_rand_seed(&rand, in.n);
    struct relay_state whole, sliced;
    bool complete, complete_sliced;
    struct sl_str one = relayed(in, 0, NULL, a, &whole, &complete),
                  two = relayed(in, 0, &rand, a, &sliced, &complete_sliced);
    seen.streams++;
    seen.incomplete += !complete;
    if (!sl_str_eq(one, two) || complete != complete_sliced || whole.events != sliced.events)
        fail(id, "slices make a difference");
    if (has_comment(in))
        seen.comments++;
    else if (complete && !sl_str_eq(one, before_done(in)) && sl_str_find_str(in, SL_STR("\nevent:")) < 0)
        fail(id, "the stream did not come out byte for byte");
    uint64_t prompt = prompt_in_stream(in);
    if (prompt != whole.usage.prompt)
        fail(id, "usage differs");
    seen.usages += whole.usage.found;
    check_hidden(id, relayed(in, RELAY_HIDE_USAGE, &rand, a, &whole, &complete));
    return prompt;
}

/* -- Answers -------------------------------------------------------------------------------------------------------------- */

static uint64_t check_answer(const char *id, yyjson_val *json, struct sl_arena *a)
{
    size_t n = 0;
    char *text = yyjson_val_write(json, 0, &n);
    struct answer_facts f, watched;
    openai_answer_decode(sl_str_of(text, n), &f);
    struct openai_answer_watch w;
    openai_answer_watch_init(&w, a);
    for (size_t at = 0; at < n; at += 700)
        openai_answer_watch_feed(&w, sl_str_head(sl_str_from(sl_str_of(text, n), at), 700));
    openai_answer_watch_done(&w, &watched);
    yyjson_val *u = yyjson_obj_get(json, "usage"), *prompt = yyjson_obj_get(u, "prompt_tokens");
    seen.answers++;
    seen.usages += f.usage.found;
    if (!f.valid || !watched.valid)
        fail(id, "a valid answer was not taken");
    if (memcmp(&f.usage, &watched.usage, sizeof f.usage) != 0)
        fail(id, "slices make a difference");
    if (yyjson_is_uint(prompt) && f.usage.prompt != yyjson_get_uint(prompt))
        fail(id, "usage differs");
    free(text);
    return yyjson_is_uint(prompt) ? yyjson_get_uint(prompt) : 0;
}

/* -- Files ---------------------------------------------------------------------------------------------------------------- */

static void check_record(yyjson_val *record)
{
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    const char *id = text_of(record, "id");
    yyjson_val *body = yyjson_obj_get(record, "response_body");
    bool ok = yyjson_get_int(yyjson_obj_get(record, "status")) == 200;
    uint64_t prompt = 0;
    if (ok && strcmp(text_of(record, "response_encoding"), "sse") == 0)
        prompt = check_stream(id, sl_str_of(yyjson_get_str(body), yyjson_get_len(body)), &a);
    else if (yyjson_is_obj(body))
        prompt = check_answer(id, body, &a);
    check_request(id, record, strcmp(text_of(record, "api"), "openai.chat") == 0 ? prompt : 0, &a);
    sl_arena_done(&a);
}

static void check_file(const char *path)
{
    gzFile f = gzopen(path, "rb");
    SL_CHECK(f != NULL);
    char *line = malloc(LINE_MAX_BYTES);
    while (gzgets(f, line, (int)LINE_MAX_BYTES) != NULL) {
        yyjson_doc *d = yyjson_read(line, strlen(line), 0);
        SL_CHECK(d != NULL);
        check_record(yyjson_doc_get_root(d));
        yyjson_doc_free(d);
    }
    free(line);
    gzclose(f);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void check_estimates(void)
{
    if (seen.n_ratios < 50)
        return;
    qsort(seen.ratios, seen.n_ratios, sizeof seen.ratios[0], compare);
    double low = seen.ratios[seen.n_ratios / 20], middle = seen.ratios[seen.n_ratios / 2],
           high = seen.ratios[seen.n_ratios - 1 - seen.n_ratios / 20];
    printf("estimate to reported input tokens of %u calls: 5%% %.2f, middle %.2f, 95%% %.2f\n", seen.n_ratios, low,
           middle, high);
    if (middle < 0.8 || middle > 2.0 || low < 0.3 || high > 10.0)
        fail("estimates", "not of the right size");
}

int main(int argc, char **argv)
{
    SL_CHECK(argc == 2);
    char folder[4096];
    const char *set = getenv("SLUICE_CORPUS");
    snprintf(folder, sizeof folder, "%s%s", set != NULL ? set : argv[1], set != NULL ? "" : "/../shared/corpus");
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        printf("skipped: no recorded traffic in %s\n", folder);
        return 77;
    }
    unsigned files = 0;
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
        struct sl_str name = sl_str_c(e->d_name);
        if (!sl_str_ends(name, SL_STR(".chat.jsonl.gz")) || sl_str_starts(name, SL_STR("cohere.")))
            continue; /* cohere.chat is Cohere's own format */
        char path[8192];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        check_file(path);
        files++;
    }
    closedir(dir);
    check_estimates();
    printf(
        "%u files, %u requests (%u without model), %u streams (%u with comments, %u not complete), %u answers, %u usages, "
        "%u failures\n",
        files, seen.requests, seen.without_model, seen.streams, seen.comments, seen.incomplete, seen.answers,
        seen.usages, seen.failures);
    return seen.failures > 0 || files == 0;
}
