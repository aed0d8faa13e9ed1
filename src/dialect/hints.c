/* Wishes to the gateway in headers, for callers that cannot put members into the body: x-sluice-task, -fallback, -route,
 * -tags (product.md section 2). What the body says goes first. */
#include "dialect/dialect.h"

static bool take_text(const struct http_headers *headers, enum http_name id, size_t max, struct sl_str *to,
                      struct error_facts *out)
{
    const struct http_header *h = http_headers_find(headers, id);
    if (h == NULL || to->n > 0 || h->value.n == 0)
        return true;
    if (h->value.n > max || !sl_utf8_valid(h->value)) {
        *out = (struct error_facts){.error = GE_MEMBER_VALUE,
                                    .param = http_name_text(id),
                                    .message = SL_STR("An x-sluice header is too long or not valid UTF-8.")};
        return false;
    }
    *to = h->value;
    return true;
}

static bool take_fallback(const struct http_headers *headers, enum said *to, struct error_facts *out)
{
    const struct http_header *h = http_headers_find(headers, HN_X_SLUICE_FALLBACK);
    if (h == NULL || *to != SAID_NOTHING)
        return true;
    bool yes = sl_str_eq_nocase(h->value, SL_STR("true")), no = sl_str_eq_nocase(h->value, SL_STR("false"));
    if (!yes && !no) {
        *out = (struct error_facts){.error = GE_MEMBER_VALUE,
                                    .param = http_name_text(HN_X_SLUICE_FALLBACK),
                                    .message = SL_STR("'x-sluice-fallback' must be true or false.")};
        return false;
    }
    *to = yes ? SAID_YES : SAID_NO;
    return true;
}

bool request_hints_from_headers(const struct http_headers *headers, struct request_hints *h, struct error_facts *out)
{
    return take_text(headers, HN_X_SLUICE_TASK, HINT_TEXT_MAX, &h->task, out) &&
           take_text(headers, HN_X_SLUICE_ROUTE, HINT_TEXT_MAX, &h->route, out) &&
           take_text(headers, HN_X_SLUICE_TAGS, 1024, &h->tags, out) && take_fallback(headers, &h->fallback, out);
}
