/* The text is cut into tokens (runs of the characters that keys are made of) and what lies between them. A token is
 * judged by what it decodes to (\u0073, %73) and by what stands before it. */
#include "telemetry/redact.h"

#include "base/check.h"

#define TOKEN_MAX 512u /* of decoded characters that are looked at; a longer token is judged by its front */
#define MIXED_MIN 20u  /* letters and digits in a row, unbroken, that no word or model name has */
#define VALUE_MIN 6u   /* behind `key=`: shorter ones are numbers and flags */
#define KNOWN_MIN 4u

struct redactor {
    const struct redact_rules *rules;
    struct sl_str left; /* of the input */
    char *out;
    size_t n, cap;
    bool after_scheme; /* the last word was Bearer or the like */
    bool named;        /* the last word names a secret, and only quotes and blanks came since */
    bool after_name;   /* and then `=` or `:` */
    bool after_colon;  /* the byte before the token is ':' */
};

enum { /* kinds of bytes, as they stand */
    ALNUM = 1,
    TOKEN = 2, /* what keys are made of */
    PLAIN = 4  /* a token byte that begins no escape; those that do are '\\' and '%' */
};

static const unsigned char kinds[256] = {
    ['0' ... '9'] = ALNUM | TOKEN | PLAIN,
    ['A' ... 'Z'] = ALNUM | TOKEN | PLAIN,
    ['a' ... 'z'] = ALNUM | TOKEN | PLAIN,
    ['-'] = TOKEN | PLAIN,
    ['_'] = TOKEN | PLAIN,
    ['.'] = TOKEN | PLAIN,
    ['+'] = TOKEN | PLAIN,
    ['/'] = TOKEN | PLAIN,
    ['~'] = TOKEN | PLAIN,
    ['*'] = TOKEN | PLAIN,
};

static bool is_alnum(char c)
{
    return (kinds[(unsigned char)c] & ALNUM) != 0;
}

static bool is_token_char(char c)
{
    return (kinds[(unsigned char)c] & TOKEN) != 0;
}

static bool both_hex(char a, char b)
{
    return sl_hex_value(a) >= 0 && sl_hex_value(b) >= 0;
}

static char from_hex(char a, char b)
{
    return (char)(sl_hex_value(a) << 4 | sl_hex_value(b));
}

/* A backslash and what it escapes in JSON: "\u0073" is 's', "\/" is '/'; a line break or the like is a blank, so that its
 * letter is not glued to what follows ("\nsk-..."). */
static size_t decode_backslash(struct sl_str s, char *out)
{
    if (s.n >= 6 && s.p[1] == 'u' && both_hex(s.p[2], s.p[3]) && both_hex(s.p[4], s.p[5])) {
        *out = from_hex(s.p[2], s.p[3]) == '\0' ? from_hex(s.p[4], s.p[5]) : ' ';
        return 6;
    }
    if (s.n < 2 || s.p[1] == '\0' || strchr("/\"\\nrtbf", s.p[1]) == NULL) {
        *out = '\\';
        return 1;
    }
    *out = strchr("/\"\\", s.p[1]) != NULL ? s.p[1] : ' ';
    return 2;
}

/* The character at the front of s (not empty) as it was meant; gives the bytes that it takes. */
static size_t decode(struct sl_str s, char *out)
{
    if (s.p[0] == '\\')
        return decode_backslash(s, out);
    *out = s.p[0];
    if (s.p[0] != '%' || s.n < 3 || !both_hex(s.p[1], s.p[2]))
        return 1;
    *out = from_hex(s.p[1], s.p[2]);
    return 3;
}

/* One character of a token; gives the bytes it takes, 0 when s does not start with one. */
static size_t token_char(struct sl_str s, char *out)
{
    size_t n = s.n != 0 ? decode(s, out) : 0;
    return n != 0 && is_token_char(*out) ? n : 0;
}

/* ---- output: what does not fit is cut ---- */

static void put(struct redactor *r, const char *p, size_t n)
{
    if (n > r->cap - r->n)
        n = r->cap - r->n;
    memcpy(r->out + r->n, p, n);
    r->n += n;
}

static void put_mark(struct redactor *r)
{
    struct sl_str mark = SL_STR(REDACT_MARK);
    struct sl_str so_far = sl_str_of(r->out, r->n);
    if (!sl_str_ends(so_far, mark)) /* two in a row say no more than one */
        put(r, mark.p, mark.n);
}

/* ---- judging a decoded token ---- */

static bool has_key_prefix(struct sl_str t)
{
    static const struct {
        struct sl_str prefix;
        size_t more; /* characters that must follow */
    } prefixes[] = {
        {SL_STR_INIT("sk-"), 3},         {SL_STR_INIT("sk_"), 3},   {SL_STR_INIT("rk_"), 6},
        {SL_STR_INIT("pk_"), 6},         {SL_STR_INIT("pk-"), 6},   {SL_STR_INIT("slk-"), 3},
        {SL_STR_INIT("slk_"), 3},        {SL_STR_INIT("sess-"), 6}, {SL_STR_INIT("key-"), 8},
        {SL_STR_INIT("aiza"), 8},        {SL_STR_INIT("ya29."), 6}, {SL_STR_INIT("xai-"), 6},
        {SL_STR_INIT("gsk_"), 6},        {SL_STR_INIT("akia"), 12}, {SL_STR_INIT("asia"), 12},
        {SL_STR_INIT("eyj"), 8},         {SL_STR_INIT("ghp_"), 6},  {SL_STR_INIT("gho_"), 6},
        {SL_STR_INIT("github_pat_"), 6}, {SL_STR_INIT("hf_"), 8},   {SL_STR_INIT("r8_"), 8},
        {SL_STR_INIT("pplx-"), 8},       {SL_STR_INIT("fw_"), 8},   {SL_STR_INIT("nvapi-"), 8},
        {SL_STR_INIT("whsec_"), 8},      {SL_STR_INIT("xoxb-"), 6}, {SL_STR_INIT("xoxp-"), 6},
    };
    char first = sl_lower(t.p[0]);
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (first == prefixes[i].prefix.p[0] && sl_str_starts_nocase(t, prefixes[i].prefix) &&
            t.n - prefixes[i].prefix.n >= prefixes[i].more)
            return true;
    return false;
}

/* A key may stand behind something that is glued to it: "/v1/sk-...", "key_sk-...". */
static bool holds_key(struct sl_str t)
{
    for (size_t i = 0; i < t.n; i++)
        if ((i == 0 || !is_alnum(t.p[i - 1])) && has_key_prefix(sl_str_from(t, i)))
            return true;
    return false;
}

static bool is_masked(struct sl_str t) /* sk-ab****yz and the like: providers show the ends of a key */
{
    size_t stars = 0;
    if (t.n == 0 || memchr(t.p, '*', t.n) == NULL)
        return false;
    for (size_t i = 0; i < t.n; i++)
        stars += t.p[i] == '*';
    return stars >= 4 && stars < t.n;
}

struct run {
    size_t n, digits, letters, rises; /* rises: a capital behind a small letter */
};

/* Words and CamelCase names rise rarely; random letters do at every fourth place. */
static bool is_random(const struct run *u)
{
    if (u->n < MIXED_MIN)
        return false;
    return (u->digits > 0 && u->letters > 0) || u->digits == u->n || u->rises * 5 > u->n;
}

static bool is_mixed(struct sl_str t)
{
    struct run u = {0};
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        if (!is_alnum(c) && c != '+') {
            if (is_random(&u))
                return true;
            u = (struct run){0};
            continue;
        }
        bool digit = c >= '0' && c <= '9';
        bool rise = u.n > 0 && c >= 'A' && c <= 'Z' && t.p[i - 1] >= 'a' && t.p[i - 1] <= 'z';
        u.n++;
        u.digits += digit;
        u.letters += !digit;
        u.rises += rise;
    }
    return is_random(&u);
}

static bool is_one_of(struct sl_str t, const struct sl_str *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (t.n == words[i].n && sl_str_eq_nocase(t, words[i]))
            return true;
    return false;
}

static bool is_scheme(struct sl_str t)
{
    static const struct sl_str words[] = {SL_STR_INIT("bearer"), SL_STR_INIT("basic")};
    return is_one_of(t, words, sizeof words / sizeof words[0]);
}

static bool names_secret(struct sl_str t)
{
    static const struct sl_str words[] = {
        SL_STR_INIT("key"),           SL_STR_INIT("api_key"),      SL_STR_INIT("api-key"),
        SL_STR_INIT("apikey"),        SL_STR_INIT("x-api-key"),    SL_STR_INIT("x-goog-api-key"),
        SL_STR_INIT("authorization"), SL_STR_INIT("password"),     SL_STR_INIT("secret"),
        SL_STR_INIT("token"),         SL_STR_INIT("access_token"), SL_STR_INIT("client_secret"),
        SL_STR_INIT("refresh_token"), SL_STR_INIT("id_token"),     SL_STR_INIT("proxy-authorization"),
        SL_STR_INIT("session_token"), SL_STR_INIT("signature"),    SL_STR_INIT("passwd"),
        SL_STR_INIT("provided"),
    };
    return is_one_of(t, words, sizeof words / sizeof words[0]);
}

static bool is_secret(const struct redactor *r, struct sl_str t, bool before_at)
{
    if (r->after_scheme || (before_at && r->after_colon))
        return true;
    if (r->after_name && t.n >= VALUE_MIN && !is_scheme(t))
        return true;
    if (holds_key(t) || is_masked(t))
        return true;
    return r->rules->level == REDACT_ALL && is_mixed(t);
}

/* ---- walking ---- */

static size_t known_at(const struct redactor *r) /* length of a known secret at the front, or 0 */
{
    size_t longest = 0;
    for (size_t i = 0; i < r->rules->n_known; i++) {
        struct sl_str k = r->rules->known[i];
        if (k.n >= KNOWN_MIN && k.n > longest && sl_str_starts(r->left, k))
            longest = k.n;
    }
    return longest;
}

static bool take_known(struct redactor *r)
{
    size_t n = known_at(r);
    if (n == 0)
        return false;
    put_mark(r);
    r->left = sl_str_from(r->left, n);
    r->after_scheme = r->named = r->after_name = r->after_colon = false;
    return true;
}

static size_t plain_run(struct sl_str s) /* token bytes at the front that mean themselves */
{
    size_t n = 0;
    while (n < s.n && (kinds[(unsigned char)s.p[n]] & PLAIN) != 0)
        n++;
    return n;
}

/* Takes a token; stops where a known secret begins inside it. Gives false when there is none at the front. */
static bool take_token(struct redactor *r)
{
    char decoded[TOKEN_MAX];
    size_t n = 0, used = 0, step;
    char c;
    struct sl_str whole = r->left;
    if (r->rules->n_known == 0) { /* nothing to stop at: most of a token is taken at once */
        used = plain_run(whole);
        n = used < sizeof decoded ? used : sizeof decoded;
        memcpy(decoded, whole.p, n);
        r->left = sl_str_from(whole, used);
    }
    while ((step = token_char(r->left, &c)) != 0) {
        if (n > 0 && r->rules->n_known != 0 && known_at(r) != 0)
            break;
        if (n < sizeof decoded)
            decoded[n++] = c;
        used += step;
        r->left = sl_str_from(r->left, step);
    }
    if (used == 0)
        return false;
    struct sl_str t = sl_str_of(decoded, n);
    bool before_at = r->left.n > 0 && r->left.p[0] == '@';
    if (is_secret(r, t, before_at))
        put_mark(r);
    else
        put(r, whole.p, used);
    while (t.n > 0 && t.p[t.n - 1] == '.') /* the end of a sentence is no part of a word */
        t.n--;
    r->after_scheme = is_scheme(t);
    r->named = names_secret(t);
    r->after_name = r->after_colon = false;
    return true;
}

static void take_between(struct redactor *r)
{
    char c;
    size_t n = decode(r->left, &c);
    put(r, r->left.p, n);
    r->left = sl_str_from(r->left, n);
    bool separates = c == ':' || c == '=';
    bool joins = separates || c == ' ' || c == '\t' || c == '"' || c == '\'' || c == '+';
    r->after_scheme = r->after_scheme && joins;
    r->after_name = (r->after_name && joins) || (r->named && separates);
    r->named = r->named && joins && !separates;
    r->after_colon = c == ':';
}

static size_t without_nul(struct sl_str in, char out[REDACT_TEXT_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < in.n && n < REDACT_TEXT_MAX; i++)
        if (in.p[i] != '\0')
            out[n++] = in.p[i];
    return n;
}

size_t redact_text(struct sl_str in, const struct redact_rules *rules, char *out, size_t cap)
{
    static const struct redact_rules all = {.level = REDACT_ALL};
    char flat[REDACT_TEXT_MAX];
    in = sl_str_head(in, 2 * (size_t)REDACT_TEXT_MAX);
    if (in.n != 0 && memchr(in.p, '\0', in.n) != NULL)
        in = sl_str_of(flat, without_nul(in, flat));
    struct redactor r = {.rules = rules != NULL ? rules : &all, .out = out, .cap = cap};
    r.left = sl_str_head(in, REDACT_TEXT_MAX);
    if (in.n > r.left.n) /* the cut may lie within a secret, whose front would not be known for one */
        while (r.left.n > 0 && (unsigned char)r.left.p[r.left.n - 1] > ' ')
            r.left.n--;
    while (r.left.n > 0)
        if (!take_known(&r) && !take_token(&r))
            take_between(&r);
    return r.n;
}
