/* Writes JSON into a buffer, commas by itself. Short names, since encoders consist of these calls. The words raw, inside and
 * plain are those of json_tree.h. Nothing here fails: the buffer remembers when its limit was met (sl_buf.over).
 *
 *     jw_open(&w, '{');
 *     jw_member_inside(&w, SL_STR("model"), model);
 *     jw_key(&w, SL_STR("messages"));
 *     jw_open(&w, '['); ... jw_close(&w, ']');
 *     jw_close(&w, '}'); */
#ifndef SLUICE_DIALECT_JSON_WRITE_H
#define SLUICE_DIALECT_JSON_WRITE_H

#include "base/buf.h"

struct json_writer {
    struct sl_buf *to; /* borrow */
    bool comma;        /* a value stands before in the same container */
    bool one_line;     /* it is the data of an event: line ends between the tokens of a raw value become blanks */
};

static inline struct json_writer json_writer_on(struct sl_buf *to)
{
    return (struct json_writer){.to = to};
}

static inline struct json_writer json_writer_on_line(struct sl_buf *to)
{
    return (struct json_writer){.to = to, .one_line = true};
}
/* A raw value, without the line ends between its tokens: they would end the line of an event. Strings have none. */
void json_add_line(struct sl_buf *to, struct sl_str raw);

void jw_open(struct json_writer *w, char bracket);
/* An object with its first members ready-made, the last of them a string that is open: head "{\"type\":\"text\",\"text\":\"". */
void jw_open_with(struct json_writer *w, struct sl_str head, struct sl_str inside);
void jw_close(struct json_writer *w, char bracket);
void jw_key(struct json_writer *w, struct sl_str plain_name); /* a name of ours: needs no escaping */
void jw_key_inside(struct json_writer *w, struct sl_str inside);

void jw_raw(struct json_writer *w, struct sl_str raw); /* empty: null */
void jw_inside(struct json_writer *w, struct sl_str inside);
void jw_plain(struct json_writer *w, struct sl_str plain); /* escapes */
void jw_u64(struct json_writer *w, uint64_t v);
void jw_i64(struct json_writer *w, int64_t v);
void jw_bool(struct json_writer *w, bool v);
void jw_null(struct json_writer *w);

/* A string made of pieces. */
void jw_string(struct json_writer *w); /* opens */
void jw_piece_inside(struct json_writer *w, struct sl_str inside);
void jw_piece_plain(struct json_writer *w, struct sl_str plain);
void jw_string_end(struct json_writer *w);

void jw_member_raw(struct json_writer *w, struct sl_str name, struct sl_str raw);
void jw_member_inside(struct json_writer *w, struct sl_str name, struct sl_str inside);
void jw_member_plain(struct json_writer *w, struct sl_str name, struct sl_str plain);
void jw_member_u64(struct json_writer *w, struct sl_str name, uint64_t v);
void jw_member_bool(struct json_writer *w, struct sl_str name, bool v);
void jw_member_null(struct json_writer *w, struct sl_str name);
/* Only when it is there: raw or inside not empty. */
void jw_maybe_raw(struct json_writer *w, struct sl_str name, struct sl_str raw);
void jw_maybe_inside(struct json_writer *w, struct sl_str name, struct sl_str inside);

#endif
