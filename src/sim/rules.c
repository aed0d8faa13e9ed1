/* Rules: faults that hit requests which did not ask for one. Set by POST /sim/rules (one object, or a list of them):
 *
 *   {"fault": "429", "arg": 3, "times": 2, "model": "gpt-4o"}     arg, times, model may be left out
 *
 * The first rule that fits and has times left is used. "refuse" and "tls-failure" act on the listener at once. */
#include "base/mem.h"
#include "sim/sim_int.h"

static const struct sim_error bad_rule = {.status = 400,
                                          .type = "invalid_request_error",
                                          .code = "invalid_rule",
                                          .message =
                                              "A rule is {\"fault\": NAME, \"arg\": N, \"times\": N, \"model\": TEXT}; "
                                              "sluice sim --faults lists the names."};
static const struct sim_error no_host = {.status = 400,
                                         .type = "invalid_request_error",
                                         .code = "not_here",
                                         .message = "This fault needs a simulator of its own: sluice sim."};
static const struct sim_error full = {
    .status = 400, .type = "invalid_request_error", .code = "too_many_rules", .message = "There are too many rules."};

static const struct sim_error *apply_host(struct sim *s, const struct sim_active *a)
{
    const struct sim_host *h = s->set.host;
    bool refuse = sl_str_eq(sl_str_c(a->fault->row.name), SL_STR("refuse"));
    if (h == NULL || (refuse ? h->refuse == NULL : h->break_tls == NULL))
        return &no_host;
    if (refuse)
        h->refuse(h->owner, (a->arg < 0 ? 0 : a->arg > 86400000 ? 86400000 : a->arg) * SL_MS);
    else
        h->break_tls(h->owner, a->arg > 0 ? (uint64_t)a->arg : 0);
    return NULL;
}

/* NULL: taken. */
static const struct sim_error *add_rule(struct sim *s, yyjson_val *v)
{
    yyjson_val *fault = yyjson_obj_get(v, "fault"), *arg = yyjson_obj_get(v, "arg"),
               *times = yyjson_obj_get(v, "times");
    yyjson_val *model = yyjson_obj_get(v, "model");
    struct sim_rule r = {.left = UINT64_MAX};
    if (!yyjson_is_str(fault) || (arg != NULL && !yyjson_is_int(arg)) || (times != NULL && !yyjson_is_uint(times)) ||
        (model != NULL && (!yyjson_is_str(model) || yyjson_get_len(model) >= sizeof r.model)))
        return &bad_rule;
    r.what.fault = sim_fault_find(sl_str_of(yyjson_get_str(fault), yyjson_get_len(fault)));
    if (r.what.fault == NULL)
        return &bad_rule;
    r.what.arg = arg != NULL ? yyjson_get_sint(arg) : r.what.fault->preset;
    if (r.what.fault->stage == STAGE_HOST)
        return apply_host(s, &r.what);
    if (times != NULL)
        r.left = yyjson_get_uint(times);
    if (model != NULL)
        memcpy(r.model, yyjson_get_str(model), yyjson_get_len(model));
    if (s->n_rules == SIM_RULES_MAX)
        return &full;
    s->rules[s->n_rules++] = r;
    return NULL;
}

void sim_rules_post(struct sim_call *c)
{
    struct sl_str raw = sl_chunks_flat(&c->body);
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)raw.p, raw.n, YYJSON_READ_NOFLAG, &sim_json_alc, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc), *v;
    const struct sim_error *e = yyjson_is_obj(root) ? add_rule(c->sim, root) : yyjson_is_arr(root) ? NULL : &bad_rule;
    size_t i, max;
    yyjson_arr_foreach(root, i, max, v)
    {
        if (e == NULL)
            e = add_rule(c->sim, v);
    }
    yyjson_doc_free(doc);
    if (e != NULL)
        sim_refuse(c, e);
    else
        sim_answer(c, 200, SIM_JSON, SL_STR("{}"));
}

void sim_rules_delete(struct sim_call *c)
{
    c->sim->n_rules = 0;
    sim_answer(c, 200, SIM_JSON, SL_STR("{}"));
}

void sim_rules_get(struct sim_call *c)
{
    struct sl_buf b;
    sl_buf_init(&b, 65536);
    sl_buf_adds(&b, SL_STR("{\"rules\":["));
    for (unsigned i = 0; i < c->sim->n_rules; i++) {
        const struct sim_rule *r = &c->sim->rules[i];
        sl_buf_addf(&b, "%s{\"fault\":\"%s\",\"arg\":%lld,\"left\":", i > 0 ? "," : "", r->what.fault->row.name,
                    (long long)r->what.arg);
        if (r->left == UINT64_MAX)
            sl_buf_adds(&b, SL_STR("null"));
        else
            sl_buf_add_u64(&b, r->left);
        sl_buf_adds(&b, SL_STR(",\"model\":"));
        sl_buf_add_json(&b, sl_str_c(r->model));
        sl_buf_addc(&b, '}');
    }
    sl_buf_adds(&b, SL_STR("]}"));
    sim_answer(c, 200, SIM_JSON, sl_buf_str(&b));
    sl_buf_done(&b);
}

/* True: a rule gave the call its fault. */
bool sim_rules_apply(struct sim_call *c)
{
    for (unsigned i = 0; i < c->sim->n_rules; i++) {
        struct sim_rule *r = &c->sim->rules[i];
        if (r->left == 0 || (r->model[0] != 0 && !sl_str_eq(sl_str_c(r->model), c->model)))
            continue;
        if (r->left != UINT64_MAX)
            r->left--;
        c->faults[c->n_faults++] = r->what;
        return true;
    }
    return false;
}
