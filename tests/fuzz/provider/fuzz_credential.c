/* Credential files and what token endpoints answer. The first byte chooses: a file, or an answer with one of some statuses. */
#include "base/check.h"
#include "provider/credential.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void read_file(struct sl_str in)
{
    struct sl_arena a;
    struct credential c;
    struct credential_trouble why = {.text = NULL};
    struct sl_buf body;
    sl_arena_init(&a, NULL);
    sl_buf_init(&body, CREDENTIAL_BODY_MAX);
    if (credential_read(in, &a, &c, &why)) {
        SL_CHECK(c.token_url.host.n > 0 && (c.identity & 1) == 1);
        SL_CHECK(!credential_address_is_fine(&c, false) || c.token_url.tls || c.kind == CREDENTIAL_METADATA);
        if (credential_body(&c, INT64_C(1795000000) * 1000000000, &body))
            for (size_t i = 0; i < body.n; i++)
                SL_CHECK(body.p[i] > 0x20 && body.p[i] < 0x7f);
        credential_done(&c);
    } else {
        SL_CHECK(why.text != NULL && why.text[0] != 0);
    }
    sl_buf_done(&body);
    sl_arena_done(&a);
}

static void read_answer(int status, struct sl_str in)
{
    struct token_answer a;
    token_answer_read(status, in, &a);
    SL_CHECK((a.verdict == TOKEN_GOT) == (a.token.n > 0));
    SL_CHECK(a.verdict != TOKEN_GOT || (a.life_ns > 0 && a.life_ns <= TOKEN_LIFE_MAX_NS && status == 200));
    for (size_t i = 0; i < a.token.n; i++)
        SL_CHECK(a.token.bytes[i] > 0x20 && a.token.bytes[i] < 0x7f);
    for (size_t i = 0; a.error[i] != 0; i++)
        SL_CHECK(i < sizeof a.error - 1 && a.error[i] > 0x20 && a.error[i] < 0x7f);
    sl_secret_done(&a.token);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static const int statuses[] = {200, 400, 401, 429, 503, 302};
    if (n == 0)
        return 0;
    struct sl_str rest = sl_str_of(data + 1, n - 1);
    if (data[0] == 'f')
        read_file(rest);
    else
        read_answer(statuses[data[0] % 6], rest);
    return 0;
}
