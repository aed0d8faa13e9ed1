/* Prompt caching as OpenAI has it: prefixes of at least 1024 tokens, in steps of 128 (openai.md 6.8), bound to the model and
 * prompt_cache_key. A prefix is known by a chain of hashes over blocks of the prompt's text; the table forgets by being
 * overwritten, as a provider's cache does. */
#include "base/hash.h"
#include "sim/sim_int.h"

#define STEP_TOKENS 128u
#define STEP_BYTES (STEP_TOKENS * 4u)
#define LEAST_TOKENS 1024u

/* Not for secrets, and the same in every process: a seed repeats a run. */
static const struct sl_hash_key chain_key = {0x736c75696365u, 0x73696dU};

struct chain {
    uint64_t hash;
    char block[STEP_BYTES];
    size_t n;
    uint32_t steps, known; /* whole blocks so far; of them known without a gap */
    struct sim *sim;
};

static void close_block(struct chain *ch)
{
    struct sl_hash_key key = {chain_key.k0 ^ ch->hash, chain_key.k1};
    ch->hash = sl_hash(key, sl_str_of(ch->block, ch->n)) | 1;
    ch->n = 0;
    ch->steps++;
    uint64_t *slot = &ch->sim->prefixes[ch->hash / 2 % SIM_PREFIXES];
    if (*slot == ch->hash && ch->known == ch->steps - 1)
        ch->known = ch->steps;
    *slot = ch->hash;
}

static void add(struct chain *ch, struct sl_str s)
{
    while (s.n > 0) {
        size_t take = s.n < STEP_BYTES - ch->n ? s.n : STEP_BYTES - ch->n;
        memcpy(ch->block + ch->n, s.p, take);
        ch->n += take;
        s = sl_str_from(s, take);
        if (ch->n == STEP_BYTES)
            close_block(ch);
    }
}

static void add_content(struct chain *ch, yyjson_val *content)
{
    size_t i, max;
    yyjson_val *part;
    if (yyjson_is_str(content))
        add(ch, sl_str_of(yyjson_get_str(content), yyjson_get_len(content)));
    yyjson_arr_foreach(content, i, max, part)
    {
        yyjson_val *text = yyjson_obj_get(part, "text");
        if (yyjson_is_str(text))
            add(ch, sl_str_of(yyjson_get_str(text), yyjson_get_len(text)));
    }
}

uint32_t sim_prefix_cached(struct sim *s, uint32_t prompt_tokens, yyjson_val *root, struct sl_str raw)
{
    struct chain ch = {.sim = s};
    yyjson_val *key = yyjson_obj_get(root, "prompt_cache_key"), *model = yyjson_obj_get(root, "model"), *m;
    yyjson_val *messages = yyjson_obj_get(root, "messages");
    size_t i, max;
    if (prompt_tokens < LEAST_TOKENS)
        return 0;
    ch.hash = sl_hash(chain_key, sl_str_c(yyjson_get_str(model))) ^
              (sl_hash(chain_key, sl_str_c(yyjson_get_str(key))) << 1);
    yyjson_arr_foreach(messages, i, max, m)
    {
        add(&ch, sl_str_c(yyjson_get_str(yyjson_obj_get(m, "role"))));
        add_content(&ch, yyjson_obj_get(m, "content"));
    }
    if (messages == NULL)
        add(&ch, raw);
    uint32_t cached = ch.known * STEP_TOKENS, most = (prompt_tokens - 1) / STEP_TOKENS * STEP_TOKENS;
    cached = cached < most ? cached : most;
    return cached >= LEAST_TOKENS ? cached : 0;
}
