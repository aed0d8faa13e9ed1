/* Forms that are kept whole: whatever is read, the bytes that go out are the ones that came, with another model. The first byte says
 * which operation. */
#include "base/buf.h"
#include "base/check.h"
#include "dialect/form.h"
#include "dialect/other/other.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum operation ops[] = {OP_TRANSCRIPTION, OP_TRANSLATION, OP_IMAGE_EDIT, OP_IMAGE_VARIATION};
    struct sl_arena a;
    struct request_facts f;
    struct form_facts form;
    struct request_refusal refusal;
    struct body_pieces p;
    if (size == 0)
        return 0;
    struct sl_str body = sl_str_of(data + 1, size - 1);
    sl_arena_init(&a, NULL);
    if (form_read(ops[data[0] % 4], SL_STR("multipart/form-data; boundary=b"), body, &a, &f, &form, &refusal)) {
        SL_CHECK(f.model.n > 0 && f.model.n <= MODEL_NAME_MAX && sl_utf8_valid(f.model));
        SL_CHECK(form.model_to - form.model_from == f.model.n && form.model_to <= body.n && form.files > 0);
        form_encode(&f, &form, body, SL_STR("other"), &a, &p);
        size_t n = 0;
        for (int i = 0; i < p.n; i++)
            n += p.v[i].iov_len;
        bool same = sl_str_eq(f.model, SL_STR("other"));
        SL_CHECK(n == p.bytes && n == body.n - (same ? 0 : f.model.n - 5));
    } else {
        SL_CHECK(refusal.error.error != GE_NONE);
    }
    struct sl_str json;
    struct json_tree tree;
    if (other_edit_from_form(SL_STR("multipart/form-data; boundary=b"), body, &a, &json, &refusal))
        SL_CHECK(json_tree_read(&tree, json, &a) && json_got(&tree, json_root(&tree), SL_STR("images")) != NULL);
    else
        SL_CHECK(refusal.error.error != GE_NONE);
    sl_arena_done(&a);
    return 0;
}
