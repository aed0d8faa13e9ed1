/* What is read of a head before anybody is known: the operation from the path, the key from headers and query. The input's lines
 * are: path, query, authorization, x-api-key. */
#include "auth/key.h"
#include "base/check.h"
#include "dialect/operation.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct sl_str left = sl_str_of(data, n);
    struct http_request r = {.method = (enum http_method)(n % 8)};
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    r.path = sl_str_cut(&left, '\n');
    r.query = sl_str_cut(&left, '\n');
    http_headers_add(&r.headers, &a, SL_STR("authorization"), sl_str_trim(sl_str_cut(&left, '\n')));
    http_headers_add(&r.headers, &a, SL_STR("x-api-key"), sl_str_trim(sl_str_cut(&left, '\n')));
    struct operation_match m = operation_of(&r);
    SL_CHECK(m.op < OP_COUNT && operation_row(m.op)->name.n > 0);
    SL_CHECK((m.op == OP_WRONG_METHOD) == (m.allow.n > 0));
    struct sl_str id;
    if (m.op == OP_MODEL_GET && operation_model_id(&m, &a, &id))
        SL_CHECK(id.n > 0 && sl_utf8_valid(id));
    char scratch[KEY_TEXT_MAX];
    struct sl_str key;
    if (key_find(&r.headers, r.query, scratch, &key) == KEY_FOUND) {
        SL_CHECK(key.n > 0 && key.n <= KEY_TEXT_MAX);
        for (size_t i = 0; i < key.n; i++)
            SL_CHECK(key.p[i] > 0x20 && key.p[i] < 0x7f);
    }
    sl_arena_done(&a);
    return 0;
}
