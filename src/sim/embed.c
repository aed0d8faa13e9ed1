/* Embeddings: openai.md 10. Values are multiples of 1/256 between -0.5 and 0.5, exact in float32 and in decimal, so that both
 * encodings say the same. The vector depends on the text alone. */
#include "base/hash.h"
#include "base/mem.h"
#include "sim/sim_int.h"

#define NUMBERS_MAX 4000000u /* in one answer: it stays under SIM_ANSWER_MAX */

static const struct sl_hash_key text_key = {0x656d62u, 0x6564u};

void sim_embeddings_prepare(struct sim *s)
{
    for (unsigned i = 0; i < 256; i++) {
        unsigned k = i < 128 ? 128 - i : i - 128;
        char *p = s->fractions[i];
        size_t n = 0;
        if (i < 128)
            p[n++] = '-';
        p[n++] = '0';
        p[n++] = '.';
        for (unsigned digit = 10000000, rest = k * 390625; digit > 0; digit /= 10)
            p[n++] = (char)('0' + rest / digit % 10);
        s->fractions_n[i] = (uint8_t)n;
    }
}

static void add_base64(struct sl_buf *b, const unsigned char *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *to = sl_buf_room(b, (n + 2) / 3 * 4);
    size_t at = 0;
    if (to == NULL)
        return;
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)p[i] << 16 | (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0u);
        to[at++] = digits[v >> 18];
        to[at++] = digits[v >> 12 & 63];
        to[at++] = i + 1 < n ? digits[v >> 6 & 63] : '=';
        to[at++] = i + 2 < n ? digits[v & 63] : '=';
    }
    sl_buf_wrote(b, at);
}

static void add_vector(const struct sim *s, struct sl_buf *b, uint64_t seed, uint32_t dimensions, bool base64)
{
    struct sl_rand r;
    unsigned char v[SIM_DIMENSIONS_MAX * 4];
    sl_rand_seed(&r, seed);
    if (!base64)
        sl_buf_addc(b, '[');
    for (uint32_t i = 0; i < dimensions; i++) {
        unsigned k = (unsigned)sl_rand_below(&r, 256);
        if (!base64) {
            if (i > 0)
                sl_buf_addc(b, ',');
            sl_buf_add(b, s->fractions[k], s->fractions_n[k]);
            continue;
        }
        float f = ((float)k - 128.0f) / 256.0f;
        memcpy(v + 4 * i, &f, 4); /* little-endian, as the machines we run on */
    }
    if (!base64) {
        sl_buf_addc(b, ']');
        return;
    }
    sl_buf_addc(b, '"');
    add_base64(b, v, (size_t)dimensions * 4);
    sl_buf_addc(b, '"');
}

static uint64_t seed_of(yyjson_val *item)
{
    uint64_t h = 1;
    size_t i, max;
    yyjson_val *v;
    if (yyjson_is_str(item))
        return sl_hash(text_key, sl_str_of(yyjson_get_str(item), yyjson_get_len(item)));
    yyjson_arr_foreach(item, i, max, v)
    {
        h = h * 0x100000001b3u + yyjson_get_uint(v);
    }
    return h;
}

static uint32_t tokens_of(yyjson_val *item)
{
    return yyjson_is_str(item) ? (uint32_t)((yyjson_get_len(item) + 3) / 4) : (uint32_t)yyjson_arr_size(item);
}

static const struct sim_error bad_input = {
    .status = 400,
    .type = "invalid_request_error",
    .code = "invalid_value",
    .param = "input",
    .message = "'input' is a text, a list of 1 to 2048 texts, or lists of token numbers."};
static const struct sim_error bad_dimensions = {.status = 400,
                                                .type = "invalid_request_error",
                                                .code = "invalid_value",
                                                .param = "dimensions",
                                                .message = "'dimensions' is an integer from 1 to 3072."};
static const struct sim_error bad_format = {.status = 400,
                                            .type = "invalid_request_error",
                                            .code = "invalid_value",
                                            .param = "encoding_format",
                                            .message = "'encoding_format' is \"float\" or \"base64\"."};

struct embed_ask {
    yyjson_val *input;
    bool many, base64;
    uint32_t dimensions;
};

static bool input_is_good(const struct embed_ask *a)
{
    size_t i, max;
    yyjson_val *v;
    if (yyjson_is_str(a->input))
        return yyjson_get_len(a->input) > 0;
    if (yyjson_arr_size(a->input) == 0 || (a->many && yyjson_arr_size(a->input) > SIM_INPUTS_MAX))
        return false;
    yyjson_arr_foreach(a->input, i, max, v)
    {
        bool good = a->many ? yyjson_is_str(v) || yyjson_arr_size(v) > 0 : yyjson_is_uint(v);
        if (!good)
            return false;
    }
    return true;
}

static const struct sim_error *read_ask(struct sim_call *c, yyjson_val *root, struct embed_ask *a)
{
    yyjson_val *dims = yyjson_obj_get(root, "dimensions"), *format = yyjson_obj_get(root, "encoding_format");
    *a = (struct embed_ask){.input = yyjson_obj_get(root, "input"), .dimensions = 1536};
    if (sl_str_eq(c->model, SL_STR("text-embedding-3-large")))
        a->dimensions = 3072;
    a->many = yyjson_is_arr(a->input) && !yyjson_is_num(yyjson_arr_get_first(a->input));
    a->base64 = yyjson_equals_str(format, "base64");
    if (!input_is_good(a))
        return &bad_input;
    if (format != NULL && !a->base64 && !yyjson_equals_str(format, "float"))
        return &bad_format;
    if (dims == NULL || yyjson_is_null(dims))
        return NULL;
    if (!yyjson_is_uint(dims) || yyjson_get_uint(dims) < 1 || yyjson_get_uint(dims) > SIM_DIMENSIONS_MAX)
        return &bad_dimensions;
    a->dimensions = (uint32_t)yyjson_get_uint(dims);
    return NULL;
}

static bool is_too_much(const struct embed_ask *a)
{
    return (a->many ? yyjson_arr_size(a->input) : 1) * a->dimensions > NUMBERS_MAX;
}

static void add_item(struct sim_call *c, struct sl_buf *b, const struct embed_ask *a, yyjson_val *item, size_t index)
{
    sl_buf_adds(b, index > 0 ? SL_STR(",{\"object\":\"embedding\",\"index\":")
                             : SL_STR("{\"object\":\"embedding\",\"index\":"));
    sl_buf_add_u64(b, index);
    sl_buf_adds(b, SL_STR(",\"embedding\":"));
    add_vector(c->sim, b, seed_of(item), a->dimensions, a->base64);
    sl_buf_addc(b, '}');
    c->prompt += tokens_of(item);
}

static void after_wait(struct sim_call *c)
{
    c->billed = true;
    if (!sim_fault_bytes(c, c->ready, SIM_JSON))
        sim_answer(c, 200, SIM_JSON, c->ready);
}

void sim_embeddings_send(struct sim_call *c)
{
    if (c->sim->set.ttft_ns > 0)
        sim_after(c, c->sim->set.ttft_ns, after_wait);
    else
        after_wait(c);
}

bool sim_embeddings_read(struct sim_call *c, yyjson_val *root)
{
    struct embed_ask a;
    struct sl_buf *b = &c->sim->out;
    size_t i, max;
    yyjson_val *item;
    const struct sim_error *e = read_ask(c, root, &a);
    if (e == NULL && is_too_much(&a))
        e = &bad_input;
    if (e != NULL) {
        sim_refuse(c, e);
        return false;
    }
    sl_buf_reset(b);
    sl_buf_adds(b, SL_STR("{\"object\":\"list\",\"data\":["));
    if (a.many) {
        yyjson_arr_foreach(a.input, i, max, item)
        {
            add_item(c, b, &a, item, i);
        }
    } else {
        add_item(c, b, &a, a.input, 0);
    }
    sl_buf_adds(b, SL_STR("],\"model\":"));
    sl_buf_add_json(b, c->model);
    if (sim_fault_marked(c, MARK_NO_USAGE) == NULL) {
        sl_buf_adds(b, SL_STR(",\"usage\":{\"prompt_tokens\":"));
        sl_buf_add_u64(b, c->prompt);
        sl_buf_adds(b, SL_STR(",\"total_tokens\":"));
        sl_buf_add_u64(b, c->prompt);
        sl_buf_addc(b, '}');
        c->usage_sent = true;
    }
    sl_buf_addc(b, '}');
    c->ready = sl_arena_str(c->s->arena, sl_buf_str(b));
    return true;
}
