/* See video.h: the jobs, their lives, the account of them. */
#include "base/hash.h"
#include "base/mem.h"
#include "sim/ask.h"
#include "sim/video.h"

#include <stdio.h>

#define PROMPT_MAX 65536u

static const char *const fates[] = {"ok", "fail", "policy", "expire", "vanish", "stuck", "filtered"};
static const char *const births[] = {"ok", "lost", "late", "error", "hang", "slow", "busy"};
static const char *const vendors[] = {"ark",        "openai",  "gemini",    "vertex", "runway",    "kling",
                                      "xai",        "minimax", "dashscope", "fal",    "replicate", "luma",
                                      "minimax-v1", "vidu",    "pixverse",  "omni"};
static const char *const states[] = {"queued", "running", "succeeded", "failed", "expired", "cancelled", "gone"};

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static const struct video_knobs video_preset = {
    .takes_ns = SL_SEC, .queue_ns = 200 * SL_MS, .bytes = 100000, .link_s = 86400};

struct video_store *sim_video_store_of(struct sim *s)
{
    if (s->videos == NULL) {
        s->videos = SL_NEW(struct video_store);
        s->videos->preset = video_preset;
    }
    return s->videos;
}

static void clear(struct video_store *s)
{
    for (size_t i = 0; i < s->n; i++) {
        sl_free(s->v[i]->prompt);
        sl_free(s->v[i]);
    }
    s->n = 0;
}

void sim_video_store_free(struct video_store *s)
{
    if (s == NULL)
        return;
    clear(s);
    sl_free(s->v);
    sl_free(s);
}

/* ---- knobs ---- */

static int word_of(const char *const *v, size_t n, struct sl_str s)
{
    for (size_t i = 0; i < n; i++)
        if (sl_str_eq(s, sl_str_c(v[i])))
            return (int)i;
    return -1;
}

static bool set_knob(struct video_knobs *k, struct sl_str name, struct sl_str value)
{
    uint64_t n = 0;
    int word;
    if (sl_str_eq(name, SL_STR("fate")) && (word = word_of(fates, COUNT(fates), value)) >= 0) {
        k->fate = (enum video_fate)word;
        return true;
    }
    if (sl_str_eq(name, SL_STR("create")) && (word = word_of(births, COUNT(births), value)) >= 0) {
        k->birth = (enum video_birth)word;
        return true;
    }
    if (!sl_str_to_u64(value, &n) || n > UINT64_C(1000000000000))
        return false;
    if (sl_str_eq(name, SL_STR("takes")))
        k->takes_ns = (int64_t)(n % 1000000000) * SL_MS;
    else if (sl_str_eq(name, SL_STR("queue")))
        k->queue_ns = (int64_t)(n % 1000000000) * SL_MS;
    else if (sl_str_eq(name, SL_STR("bytes")))
        k->bytes = n;
    else if (sl_str_eq(name, SL_STR("link")))
        k->link_s = (int64_t)n;
    else if (sl_str_eq(name, SL_STR("times")))
        k->times = n;
    else
        return false;
    return true;
}

/* "[[video fate=policy takes=500]]" anywhere in the prompt. */
static struct video_knobs knobs_of(struct sim_call *c, struct sl_str prompt)
{
    static const struct sl_str mark = SL_STR_INIT("[[video");
    struct video_knobs k = sim_video_store_of(c->sim)->preset;
    ptrdiff_t at = sl_str_find_str(prompt, mark);
    if (at < 0)
        return k;
    struct sl_str rest = sl_str_from(prompt, (size_t)at + mark.n);
    ptrdiff_t end = sl_str_find_str(rest, SL_STR("]]"));
    struct sl_str words = end >= 0 ? sl_str_head(rest, (size_t)end) : SL_STR_NONE;
    while (words.n > 0) {
        struct sl_str word = sl_str_cut(&words, ' '), name = sl_str_cut(&word, '=');
        set_knob(&k, name, word);
    }
    return k;
}

/* ---- jobs ---- */

static uint64_t key_of(const struct sim_call *c)
{
    static const struct sl_hash_key hash = {7, 11};
    struct sl_str key = http_headers_get(&c->r->headers, HN_X_GOOG_API_KEY);
    if (http_headers_get(&c->r->headers, HN_API_KEY).n > 0)
        key = http_headers_get(&c->r->headers, HN_API_KEY);
    if (sim_key_is_jwt(http_headers_get(&c->r->headers, HN_AUTHORIZATION))) /* made anew now and then */
        key = SL_STR("jwt");
    return sl_hash(hash, key.n > 0 ? key : http_headers_get(&c->r->headers, HN_AUTHORIZATION));
}

bool sim_video_is_mine(const struct sim_call *c, const struct video_job *j)
{
    return j->key == key_of(c);
}

struct video_job *sim_video_make(struct sim_call *c, enum video_vendor vendor, const char *prefix, struct sl_str prompt)
{
    struct video_store *s = sim_video_store_of(c->sim);
    struct video_job *j = SL_NEW(struct video_job);
    prompt = sl_str_head(prompt, PROMPT_MAX);
    j->vendor = vendor;
    j->k = knobs_of(c, prompt);
    j->key = key_of(c);
    j->born_ns = sl_loop_now(c->sim->loop);
    j->born_s = sl_loop_wall(c->sim->loop) / SL_SEC;
    j->prompt = sl_malloc(prompt.n + 1);
    if (prompt.n > 0)
        memcpy(j->prompt, prompt.p, prompt.n);
    j->prompt[prompt.n] = 0;
    if (s->preset.times > 0 && --s->preset.times == 0) {
        s->preset.fate = FATE_OK;
        s->preset.birth = BIRTH_OK;
    }
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 256 : s->cap * 2;
        s->v = sl_realloc(s->v, s->cap * sizeof *s->v);
    }
    snprintf(j->id, sizeof j->id, "%s%08llx%08x", prefix, (unsigned long long)(sl_rand_next(&c->sim->rand) >> 32),
             (unsigned)s->n);
    sim_keep(j->model, sizeof j->model, c->model);
    s->v[s->n++] = j;
    s->creates++;
    return j;
}

struct video_job *sim_video_find(struct sim_call *c, enum video_vendor vendor, struct sl_str id)
{
    struct video_store *s = sim_video_store_of(c->sim);
    uint64_t index = 0;
    if (id.n < 16 || id.n >= VIDEO_ID)
        return NULL;
    for (size_t i = id.n - 8; i < id.n; i++) {
        char ch = id.p[i];
        if (!((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f')))
            return NULL;
        index = index * 16 + (uint64_t)(ch <= '9' ? ch - '0' : ch - 'a' + 10);
    }
    struct video_job *j = index < s->n ? s->v[index] : NULL;
    bool there = j != NULL && j->vendor == vendor && sl_str_eq(sl_str_c(j->id), id) && !j->deleted;
    return there && sim_video_is_mine(c, j) && sim_video_state_of(c->sim, j) != STATE_GONE ? j : NULL;
}

enum video_state sim_video_state_of(struct sim *s, const struct video_job *j)
{
    int64_t age = sl_loop_now(s->loop) - j->born_ns;
    if (j->cancelled)
        return STATE_CANCELLED;
    if (age < j->k.queue_ns)
        return STATE_QUEUED;
    if (age < j->k.takes_ns || j->k.fate == FATE_STUCK)
        return STATE_RUNNING;
    switch (j->k.fate) {
    case FATE_OK:
    case FATE_FILTERED:
    case FATE_STUCK:
        return STATE_DONE;
    case FATE_FAIL:
    case FATE_POLICY:
        return STATE_FAILED;
    case FATE_EXPIRE:
        return STATE_EXPIRED;
    case FATE_VANISH:
        return STATE_GONE;
    }
    return STATE_FAILED;
}

int64_t sim_video_ended_s(struct sim *s, const struct video_job *j)
{
    enum video_state state = sim_video_state_of(s, j);
    int64_t takes = j->k.takes_ns > j->k.queue_ns ? j->k.takes_ns : j->k.queue_ns;
    return state == STATE_QUEUED || state == STATE_RUNNING ? sl_loop_wall(s->loop) / SL_SEC
                                                           : j->born_s + takes / SL_SEC;
}

unsigned sim_video_progress(struct sim *s, const struct video_job *j)
{
    int64_t age = sl_loop_now(s->loop) - j->born_ns - j->k.queue_ns, all = j->k.takes_ns - j->k.queue_ns;
    if (sim_video_state_of(s, j) == STATE_DONE)
        return 100;
    return age <= 0 || all <= 0 ? 0 : age >= all ? 99 : (unsigned)(age * 100 / all);
}

/* seedance.md section 13 */
void sim_video_size_tokens(struct video_job *j)
{
    uint64_t frames = j->frames > 0 ? j->frames : (uint64_t)j->seconds * 24 + 1;
    frames += (uint64_t)j->input_seconds * 24;
    j->tokens = (uint64_t)j->w * j->h * frames / 1024;
}

/* ---- creation ---- */

static void send_ready(struct sim_call *c)
{
    sim_answer(c, 200, SIM_JSON, c->ready);
}

static const struct sim_error broken = {.trouble = TROUBLE_INTERNAL,
                                        .status = 500,
                                        .type = "server_error",
                                        .code = "InternalServiceError",
                                        .message = "The service encountered an unexpected internal error."};
static const struct sim_error no_room = {.trouble = TROUBLE_OVERLOADED,
                                         .status = 429,
                                         .type = "TooManyRequests",
                                         .code = "ServerOverloaded",
                                         .message = "The service is currently unable to handle additional requests."};

bool sim_video_no_room(struct sim_call *c, struct sl_str prompt)
{
    struct video_store *s = sim_video_store_of(c->sim);
    if (knobs_of(c, prompt).birth != BIRTH_BUSY && s->n < VIDEO_JOBS_MAX)
        return false;
    if (s->preset.times > 0 && --s->preset.times == 0)
        s->preset.birth = BIRTH_OK;
    s->refused++;
    sim_refuse(c, &no_room);
    return true;
}

void sim_video_born(struct sim_call *c, struct video_job *j, struct sl_str answer)
{
    c->ready = sl_arena_str(c->s->arena, answer);
    switch (j->k.birth) {
    case BIRTH_OK:
    case BIRTH_BUSY:
        send_ready(c);
        break;
    case BIRTH_LOST:
        sim_reset(c);
        break;
    case BIRTH_LATE:
        sim_answer(c, 500, SL_STR("text/html"), SL_STR("<html><h1>500 Internal Server Error</h1></html>"));
        break;
    case BIRTH_ERROR:
        sim_refuse(c, &broken);
        break;
    case BIRTH_HANG:
        break; /* until the client goes */
    case BIRTH_SLOW:
        sim_after(c, SL_SEC, send_ready);
        break;
    }
}

bool sim_video_refused(struct sim_call *c, struct sl_str raw)
{
    const struct sim_error *e = sim_key_error(c, raw);
    if (e == NULL && c->too_large)
        e = &sim_error_too_large;
    if (e != NULL)
        sim_refuse(c, e);
    return e != NULL;
}

bool sim_video_guard(struct sim_call *c, struct sl_str raw)
{
    if (sim_video_refused(c, raw))
        return true;
    sim_faults_choose(c);
    return sim_fault_instead(c);
}

/* ---- the account ---- */

static void add_job(struct sim *s, struct sl_buf *b, const struct video_job *j)
{
    enum video_state state = sim_video_state_of(s, j);
    bool billed = state == STATE_DONE && j->k.fate != FATE_FILTERED;
    sl_buf_addf(b, "{\"id\":\"%s\",\"vendor\":\"%s\",\"status\":\"%s\",\"billed\":%s,\"model\":", j->id,
                vendors[j->vendor], states[state], billed ? "true" : "false");
    sl_buf_add_json(b, sl_str_c(j->model));
    sl_buf_adds(b, SL_STR(",\"prompt\":"));
    sl_buf_add_json(b, sl_str_head(sl_str_c(j->prompt), 200));
    sl_buf_adds(b, SL_STR(",\"user\":"));
    sl_buf_add_json(b, sl_str_c(j->user));
    sl_buf_addf(b,
                ",\"seconds\":%u,\"tokens\":%llu,\"width\":%u,\"height\":%u,\"created_at\":%lld,\"polls\":%llu,"
                "\"downloads\":%llu,\"sent\":%llu,\"deleted\":%s}",
                j->seconds, (unsigned long long)j->tokens, j->w, j->h, (long long)j->born_s,
                (unsigned long long)j->polls, (unsigned long long)j->downloads, (unsigned long long)j->sent,
                j->deleted ? "true" : "false");
}

/* {"creates", "polls", "lists", "deletes", "refused", "leaked", "billed": {"jobs", "seconds", "tokens"}, "jobs": [...]}: leaked:
 * credentials that came to where signed links lead. */
static void get_account(struct sim_call *c)
{
    struct video_store *s = sim_video_store_of(c->sim);
    uint64_t jobs = 0, seconds = 0, tokens = 0;
    struct sl_buf b;
    for (size_t i = s->first; i < s->n; i++) {
        if (sim_video_state_of(c->sim, s->v[i]) != STATE_DONE || s->v[i]->k.fate == FATE_FILTERED)
            continue;
        jobs++;
        seconds += s->v[i]->seconds;
        tokens += s->v[i]->tokens;
    }
    sl_buf_init(&b, SIM_ANSWER_MAX);
    sl_buf_addf(&b,
                "{\"creates\":%llu,\"polls\":%llu,\"lists\":%llu,\"deletes\":%llu,\"refused\":%llu,\"leaked\":%llu,"
                "\"billed\":{\"jobs\":%llu,\"seconds\":%llu,\"tokens\":%llu},\"jobs\":[",
                (unsigned long long)s->creates, (unsigned long long)s->polls, (unsigned long long)s->lists,
                (unsigned long long)s->deletes, (unsigned long long)s->refused, (unsigned long long)s->leaked,
                (unsigned long long)jobs, (unsigned long long)seconds, (unsigned long long)tokens);
    for (size_t i = s->first; i < s->n; i++) {
        sl_buf_adds(&b, i > s->first ? SL_STR(",\n") : SL_STR_NONE);
        add_job(c->sim, &b, s->v[i]);
    }
    sl_buf_adds(&b, SL_STR("]}"));
    sim_answer(c, 200, SIM_JSON, sl_buf_str(&b));
    sl_buf_done(&b);
}

static void set_preset(struct sim_call *c)
{
    struct sl_str raw = sl_chunks_flat(&c->body);
    yyjson_doc *doc = raw.n > 0 ? yyjson_read_opts((char *)(uintptr_t)raw.p, raw.n, 0, &sim_json_alc, NULL) : NULL;
    yyjson_val *root = yyjson_doc_get_root(doc), *key;
    yyjson_obj_iter it;
    bool good = yyjson_is_obj(root);
    struct video_knobs k = sim_video_store_of(c->sim)->preset;
    yyjson_obj_iter_init(root, &it);
    while (good && (key = yyjson_obj_iter_next(&it)) != NULL) {
        yyjson_val *v = yyjson_obj_iter_get_val(key);
        char digits[24];
        struct sl_str value = yyjson_is_uint(v) ? sl_str_of(digits, sl_u64_digits(yyjson_get_uint(v), digits))
                                                : sim_str(v);
        good = set_knob(&k, sl_str_of(yyjson_get_str(key), yyjson_get_len(key)), value);
    }
    yyjson_doc_free(doc);
    if (!good) {
        sim_say_no(c, "takes, queue, bytes, link, times are numbers; fate and create are words of the manual");
        return;
    }
    sim_video_store_of(c->sim)->preset = k;
    sim_answer(c, 200, SIM_JSON, SL_STR("{}"));
}

/* A download may still run: jobs are only hidden. */
static void forget(struct sim *sim)
{
    struct video_store *s = sim_video_store_of(sim), fresh = {.v = s->v, .n = s->n, .cap = s->cap, .first = s->n};
    for (size_t i = 0; i < s->n; i++)
        s->v[i]->deleted = true;
    fresh.preset = video_preset;
    *s = fresh;
}

void sim_video_control(struct sim_call *c)
{
    if (c->r->method == HTTP_GET) {
        get_account(c);
    } else if (c->r->method == HTTP_POST) {
        set_preset(c);
    } else if (c->r->method == HTTP_DELETE) {
        forget(c->sim);
        sim_answer(c, 200, SIM_JSON, SL_STR("{}"));
    } else {
        sim_refuse(c, &sim_error_not_found);
    }
}
