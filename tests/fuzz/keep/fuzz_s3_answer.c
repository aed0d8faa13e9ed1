/* What a store that speaks S3 may answer: elements, entities, lists of uploads, tags, sums. The first byte chooses. */
#include "base/check.h"
#include "keep/s3.h"
#include "keep/sum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_xml(struct sl_str xml, struct sl_arena *a)
{
    struct sl_str rest = xml, inside, text;
    size_t before = xml.n + 1;
    while (s3_xml_next(&rest, SL_STR("Upload"), &inside)) {
        SL_CHECK(rest.n < before && inside.n <= xml.n);
        before = rest.n;
    }
    if (s3_xml_text(xml, SL_STR("Code"), a, &text))
        SL_CHECK(text.n <= xml.n);
}

/* Ids go into requests: nothing in them may end a line, a path or a query. */
static void check_uploads(struct sl_str xml, struct sl_arena *a)
{
    const struct keep_place p = {.kind = KEEP_S3, .prefix = SL_STR("v/")};
    struct sl_str ids = s3_uploads_read(&p, SL_STR("a"), xml, a);
    for (size_t i = 0; i < ids.n; i++)
        SL_CHECK((ids.p[i] > ' ' && ids.p[i] < 0x7f && ids.p[i] != '&' && ids.p[i] != '#') || ids.p[i] == '\n');
    SL_CHECK(ids.n == 0 || ids.p[ids.n - 1] == '\n');
}

static void check_headers(struct sl_str value, struct sl_arena *a)
{
    struct http_headers h = {0};
    uint8_t sum[TLS_SHA256_BYTES];
    http_headers_add(&h, a, SL_STR("repr-digest"), value);
    http_headers_add(&h, a, SL_STR("x-amz-checksum-sha256"), value);
    (void)keep_sum_of(&h, sum);
    if (s3_etag_is(value))
        for (size_t i = 0; i < value.n; i++)
            SL_CHECK(value.p[i] > ' ' && value.p[i] < 0x7f && value.p[i] != '<');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_arena a;
    if (size == 0)
        return 0;
    struct sl_str rest = sl_str_of(data + 1, size - 1);
    sl_arena_init(&a, NULL);
    if (data[0] % 3 == 0)
        check_xml(rest, &a);
    else if (data[0] % 3 == 1)
        check_uploads(rest, &a);
    else
        check_headers(rest, &a);
    sl_arena_done(&a);
    return 0;
}
