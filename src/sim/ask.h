/* What was asked, in no format's words. A format's reader tells it while the document lives; sim_ask_settle then decides what the
 * answer says, by rules that hold for all formats (sim.h). Inside sim/ only. */
#ifndef SLUICE_SIM_ASK_H
#define SLUICE_SIM_ASK_H

#include "sim/prefix.h"
#include "sim/sim_int.h"

#define SIM_OFFERS_MAX 1024u
#define SIM_GIVEN_MAX 32u
#define SIM_SAYS_MAX 16u
#define SIM_MEDIA_MAX 64u
#define SIM_STOPS_MAX 16u

enum sim_role {
    ROLE_NONE = 0,
    ROLE_SYSTEM,
    ROLE_USER,
    ROLE_MODEL,
    ROLE_TOOL
};
enum sim_choice {
    CHOICE_AUTO = 0,
    CHOICE_NONE,
    CHOICE_ANY,
    CHOICE_NAMED
};
enum sim_think {
    THINK_UNSAID = 0, /* the word "think" in the user's text decides */
    THINK_ON,
    THINK_OFF
};
enum sim_show {
    SHOW_TEXT = 0, /* a part with the text of the thinking */
    SHOW_EMPTY,    /* a part without it */
    SHOW_NOT
};

struct sim_offer { /* a tool that may be called */
    struct sl_str name;
    yyjson_val *schema; /* NULL: none */
    bool custom;        /* takes a text, not JSON */
};
struct sim_given { /* what a tool gave */
    struct sl_str text;
    bool failed;
};
struct sim_medium {
    const char *word; /* "image" */
    struct sl_str type, url;
    size_t bytes;
};

struct sim_turn { /* what a turn of the model that is not ended is made by */
    struct sl_str last, order;
    unsigned rounds, n_given;
    bool script, called;
};

struct sim_ask { /* views are of the document */
    struct sim_call *c;
    struct sl_str raw; /* the body */
    /* for the reader to fill */
    enum sim_choice choice;
    struct sl_str chosen;
    bool single; /* one call at a time */
    bool wants_json;
    yyjson_val *schema; /* of the answer; NULL: any JSON */
    enum sim_think think;
    enum sim_show show;
    uint64_t limit; /* of tokens, reasoning included */
    struct sl_str stops[SIM_STOPS_MAX];
    unsigned n_stops;
    bool own_cache; /* the format counts cached tokens itself */
    /* kept by the functions below */
    struct sim_offer *offers;
    unsigned n_offers, cap_offers;
    enum sim_role role;
    uint64_t bytes;  /* of text in the open message */
    uint32_t closed; /* tokens of the messages before it */
    bool called, in_model;
    struct sl_str last, order; /* the user's last text; the last with an order to call tools */
    unsigned rounds;           /* of calls since then */
    bool script;               /* order has a script, which no later "call" in a text displaces */
    struct sl_str line;        /* what the script says now */
    struct sim_turn before;    /* when the model spoke last: for a user who tells it to go on */
    struct sl_str
        partial; /* the model's last words, while they are the end of it or the user says to go on with them */
    bool goes_on;
    struct sim_given given[SIM_GIVEN_MAX];
    unsigned n_given;
    struct sl_str says[SIM_SAYS_MAX];
    unsigned n_says;
    struct sim_medium media[SIM_MEDIA_MAX];
    unsigned n_media;
    struct sim_chain chain;
};

void sim_ask_begin(struct sim_ask *a, struct sim_call *c, struct sl_str raw);
/* Tools first, then messages in their order. */
void sim_ask_offer(struct sim_ask *a, struct sl_str name, yyjson_val *schema, bool custom);
const struct sim_offer *sim_ask_find(const struct sim_ask *a, struct sl_str name);
void sim_ask_message(struct sim_ask *a, enum sim_role role); /* 3 tokens */
void sim_ask_text(struct sim_ask *a, struct sl_str text);
void sim_ask_result(struct sim_ask *a, struct sl_str text, bool failed);
void sim_ask_call(struct sim_ask *a); /* the model called a tool here */
void sim_ask_media(struct sim_ask *a, const char *word, struct sl_str type, struct sl_str url, size_t bytes);
void sim_ask_stop(struct sim_ask *a, struct sl_str text);
uint32_t sim_ask_tokens(const struct sim_ask *a); /* of the prompt so far */
/* Decides the answer; false: it has refused. */
bool sim_ask_settle(struct sim_ask *a);

/* order.c: the calls of step `step` of the user's order (sim.h); gives how many steps it has, 0: no order. */
struct sim_ordered {
    const struct sim_offer *offer;
    struct sl_str arguments; /* empty: to be made from the schema */
};
unsigned sim_order_read(const struct sim_ask *a, struct sl_str text, unsigned step, struct sim_ordered *out,
                        unsigned *out_n);

/* script.c: the same of a script; what it says beside the calls is in the arena. */
bool sim_script_is(struct sl_str text);
unsigned sim_script_read(const struct sim_ask *a, struct sl_str text, unsigned step, struct sim_ordered *out,
                         unsigned *out_n, struct sl_str *out_say);

/* partial.c: the model goes on with words of its own, where they are the beginning of what it has to say */
bool sim_partial_asked(struct sl_str text); /* the user says to go on with them */
void sim_partial_take(struct sim_ask *a, uint32_t natural);

/* media.c: what base64 is of; false: no base64 */
bool sim_media_size(struct sim_call *c, struct sl_str base64, size_t *out_bytes, struct sl_str *out_magic);
/* "data:TYPE;base64,DATA" into its parts */
bool sim_media_data_url(struct sl_str url, struct sl_str *out_type, struct sl_str *out_data);

/* For yyjson_obj_foreach, which steps from NULL where there is no object. */
static inline yyjson_val *sim_members(yyjson_val *v)
{
    static yyjson_val none[3] = {{.tag = YYJSON_TYPE_OBJ}};
    return yyjson_is_obj(v) ? v : none;
}

static inline bool sim_is_there(yyjson_val *v)
{
    return v != NULL && !yyjson_is_null(v);
}

/* names: NULL at the end */
static inline bool sim_is_one_of(struct sl_str s, const char *const *names)
{
    while (*names != NULL && !sl_str_eq(s, sl_str_c(*names)))
        names++;
    return *names != NULL;
}

static inline struct sl_str sim_str(yyjson_val *v)
{
    return yyjson_is_str(v) ? sl_str_of(yyjson_get_str(v), yyjson_get_len(v)) : SL_STR_NONE;
}

#endif
