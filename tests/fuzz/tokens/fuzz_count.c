/* Any bytes: the scanner moves on, merges are those of the definition, slices count as the whole, estimates stay in bounds. With the
 * toy vocabulary, and with the real ones where dev/setup.sh made them. The first byte says where the text is cut. */
#include "base/check.h"
#include "base/mem.h"
#include "tokens/chat.h"
#include "tokens/tokens_int.h"
#include "unit/tokens/reference.h"

#define REFERENCE_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tokens_vocab *vocabs[4]; /* NULL: not there */

static void open_all(void)
{
    static const char *const paths[4] = {TOY_CL100K, TOY_O200K, SHARE "/cl100k_base.vocab", SHARE "/o200k_base.vocab"};
    for (int i = 0; i < 4; i++) {
        struct sl_fail fail;
        enum sl_err e = tokens_vocab_open(paths[i], &vocabs[i], &fail);
        SL_CHECK(e == SL_OK || i >= 2);
    }
}

static void check_pieces(const struct tokens_vocab *v, struct sl_str text)
{
    const unsigned char *p = (const unsigned char *)text.p;
    uint32_t *got = sl_malloc((text.n + 1) * sizeof *got), *want = sl_malloc((text.n + 1) * sizeof *want);
    struct merge_memo memo;
    uint64_t sum = 0;
    merge_memo_init(&memo);
    for (size_t at = 0; at < text.n;) {
        size_t n = scan_piece(v->pattern, p + at, text.n - at, false);
        SL_CHECK(n > 0 && n <= text.n - at);
        size_t tokens = merge_piece(v, sl_str_of(p + at, n), &memo, got, n);
        SL_CHECK(tokens > 0 && tokens <= n);
        if (n <= REFERENCE_MAX)
            SL_CHECK(reference_merge(v, p + at, n, want, n) == tokens && memcmp(got, want, tokens * sizeof *got) == 0);
        size_t bytes = 0;
        for (size_t i = 0; i < tokens; i++)
            bytes += v->tokens[got[i]].bytes;
        SL_CHECK(bytes == n);
        sum += tokens;
        at += n;
    }
    SL_CHECK(tokens_count(v, text) == sum);
    sl_free(got);
    sl_free(want);
}

static void check_slices(const struct tokens_vocab *v, struct sl_str text, size_t step)
{
    struct tokens_counter c;
    tokens_counter_init(&c, v);
    for (size_t at = 0; at < text.n; at += step)
        tokens_counter_feed(&c, sl_str_head(sl_str_from(text, at), step));
    SL_CHECK(tokens_counter_count(&c) == tokens_count(v, text));
    tokens_counter_done(&c);
}

static void check_tally(struct sl_str text, size_t step)
{
    struct tokens_tally whole, slices;
    tokens_tally_init(&whole);
    tokens_tally_init(&slices);
    tokens_tally_feed(&whole, text);
    for (size_t at = 0; at < text.n; at += step)
        tokens_tally_feed(&slices, sl_str_head(sl_str_from(text, at), step));
    SL_CHECK(memcmp(whole.n, slices.n, sizeof whole.n) == 0);
    SL_CHECK((tokens_tally_count(&whole, TOKENS_O200K_BASE) > 0) == (text.n > 0) || text.n < 4);
    SL_CHECK(tokens_tally_count(&whole, TOKENS_CL100K_BASE) <= text.n * 4);
}

static void check_chat(struct sl_str text)
{
    struct tokens_chat c;
    struct tokens_set none = {{NULL}};
    struct sl_str name = sl_str_head(text, 20);
    tokens_chat_init(&c, &none, name);
    tokens_chat_message(&c, TOKENS_ROLE_USER);
    tokens_chat_text(&c, text);
    tokens_chat_tool(&c, name, text);
    tokens_chat_property(&c, &(struct tokens_property){.name = name, .description = text, .type = name});
    tokens_chat_image(&c, text.n > 0 ? (unsigned char)text.p[0] * 0x1010101u : 0, UINT32_MAX, TOKENS_DETAIL_AUTO);
    SL_CHECK(tokens_chat_answer(&c).n > 0);
    tokens_chat_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (vocabs[0] == NULL)
        open_all();
    if (size == 0)
        return 0;
    char *own = sl_malloc(size - 1);
    memcpy(own, data + 1, size - 1);
    struct sl_str text = sl_str_of(own, size - 1);
    size_t step = 1 + data[0] % 64;
    for (int i = 0; i < 4; i++) {
        if (vocabs[i] == NULL || (i >= 2 && data[0] < 192)) /* the real ones are slower to fuzz with */
            continue;
        check_pieces(vocabs[i], text);
        check_slices(vocabs[i], text, step);
    }
    check_tally(text, step);
    check_chat(text);
    sl_free(own);
    return 0;
}
