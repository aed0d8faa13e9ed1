/* Runs the multipart parser over bytes cut in some way and writes down what it says, so that two cuts can be compared. Used by
 * the unit test and the fuzz target. */
#ifndef SLUICE_TESTS_HTTP_MULTIPART_TRANSCRIPT_H
#define SLUICE_TESTS_HTTP_MULTIPART_TRANSCRIPT_H

#include "http/multipart.h"
#include "unit/http/transcript.h"

static inline bool multipart_note(struct multipart *m, enum multipart_event e, struct sl_str data, struct sl_buf *body,
                                  struct sl_buf *out)
{
    switch (e) {
    case MULTIPART_PART:
        sl_buf_adds(out, SL_STR("PART "));
        sl_buf_add_json(out, m->part.name);
        sl_buf_addf(out, " file%d ", m->part.has_filename);
        sl_buf_add_json(out, m->part.filename);
        sl_buf_add_json(out, m->part.type);
        sl_buf_reset(body);
        return true;
    case MULTIPART_DATA:
        SL_CHECK(data.n > 0);
        sl_buf_adds(body, data);
        return true;
    case MULTIPART_PART_END:
        sl_buf_addc(out, ' ');
        sl_buf_add_json(out, sl_buf_str(body));
        sl_buf_addc(out, '\n');
        return true;
    case MULTIPART_END:
        sl_buf_adds(out, SL_STR("END\n"));
        return true;
    case MULTIPART_BAD:
        sl_buf_adds(out, SL_STR("BAD\n"));
        SL_CHECK(m->error != NULL);
        return false;
    case MULTIPART_MORE:
        return false;
    }
    return false;
}

static inline void multipart_transcript(struct sl_str bytes, struct sl_str boundary,
                                        const struct multipart_limits *limits, struct cut c, struct sl_buf *out)
{
    struct multipart m;
    struct sl_buf body;
    multipart_init(&m, boundary, limits);
    sl_buf_init(&body, 1u << 24);
    size_t from = 0;
    enum multipart_event e = MULTIPART_MORE;
    while (from < bytes.n && e != MULTIPART_BAD) {
        struct slice s = slice_take(bytes, from, c);
        struct sl_str in = s.view, data;
        do
            e = multipart_next(&m, &in, &data);
        while (multipart_note(&m, e, data, &body, out));
        SL_CHECK(in.n == 0 || e == MULTIPART_BAD);
        from += s.view.n;
        sl_free(s.own);
    }
    sl_buf_addf(out, "whole%d\n", multipart_is_whole(&m));
    multipart_done(&m);
    sl_buf_done(&body);
}

#endif
