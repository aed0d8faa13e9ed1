/* Signatures of thinking: opaque bytes that only the simulator that made them can have made, and that it can check without having
 * kept anything:
 *
 *   three bytes that begin as the vendor's do | 2 bytes size | 8 bytes nonce | 8 bytes keyed hash | filler made from the hash
 *
 * The hash is over the vendor, the model's family, the nonce and the text (or the name of the call) that was signed. The key is
 * the same in every process: what one simulator signed another takes, as a vendor's machines do. */
#include "base/base64.h"
#include "base/hash.h"
#include "sim/sim_int.h"

#define BYTES 180u       /* a short signature: 240 characters */
#define BYTES_LONG 3600u /* one in eight: "can be several kilobytes" (anthropic.md 2.8) */
#define BYTES_LEAST 21u

static const struct {
    char begins[3];
} signers[] = {
    [SIGNER_ANTHROPIC] = {{0x12, (char)0xa4, 0x01}}, /* "EqQB" */
    [SIGNER_GOOGLE] = {{0x12, (char)0x94, 0x02}},    /* "EpQC" */
    [SIGNER_OPENAI] = {{(char)0x80, 0x00, 0x00}},    /* "gAAA" */
};

/* Models that understand each other's thinking: Claude all; others up to the first whole number of their name. */
static struct sl_str family_of(struct sl_str model)
{
    if (sl_str_find_str(model, SL_STR("claude")) >= 0)
        return SL_STR("claude");
    for (size_t i = 1; i < model.n; i++) {
        if (model.p[i - 1] != '-' || !sl_is_digit(model.p[i]))
            continue;
        while (i < model.n && sl_is_digit(model.p[i]))
            i++;
        return sl_str_head(model, i);
    }
    return model;
}

static void put_u64(char *to, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        to[i] = (char)(v >> (8 * i) & 0xff);
}

static uint64_t get_u64(const char *from)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++)
        v |= (uint64_t)(unsigned char)from[i] << (8 * i);
    return v;
}

static void make(const struct sim_call *c, enum sim_signer who, uint64_t nonce, struct sl_str bound, char *to, size_t n)
{
    struct sl_rand filler;
    uint64_t family = sl_hash((struct sl_hash_key){0x7369676eu, 1}, family_of(c->model));
    uint64_t hash = sl_hash((struct sl_hash_key){nonce ^ family, (uint64_t)who + 7}, bound);
    memcpy(to, signers[who].begins, 3);
    to[3] = (char)(n >> 8);
    to[4] = (char)(n & 0xff);
    put_u64(to + 5, nonce);
    put_u64(to + 13, hash);
    sl_rand_seed(&filler, hash ^ nonce);
    for (size_t i = BYTES_LEAST; i < n; i++)
        to[i] = (char)sl_rand_below(&filler, 256);
}

struct sl_str sim_sign(struct sim_call *c, enum sim_signer who, uint64_t nonce, struct sl_str bound)
{
    size_t n = nonce % 8 == 0 ? BYTES_LONG : BYTES;
    char *bytes = sl_arena_alloc(c->s->arena, n), *text = sl_arena_alloc(c->s->arena, SL_BASE64_BYTES(n));
    make(c, who, nonce, bound, bytes, n);
    struct sl_str all = sl_str_of(bytes, n);
    return sl_str_of(text, who == SIGNER_OPENAI ? sl_base64url_encode(all, text) : sl_base64_encode(all, text));
}

bool sim_sign_check(struct sim_call *c, enum sim_signer who, struct sl_str signature, struct sl_str bound,
                    uint64_t *out_nonce)
{
    size_t n = 0;
    if (signature.n > SL_BASE64_BYTES(BYTES_LONG))
        return false;
    char *bytes = sl_arena_alloc(c->s->arena, signature.n / 4 * 3 + 3), *own;
    if (!sl_base64_decode(signature, bytes, &n) || (n != BYTES && n != BYTES_LONG))
        return false;
    *out_nonce = get_u64(bytes + 5);
    own = sl_arena_alloc(c->s->arena, n);
    make(c, who, *out_nonce, bound, own, n);
    return memcmp(own, bytes, n) == 0;
}
