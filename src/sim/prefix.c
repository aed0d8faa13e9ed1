/* See prefix.h. OpenAI: prefixes of at least 1024 tokens, in steps of 128 (openai.md 6.8), bound to the model and prompt_cache_key.
 * Anthropic: breakpoints, with a lookback of 20 blocks (anthropic.md 2.5). Nothing grows old: the table forgets by being
 * overwritten alone. */
#include "sim/prefix.h"

#include "base/hash.h"
#include "sim/sim_int.h"

/* Not for secrets, and the same in every process: a seed repeats a run. */
static const struct sl_hash_key chain_key = {0x736c75696365u, 0x73696dU};
static const struct sl_hash_key mark_key = {0x6d61726b73u, 0x73696dU};

static bool is_known(const struct sim *s, uint64_t hash)
{
    return s->prefixes[hash / 2 % SIM_PREFIXES] == hash;
}

static void remember(struct sim *s, uint64_t hash)
{
    s->prefixes[hash / 2 % SIM_PREFIXES] = hash;
}

/* ---- chains ---- */

void sim_chain_begin(struct sim_chain *ch, struct sim *s, struct sl_str model, struct sl_str key)
{
    ch->sim = s;
    ch->n = 0;
    ch->steps = ch->known = 0;
    ch->hash = sl_hash(chain_key, model) ^ (sl_hash(chain_key, key) << 1);
}

static void close_block(struct sim_chain *ch)
{
    struct sl_hash_key key = {chain_key.k0 ^ ch->hash, chain_key.k1};
    ch->hash = sl_hash(key, sl_str_of(ch->block, ch->n)) | 1;
    ch->n = 0;
    ch->steps++;
    if (is_known(ch->sim, ch->hash) && ch->known == ch->steps - 1)
        ch->known = ch->steps;
    remember(ch->sim, ch->hash);
}

void sim_chain_add(struct sim_chain *ch, struct sl_str s)
{
    while (s.n > 0) {
        size_t take = s.n < SIM_STEP_BYTES - ch->n ? s.n : SIM_STEP_BYTES - ch->n;
        memcpy(ch->block + ch->n, s.p, take);
        ch->n += take;
        s = sl_str_from(s, take);
        if (ch->n == SIM_STEP_BYTES)
            close_block(ch);
    }
}

uint32_t sim_chain_cached(const struct sim_chain *ch, uint32_t prompt_tokens)
{
    uint32_t cached = ch->known * SIM_STEP_TOKENS;
    uint32_t most = prompt_tokens == 0 ? 0 : (prompt_tokens - 1) / SIM_STEP_TOKENS * SIM_STEP_TOKENS;
    cached = cached < most ? cached : most;
    return cached >= SIM_CACHE_LEAST ? cached : 0;
}

/* ---- marks ---- */

void sim_marks_begin(struct sim_marks *m, struct sim *s, struct sl_str model)
{
    *m = (struct sim_marks){.sim = s, .hash = sl_hash(mark_key, model)};
}

void sim_marks_add(struct sim_marks *m, struct sl_str content)
{
    struct sl_hash_key key = {mark_key.k0 ^ m->hash, mark_key.k1};
    m->hash = sl_hash(key, content) | 1;
}

void sim_marks_block(struct sim_marks *m, uint32_t tokens_so_far)
{
    m->ring[m->n_blocks++ % (SIM_MARKS_BACK + 1)] = (struct sim_mark_at){.hash = m->hash, .tokens = tokens_so_far};
}

void sim_marks_break(struct sim_marks *m, bool hour)
{
    if (m->n_blocks == 0 || m->n_marks == SIM_MARKS_MAX)
        return;
    unsigned back = m->n_blocks < SIM_MARKS_BACK + 1 ? m->n_blocks : SIM_MARKS_BACK + 1;
    for (unsigned i = 0; i < back; i++) {
        const struct sim_mark_at *at = &m->ring[(m->n_blocks - 1 - i) % (SIM_MARKS_BACK + 1)];
        if (at->tokens >= SIM_CACHE_LEAST && at->tokens > m->read && is_known(m->sim, at->hash))
            m->read = at->tokens;
    }
    m->hour[m->n_marks] = hour;
    m->marks[m->n_marks++] = m->ring[(m->n_blocks - 1) % (SIM_MARKS_BACK + 1)];
}

void sim_marks_settle(struct sim_marks *m, uint32_t *out_read, uint32_t *out_5m, uint32_t *out_1h)
{
    uint32_t have = m->read;
    *out_read = m->read;
    *out_5m = *out_1h = 0;
    for (unsigned i = 0; i < m->n_marks; i++) {
        if (m->marks[i].tokens < SIM_CACHE_LEAST)
            continue; /* too short: not cached, without a word */
        remember(m->sim, m->marks[i].hash);
        if (m->marks[i].tokens <= have)
            continue;
        *(m->hour[i] ? out_1h : out_5m) += m->marks[i].tokens - have;
        have = m->marks[i].tokens;
    }
}
