/* See script.h. Everything that can fail in Lua runs inside one protected call (run): outside of it nothing of Lua's allocates. */
#include "route/script.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"

#define HOOK_EVERY 1000
#define TROUBLE_MAX 300u

struct route_scripts {
    lua_State *lua;
    int *chunks; /* own: references of the compiled files */
    uint32_t n;
    size_t held, churn;
    unsigned instructions;
    bool limited; /* `churn` and `instructions` count */
    const char *overrun;
    char trouble[TROUBLE_MAX];
};

struct call { /* what is asked; lives on the stack of route_scripts_ask */
    struct route_scripts *s;
    uint32_t script;
    const struct route_ask *ask;
    struct sl_arena *a;
    struct sl_str *names;
    unsigned max;
    int n; /* -1: no list */
};

/* -- Limits ------------------------------------------------------------------------------------------------------------ */

static void *allocate(void *arg, void *p, size_t old, size_t n)
{
    struct route_scripts *s = arg;
    size_t had = p != NULL ? old : 0; /* without p, `old` is a kind of object */
    if (n == 0) {
        s->held -= had;
        sl_free(p);
        return NULL;
    }
    if (n > had) {
        size_t more = n - had;
        bool over = more > SCRIPT_MEMORY - (s->held < SCRIPT_MEMORY ? s->held : SCRIPT_MEMORY) ||
                    (s->limited && n > SCRIPT_CHURN - (s->churn < SCRIPT_CHURN ? s->churn : SCRIPT_CHURN));
        if (over) { /* Lua collects garbage and asks once more, then raises an error */
            s->overrun = "the script took too much memory";
            return NULL;
        }
        s->churn += n;
    }
    s->held = s->held - had + n;
    return sl_realloc(p, n);
}

static void on_count(lua_State *lua, lua_Debug *ignored)
{
    void *arg;
    (void)ignored;
    lua_getallocf(lua, &arg);
    struct route_scripts *s = arg;
    s->instructions += HOOK_EVERY;
    if (s->instructions <= SCRIPT_INSTRUCTIONS)
        return;
    s->overrun = "the script ran too long";
    luaL_error(lua, "more than %d instructions", (int)SCRIPT_INSTRUCTIONS);
}

/* -- What a script may call -------------------------------------------------------------------------------------------- */

static int f_type(lua_State *lua)
{
    luaL_checkany(lua, 1);
    lua_pushstring(lua, luaL_typename(lua, 1));
    return 1;
}

static int f_tostring(lua_State *lua)
{
    luaL_checkany(lua, 1);
    if (lua_type(lua, 1) >= LUA_TTABLE) /* an address would tell where we are in memory */
        lua_pushstring(lua, luaL_typename(lua, 1));
    else
        luaL_tolstring(lua, 1, NULL);
    return 1;
}

static int f_tonumber(lua_State *lua)
{
    luaL_checkany(lua, 1);
    if (lua_type(lua, 1) == LUA_TNUMBER)
        lua_settop(lua, 1);
    else if (lua_type(lua, 1) != LUA_TSTRING || lua_stringtonumber(lua, lua_tostring(lua, 1)) == 0)
        lua_pushnil(lua);
    return 1;
}

static int f_next(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_settop(lua, 2);
    if (lua_next(lua, 1) != 0)
        return 2;
    lua_pushnil(lua);
    return 1;
}

static int f_pairs(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_pushcfunction(lua, f_next);
    lua_pushvalue(lua, 1);
    lua_pushnil(lua);
    return 3;
}

static int next_item(lua_State *lua)
{
    lua_Integer i = luaL_checkinteger(lua, 2) + 1;
    lua_pushinteger(lua, i);
    return lua_geti(lua, 1, i) == LUA_TNIL ? 1 : 2;
}

static int f_ipairs(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_pushcfunction(lua, next_item);
    lua_pushvalue(lua, 1);
    lua_pushinteger(lua, 0);
    return 3;
}

static int f_select(lua_State *lua)
{
    int n = lua_gettop(lua);
    lua_Integer i = luaL_checkinteger(lua, 1);
    luaL_argcheck(lua, i >= 1, 1, "index out of range");
    return i >= n ? 0 : n - (int)i;
}

static int f_error(lua_State *lua)
{
    luaL_where(lua, 1);
    lua_pushstring(lua, lua_type(lua, 1) == LUA_TSTRING ? lua_tostring(lua, 1) : "error");
    lua_concat(lua, 2);
    return lua_error(lua);
}

static int f_assert(lua_State *lua)
{
    if (lua_toboolean(lua, 1))
        return lua_gettop(lua);
    return luaL_error(lua, "%s", luaL_optstring(lua, 2, "assertion failed"));
}

static int f_floor(lua_State *lua)
{
    lua_Number v = luaL_checknumber(lua, 1);
    lua_Integer i;
    if (!lua_numbertointeger(v, &i))
        return luaL_error(lua, "number out of range");
    lua_pushinteger(lua, (lua_Number)i > v ? i - 1 : i);
    return 1;
}

static int extreme(lua_State *lua, bool least)
{
    int best = 1;
    luaL_checknumber(lua, 1);
    for (int i = 2; i <= lua_gettop(lua); i++) {
        luaL_checknumber(lua, i);
        if (lua_compare(lua, least ? i : best, least ? best : i, LUA_OPLT))
            best = i;
    }
    lua_pushvalue(lua, best);
    return 1;
}

static int f_min(lua_State *lua)
{
    return extreme(lua, true);
}

static int f_max(lua_State *lua)
{
    return extreme(lua, false);
}

static struct sl_str arg_text(lua_State *lua, int i)
{
    size_t n;
    const char *p = luaL_checklstring(lua, i, &n);
    return sl_str_of(p, n);
}

static int f_lower(lua_State *lua)
{
    struct sl_str s = arg_text(lua, 1);
    luaL_Buffer b;
    char *out = luaL_buffinitsize(lua, &b, s.n);
    for (size_t i = 0; i < s.n; i++)
        out[i] = sl_lower(s.p[i]);
    luaL_pushresultsize(&b, s.n);
    return 1;
}

static int f_upper(lua_State *lua)
{
    struct sl_str s = arg_text(lua, 1);
    luaL_Buffer b;
    char *out = luaL_buffinitsize(lua, &b, s.n);
    for (size_t i = 0; i < s.n; i++)
        out[i] = s.p[i] >= 'a' && s.p[i] <= 'z' ? (char)(s.p[i] - 32) : s.p[i];
    luaL_pushresultsize(&b, s.n);
    return 1;
}

/* From 1; negative from the end; both ends belong to it. */
static int f_sub(lua_State *lua)
{
    struct sl_str s = arg_text(lua, 1);
    lua_Integer n = (lua_Integer)s.n, from = luaL_checkinteger(lua, 2), to = luaL_optinteger(lua, 3, -1);
    from = from < 0 ? (from < -n ? 1 : n + from + 1) : from == 0 ? 1 : from;
    to = to < 0 ? (to < -n ? 0 : n + to + 1) : to > n ? n : to;
    if (from > to)
        lua_pushliteral(lua, "");
    else
        lua_pushlstring(lua, s.p + from - 1, (size_t)(to - from + 1));
    return 1;
}

static int f_len(lua_State *lua)
{
    lua_pushinteger(lua, (lua_Integer)arg_text(lua, 1).n);
    return 1;
}

static int f_byte(lua_State *lua)
{
    struct sl_str s = arg_text(lua, 1);
    lua_Integer i = luaL_optinteger(lua, 2, 1);
    if (i < 1 || (size_t)i > s.n)
        return 0;
    lua_pushinteger(lua, (unsigned char)s.p[i - 1]);
    return 1;
}

static int f_contains(lua_State *lua)
{
    lua_pushboolean(lua, sl_str_find_str(arg_text(lua, 1), arg_text(lua, 2)) >= 0);
    return 1;
}

static int f_starts(lua_State *lua)
{
    lua_pushboolean(lua, sl_str_starts(arg_text(lua, 1), arg_text(lua, 2)));
    return 1;
}

static int f_ends(lua_State *lua)
{
    lua_pushboolean(lua, sl_str_ends(arg_text(lua, 1), arg_text(lua, 2)));
    return 1;
}

static const luaL_Reg base_functions[] = {
    {"type", f_type},     {"tostring", f_tostring}, {"tonumber", f_tonumber}, {"next", f_next},     {"pairs", f_pairs},
    {"ipairs", f_ipairs}, {"select", f_select},     {"error", f_error},       {"assert", f_assert}, {NULL, NULL}};
static const luaL_Reg math_functions[] = {{"floor", f_floor}, {"min", f_min}, {"max", f_max}, {NULL, NULL}};
static const luaL_Reg string_functions[] = {{"lower", f_lower},   {"upper", f_upper}, {"sub", f_sub},
                                            {"len", f_len},       {"byte", f_byte},   {"contains", f_contains},
                                            {"starts", f_starts}, {"ends", f_ends},   {NULL, NULL}};

/* -- The request ------------------------------------------------------------------------------------------------------- */

static const struct call *call_of(lua_State *lua)
{
    return lua_touserdata(lua, lua_upvalueindex(1));
}

static int f_header(lua_State *lua)
{
    const struct route_facts *f = call_of(lua)->ask->facts;
    size_t n;
    const char *p = luaL_checklstring(lua, 1, &n);
    struct sl_str value = f != NULL && f->header != NULL ? f->header(f->headers, sl_str_of(p, n)) : SL_STR_NONE;
    if (value.n > 0)
        lua_pushlstring(lua, value.p, value.n);
    else
        lua_pushnil(lua);
    return 1;
}

static int f_health(lua_State *lua)
{
    const struct call *c = call_of(lua);
    struct route_target_view v = {.state = ROUTE_UP};
    uint32_t index = c->ask->policy != NULL ? route_policy_target_named(c->ask->policy, arg_text(lua, 1))
                                            : ROUTE_TARGET_NONE;
    if (index == ROUTE_TARGET_NONE)
        return luaL_error(lua, "no such target");
    if (c->ask->view == NULL || !c->ask->view(c->ask->view_arg, index, &v))
        v.state = ROUTE_UP;
    lua_pushstring(lua, route_state_name((enum route_state)v.state));
    return 1;
}

static void set_text(lua_State *lua, const char *name, struct sl_str s)
{
    if (s.n == 0)
        return;
    lua_pushlstring(lua, s.p, s.n);
    lua_setfield(lua, -2, name);
}

static void set_number(lua_State *lua, const char *name, uint64_t v)
{
    lua_pushinteger(lua, v < INT64_MAX ? (lua_Integer)v : INT64_MAX);
    lua_setfield(lua, -2, name);
}

static void set_flag(lua_State *lua, const char *name, bool v)
{
    lua_pushboolean(lua, v);
    lua_setfield(lua, -2, name);
}

static void push_modality(lua_State *lua, unsigned modalities)
{
    static const char *const names[] = {"text", "image", "audio", "video", "file"};
    lua_createtable(lua, 0, 5);
    for (unsigned i = 0; i < 5; i++)
        set_flag(lua, names[i], (modalities >> i & 1) != 0);
}

static void set_tags(lua_State *lua, const char *name, const struct route_tag *tags, uint32_t n)
{
    lua_createtable(lua, 0, (int)n);
    for (uint32_t i = n; i > 0; i--) { /* the first of a name counts */
        lua_pushlstring(lua, tags[i - 1].name.p, tags[i - 1].name.n);
        lua_pushlstring(lua, tags[i - 1].value.p, tags[i - 1].value.n);
        lua_settable(lua, -3);
    }
    lua_setfield(lua, -2, name);
}

static void push_request(lua_State *lua, struct call *c)
{
    static const struct route_facts nothing = {.modalities = ROUTE_MODE_TEXT, .budget_permille = ROUTE_BUDGET_UNKNOWN};
    const struct route_facts *f = c->ask->facts != NULL ? c->ask->facts : &nothing;
    lua_createtable(lua, 0, 24);
    set_text(lua, "model", c->ask->model);
    set_text(lua, "task", f->task);
    set_text(lua, "operation", f->operation);
    set_text(lua, "dialect", f->dialect);
    set_text(lua, "tenant", f->tenant);
    set_text(lua, "team", f->team);
    set_text(lua, "user", f->user);
    set_text(lua, "key", f->key);
    set_text(lua, "region", f->region);
    set_number(lua, "input_tokens", f->input_tokens);
    if (f->output_tokens > 0)
        set_number(lua, "output_tokens", f->output_tokens);
    if (f->budget_permille != ROUTE_BUDGET_UNKNOWN) {
        lua_pushnumber(lua, f->budget_permille / 10.0);
        lua_setfield(lua, -2, "budget_used");
    }
    set_number(lua, "time", f->wall_ns / UINT64_C(1000000000));
    set_flag(lua, "tools", (f->flags & ROUTE_HAS_TOOLS) != 0);
    set_flag(lua, "structured_output", (f->flags & ROUTE_HAS_SCHEMA) != 0);
    set_flag(lua, "stream", (f->flags & ROUTE_HAS_STREAM) != 0);
    set_flag(lua, "zero_retention", (f->flags & ROUTE_ZERO_RETENTION) != 0);
    push_modality(lua, f->modalities);
    lua_setfield(lua, -2, "modality");
    set_tags(lua, "tags", f->tags, f->n_tags);
    set_tags(lua, "key_tags", f->key_tags, f->n_key_tags);
    lua_pushlightuserdata(lua, c);
    lua_pushcclosure(lua, f_header, 1);
    lua_setfield(lua, -2, "header");
    lua_pushlightuserdata(lua, c);
    lua_pushcclosure(lua, f_health, 1);
    lua_setfield(lua, -2, "health");
}

/* -- A call ------------------------------------------------------------------------------------------------------------ */

static void push_globals(lua_State *lua)
{
    lua_createtable(lua, 0, 16);
    luaL_setfuncs(lua, base_functions, 0);
    luaL_newlib(lua, math_functions);
    lua_setfield(lua, -2, "math");
    luaL_newlib(lua, string_functions);
    lua_setfield(lua, -2, "string");
}

static bool take_name(struct call *c, lua_State *lua)
{
    size_t n = 0;
    const char *p = lua_type(lua, -1) == LUA_TSTRING ? lua_tolstring(lua, -1, &n) : NULL;
    if (n == 0 || n > SCRIPT_NAME_MAX || (unsigned)c->n == c->max || !sl_utf8_valid(sl_str_of(p, n)))
        return false;
    c->names[c->n++] = sl_arena_str(c->a, sl_str_of(p, n));
    return true;
}

static void take_names(struct call *c, lua_State *lua)
{
    c->n = 0;
    if (lua_type(lua, -1) == LUA_TNIL)
        return;
    bool good = lua_type(lua, -1) == LUA_TTABLE || take_name(c, lua);
    for (lua_Integer i = 1; good && lua_type(lua, -1) == LUA_TTABLE; i++) {
        bool more = lua_geti(lua, -1, i) != LUA_TNIL;
        good = !more || take_name(c, lua);
        lua_pop(lua, 1);
        if (!more)
            break;
    }
    if (!good)
        c->n = -1;
}

/* Protected. The file runs anew, so that nothing is left of the request before. */
static int run(lua_State *lua)
{
    struct call *c = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, c->s->chunks[c->script]);
    push_globals(lua);
    lua_pushvalue(lua, -1);
    lua_insert(lua, -3); /* globals, chunk, globals */
    lua_setupvalue(lua, -2, 1);
    lua_call(lua, 0, 0);
    if (lua_getfield(lua, -1, "route") != LUA_TFUNCTION)
        return luaL_error(lua, "there is no function 'route'");
    push_request(lua, c);
    lua_call(lua, 1, 1);
    take_names(c, lua);
    return 0;
}

static void note_trouble(struct route_scripts *s, const char *text)
{
    snprintf(s->trouble, sizeof s->trouble, "%s", text != NULL ? text : "error");
}

int route_scripts_ask(void *arg, uint32_t script, const struct route_ask *ask, struct sl_arena *a,
                      struct sl_str *out_names, unsigned max, const char **out_why)
{
    struct route_scripts *s = arg;
    struct call c = {.s = s, .script = script, .ask = ask, .a = a, .names = out_names, .max = max, .n = -1};
    SL_CHECK(script < s->n);
    s->churn = s->instructions = 0;
    s->overrun = NULL;
    s->trouble[0] = 0;
    s->limited = true;
    lua_pushcfunction(s->lua, run);
    lua_pushlightuserdata(s->lua, &c);
    int status = lua_pcall(s->lua, 1, 0, 0);
    s->limited = false;
    if (status != LUA_OK) {
        note_trouble(s, lua_tostring(s->lua, -1));
        bool over = s->overrun != NULL && (status == LUA_ERRMEM || s->instructions > SCRIPT_INSTRUCTIONS);
        *out_why = over ? s->overrun : "the script failed";
        lua_settop(s->lua, 0);
        return -1;
    }
    lua_settop(s->lua, 0);
    if (c.n < 0) {
        *out_why = "the script gave no list of names";
    } else if (c.n == 0) {
        *out_why = "the script named no target";
        return -1;
    }
    return c.n;
}

struct sl_str route_scripts_trouble(const struct route_scripts *s)
{
    return sl_str_c(s->trouble);
}

/* -- Life -------------------------------------------------------------------------------------------------------------- */

struct compiling {
    struct route_scripts *s;
    const struct route_script_text *texts;
    uint32_t n;
};

static int compile(lua_State *lua) /* protected */
{
    struct compiling *c = lua_touserdata(lua, 1);
    for (uint32_t i = 0; i < c->n; i++) {
        lua_pushfstring(lua, "@%s", c->texts[i].name.p);
        if (luaL_loadbufferx(lua, c->texts[i].text.p, c->texts[i].text.n, lua_tostring(lua, -1), "t") != LUA_OK)
            return lua_error(lua);
        c->s->chunks[i] = luaL_ref(lua, LUA_REGISTRYINDEX);
        lua_pop(lua, 1);
    }
    lua_pushliteral(lua, ""); /* methods of strings: s:lower() */
    lua_createtable(lua, 0, 1);
    luaL_newlib(lua, string_functions);
    lua_setfield(lua, -2, "__index");
    lua_setmetatable(lua, -2);
    lua_sethook(lua, on_count, LUA_MASKCOUNT, HOOK_EVERY);
    return 0;
}

enum sl_err route_scripts_new(const struct route_script_text *texts, uint32_t n, struct route_scripts **out,
                              struct sl_fail *fail)
{
    struct route_scripts *s = SL_NEW(struct route_scripts);
    struct compiling c = {.s = s, .texts = texts, .n = n};
    s->chunks = sl_calloc(n, sizeof *s->chunks);
    s->n = n;
    s->lua = lua_newstate(allocate, s);
    SL_CHECK(s->lua != NULL); /* a new state takes some kilobytes of SCRIPT_MEMORY */
    lua_pushcfunction(s->lua, compile);
    lua_pushlightuserdata(s->lua, &c);
    if (lua_pcall(s->lua, 1, 0, 0) != LUA_OK) {
        const char *text = lua_tostring(s->lua, -1);
        enum sl_err e = sl_fail_set(fail, SL_EINVAL, "", "%s", text != NULL ? text : "cannot be compiled");
        route_scripts_free(s);
        return e;
    }
    *out = s;
    return SL_OK;
}

void route_scripts_free(struct route_scripts *s)
{
    if (s == NULL)
        return;
    lua_close(s->lua);
    sl_free(s->chunks);
    sl_free(s);
}
