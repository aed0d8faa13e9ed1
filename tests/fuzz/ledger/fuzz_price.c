/* The price file loader: any bytes give a catalogue or a refusal with a place; what loads can be looked up and priced. */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "ledger/money.h"
#include "ledger/price.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct price_catalog *c)
{
    const struct usage u = {.input = 250000,
                            .cache_read = 3,
                            .cache_write = 5,
                            .output = 7,
                            .reasoning = 11,
                            .audio_in = 13,
                            .image_out = UINT64_MAX};
    for (uint32_t i = 0; i < price_catalog_count(c); i++) {
        const struct price *p = price_at(c, i);
        SL_CHECK(price_lookup(c, p->provider, p->id, NULL) == p);
        for (unsigned s = 0; s < PRICE_SERVICE_COUNT; s++) {
            struct price_terms terms = {.service = (enum price_service)s};
            terms.region = p->n_regions != 0 ? p->regions[0].name : SL_STR_NONE;
            struct cost cost = price_of(p, &u, &terms);
            SL_CHECK(cost.cost_p >= 0);
            SL_CHECK(cost.cost_p > 0 || (cost.flags & (COST_UNPRICED | COST_FREE)) != 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct price_catalog *c = NULL;
    struct sl_fail f = {0};
    if (price_catalog_load(sl_str_of(data, size), SL_STR("fuzz"), &c, &f) == SL_OK) {
        use(c);
        price_catalog_unref(c);
    } else {
        SL_CHECK(c == NULL && f.code != SL_OK && f.text[0] != '\0' && f.place[0] != '\0');
    }
    int64_t p = 0;
    if (money_parse_usd(sl_str_of(data, size), &p) == SL_OK) {
        char text[MONEY_TEXT];
        int64_t back = -1;
        size_t n = money_text(p, text);
        SL_CHECK(p >= 0 && money_parse_usd(sl_str_of(text, n), &back) == SL_OK && back == p);
    }
    return 0;
}
