/* Servers that are like OpenAI's and yet are not: what each does differently in chat completions, as rows of data. Chosen by the path:
 * /as/NAME/v1/chat/completions. Source: openai-compatible.md sections 2, 4, 5, 6 and each server's own (November 2026). */
#ifndef SLUICE_SIM_PRESETS_H
#define SLUICE_SIM_PRESETS_H

#include "sim/sim_int.h"

enum sim_habit {
    HABIT_CRLF = 1 << 0,             /* lines end so */
    HABIT_NO_DONE = 1 << 1,          /* a stream just ends */
    HABIT_USAGE_EACH = 1 << 2,       /* usage so far in every chunk, unasked */
    HABIT_USAGE_FINISH = 1 << 3,     /* usage in the chunk with the reason to finish, unasked */
    HABIT_USAGE_LAST = 1 << 4,       /* a chunk of usage, unasked */
    HABIT_WHOLE_CALLS = 1 << 5,      /* calls come in one piece */
    HABIT_NO_INDEX = 1 << 6,         /* ... without index */
    HABIT_STOP_CALLS = 1 << 7,       /* calls finish as "stop" */
    HABIT_NO_SPACE = 1 << 8,         /* "data:{" */
    HABIT_PADDED = 1 << 9,           /* blanks behind the data of each event */
    HABIT_LONG_LINES = 1 << 10,      /* the first chunk is longer than 64 KiB */
    HABIT_EMPTY_LINES = 1 << 11,     /* before bodies, and between events */
    HABIT_FULL_MESSAGE = 1 << 12,    /* each chunk has the whole message so far beside the delta */
    HABIT_THINK_IN_TEXT = 1 << 13,   /* <think>...</think> */
    HABIT_THINK_IN_PARTS = 1 << 14,  /* content as an array: parts of thinking and text */
    HABIT_REASONING_APART = 1 << 15, /* completion_tokens leave it out */
    HABIT_FLOAT_CREATED = 1 << 16,
    HABIT_EMPTY_ID = 1 << 17,     /* of the answer */
    HABIT_REPEATS_ROLE = 1 << 18, /* in every chunk */
    HABIT_EMPTY_FINISH = 1 << 19, /* finish_reason is "" until the end */
    HABIT_SEED = 1 << 20          /* takes videos, and `thinking` (seedance.md 16) */
};

enum sim_usage_shape {
    USAGE_OPENAI = 0,
    USAGE_BARE,     /* three totals */
    USAGE_HIT_MISS, /* prompt_cache_hit_tokens */
    USAGE_TOP,      /* cached_tokens and reasoning_tokens at the top */
    USAGE_COST      /* with cost beside the counts */
};

enum sim_error_shape {
    ERROR_OPENAI = 0,
    ERROR_NUMBER,  /* code is the status */
    ERROR_TEXT,    /* {"error":"text"} */
    ERROR_FLAT,    /* {"object":"error","message",...} */
    ERROR_MESSAGE, /* {"message"} */
    ERROR_CODE,    /* {"code","error"} */
    ERROR_WORD     /* {"error":{"code","message"}}, the code a number as text */
};

struct sim_preset {
    const char *name;
    unsigned habits;
    const char *reasoning; /* the member; NULL: reasoning_content */
    const char *comment;   /* before the first event; NULL: none */
    enum sim_usage_shape usage;
    enum sim_error_shape errors;
};

const struct sim_preset *sim_preset_find(struct sl_str name); /* NULL: none */
/* An error in the shape of the call's preset. False: it has OpenAI's own. */
bool sim_preset_error(struct sim_call *c, const struct sim_error *e, struct sl_buf *b);

static inline bool sim_has(const struct sim_call *c, enum sim_habit h)
{
    return c->preset != NULL && (c->preset->habits & (unsigned)h) != 0;
}

#endif
