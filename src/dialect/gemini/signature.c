/* Thought signatures: whose they are, and how they travel. translate-gemini.md 10 and 15 (November 2026).
 *
 * Towards Google: its own signatures only, and only to the family of models that made them. Towards clients of other formats:
 * wrapped (carrier.h). Towards Gemini clients, of what another vendor's model thought: official clients throw thought parts away and
 * keep the signature of a call, so the thinking before a call goes into that. SDKs take the field for base64 of bytes, so it is:
 *
 *     base64({"csig1":[{"t":"<text>","s":"slc1.ant.claude.<...>"},{"d":"slc1.antr.claude.<...>","i":"<item id>"}, ...]})
 *
 * Claude wants its blocks back in their places (anthropic.md 2.8), so {"x":1} stands where a text stood between them and the call. */
#include "dialect/gemini/gemini_int.h"

#include "base/base64.h"
#include "dialect/carrier.h"

#define CARRIERS_MAX 3              /* one within the other, by gateways in a row */
#define ENVELOPE_HEAD "{\"csig1\":" /* nine bytes: in base64 it is always GEM_ENVELOPE_MARK */

struct sl_str gem_signature_for(const struct translation *t, struct sl_str signature, bool raw_is_google)
{
    struct sl_str plain = json_plain(signature, t->a);
    if (plain.n == 0)
        return SL_STR_NONE;
    struct carrier c = carrier_unpack(t->a, plain);
    if (c.vendor == CARRIER_NONE)
        return raw_is_google && gem_envelope_unpack(t->a, plain) == NULL ? plain : SL_STR_NONE;
    for (int i = 0; i < CARRIERS_MAX; i++) {
        if (c.vendor != CARRIER_GOOGLE || !carrier_fits(&c, t->up_model))
            return SL_STR_NONE;
        struct carrier inner = carrier_unpack(t->a, c.payload);
        if (inner.vendor == CARRIER_NONE)
            return sl_utf8_valid(c.payload) ? c.payload : SL_STR_NONE;
        c = inner;
    }
    return SL_STR_NONE;
}

struct sl_str gem_signature_out(const struct translation *t, struct sl_str signature, struct sl_arena *a)
{
    if (signature.n == 0 || t->face == &gemini_dialect)
        return signature;
    return carrier_pack(a, CARRIER_GOOGLE, carrier_family(t->up_model), json_plain(signature, a));
}

struct sl_str gem_signature_native(struct sl_arena *a, struct sl_str signature)
{
    struct sl_str plain = json_plain(signature, a);
    struct carrier c = carrier_unpack(a, plain);
    if (c.vendor == CARRIER_NONE)
        return plain;
    return c.vendor == CARRIER_GOOGLE && sl_utf8_valid(c.payload) ? c.payload : SL_STR_NONE;
}

/* -- Envelopes ---------------------------------------------------------------------------------------------------- */

static bool is_named(const struct dialect *d, struct sl_str name)
{
    return d != NULL && sl_str_eq(d->name, name);
}

/* As a carrier, if it is none yet. encrypted: of a block without text. */
static struct sl_str carried(const struct translation *t, struct sl_str text, struct sl_str id, bool encrypted)
{
    struct sl_str plain = json_plain(text, t->a);
    if (carrier_unpack(t->a, plain).vendor != CARRIER_NONE)
        return plain;
    enum carrier_vendor vendor = CARRIER_OTHER;
    if (is_named(t->up, SL_STR("anthropic"))) {
        vendor = encrypted ? CARRIER_ANTHROPIC_REDACTED : CARRIER_ANTHROPIC;
    } else if (encrypted && is_named(t->up, SL_STR("openai-responses"))) {
        vendor = CARRIER_OPENAI;
        plain = sl_arena_printf(t->a, SL_STR_FMT "\n" SL_STR_FMT, SL_STR_ARG(id), SL_STR_ARG(plain));
    }
    return carrier_pack(t->a, vendor, carrier_family(t->up_model), plain);
}

static void pack_block(struct json_writer *w, const struct translation *t, const struct neutral_part *p)
{
    jw_open(w, '{');
    jw_maybe_inside(w, SL_STR("t"), p->text);
    if (p->signature.n > 0)
        jw_member_plain(w, SL_STR("s"), carried(t, p->signature, p->id, false));
    else
        jw_member_plain(w, SL_STR("d"), carried(t, p->encrypted, p->id, true));
    jw_maybe_inside(w, SL_STR("i"), p->id);
    jw_close(w, '}');
}

struct sl_str gem_envelope_pack(const struct translation *t, const struct neutral_part *parts)
{
    struct sl_buf b;
    bool any = false, thought = false;
    sl_buf_init(&b, SIZE_MAX / 2);
    struct json_writer w = json_writer_on(&b);
    sl_buf_adds(&b, SL_STR(ENVELOPE_HEAD));
    jw_open(&w, '[');
    for (const struct neutral_part *p = parts; p != NULL; p = p->next) {
        if (p->kind == NP_TEXT && thought)
            jw_raw(&w, SL_STR("{\"x\":1}"));
        thought &= p->kind != NP_TEXT;
        if (p->kind != NP_REASONING || (p->signature.n == 0 && p->encrypted.n == 0))
            continue;
        pack_block(&w, t, p);
        any = thought = true;
    }
    jw_close(&w, ']');
    sl_buf_addc(&b, '}');
    struct sl_str out = SL_STR_NONE;
    if (any && !b.over) {
        char *to = sl_arena_alloc(t->a, SL_BASE64_BYTES(b.n) + 1);
        out = sl_str_of(to, sl_base64_encode(sl_buf_str(&b), to));
    }
    sl_buf_done(&b);
    return out;
}

struct neutral_part *gem_envelope_unpack(struct sl_arena *a, struct sl_str signature)
{
    struct json_tree t;
    struct sl_str plain = json_plain(signature, a);
    if (!sl_str_starts(plain, GEM_ENVELOPE_MARK))
        return NULL;
    char *bytes = sl_arena_alloc(a, plain.n / 4 * 3 + 3);
    size_t n = 0;
    if (!sl_base64_decode(plain, bytes, &n) || !json_tree_read(&t, sl_str_of(bytes, n), a))
        return NULL;
    struct neutral_part *first = NULL, **end = &first;
    for (JSON_EACH(&t, json_get(&t, json_root(&t), SL_STR("csig1")), it)) {
        struct neutral_part *p = SL_ARENA_NEW(a, struct neutral_part);
        bool text = json_get(&t, it, SL_STR("x")) != NULL;
        *p = (struct neutral_part){.kind = text ? NP_TEXT : NP_REASONING,
                                   .text = json_get_inside(&t, it, SL_STR("t")),
                                   .signature = json_get_inside(&t, it, SL_STR("s")),
                                   .encrypted = json_get_inside(&t, it, SL_STR("d")),
                                   .id = json_get_inside(&t, it, SL_STR("i"))};
        if (!text && p->signature.n == 0 && p->encrypted.n == 0)
            continue;
        *end = p;
        end = &p->next;
    }
    return first;
}
