/* Client keys from their making to their end, the state directory they live in, and the commands on both. */
#include "journal_kit.h"

#include <fcntl.h>

#include "auth/key.h"
#include "base/clock.h"
#include "ledger/entry.h"
#include "main/cmd_keys.h"
#include "main/cmd_usage.h"
#include "main/command_state.h"
#include "main/keys.h"

/* The real one reads the configuration; here the directory is always named. */
enum sl_err command_state_path(const char *state, const char *config, char out[STATE_PATH_MAX], struct sl_fail *fail)
{
    (void)config;
    if (state == NULL)
        return sl_fail_set(fail, SL_EINVAL, "", "no --state in this test");
    (void)snprintf(out, STATE_PATH_MAX, "%s", state);
    return SL_OK;
}

struct world {
    char dir[64], below[96], db[128];
    struct state_dir state;
    struct store *s;
    char out[65536];
};

static int set_up(void **state)
{
    struct world *t = SL_NEW(struct world);
    struct sl_fail fail = {.code = SL_OK};
    kit_make_dir(t->dir);
    (void)snprintf(t->below, sizeof t->below, "%s/state", t->dir);
    if (state_dir_open(&t->state, t->below, STATE_CREATE, &fail) != SL_OK)
        fail_msg("%s", fail.text);
    (void)snprintf(t->db, sizeof t->db, "%s/ledger.db", t->below);
    assert_int_equal(store_open_sqlite(t->db, STORE_WRITE, &t->s, &fail), SL_OK);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct world *t = *state;
    char path[128];
    store_close(t->s);
    state_dir_close(&t->state);
    (void)snprintf(path, sizeof path, "%s/journal", t->below);
    kit_remove_dir(path);
    (void)snprintf(path, sizeof path, "%s/notify", t->below);
    kit_remove_dir(path);
    kit_remove_dir(t->below);
    kit_remove_dir(t->dir);
    sl_free(t);
    return 0;
}

static struct keys_made make(struct world *t, const char *name)
{
    struct keys_made made;
    struct sl_fail fail = {.code = SL_OK};
    struct keys_spec spec = {
        .name = sl_str_c(name), .models = SL_STR("gpt-4o, claude-*"), .operations = SL_STR("chat")};
    if (keys_create(&t->state, t->s, &spec, &made, &fail) != SL_OK)
        fail_msg("%s", fail.text);
    return made;
}

/* What a worker would say to a caller with this text now. */
static struct auth_result ask(struct world *t, const char *text, struct key_table **out_t)
{
    unsigned char digest[KEY_DIGEST_BYTES];
    size_t bad = 9;
    assert_int_equal(keys_table_load(t->s, out_t, &bad, NULL), SL_OK);
    assert_int_equal(bad, 0);
    key_digest(sl_secret_expose(&t->state.pepper), sl_str_c(text), digest);
    return auth_check(*out_t, digest, sl_clock_wall_ns());
}

static enum auth_reason reason(struct world *t, const char *text)
{
    struct key_table *table;
    struct auth_result r = ask(t, text, &table);
    assert_int_equal(r.verdict == AUTH_OK, r.reason == AUTH_FINE);
    key_table_unref(table);
    return r.reason;
}

static bool file_has(const char *path, const char *what)
{
    char *bytes = sl_malloc(4u << 20);
    FILE *f = fopen(path, "r");
    size_t n = f != NULL ? fread(bytes, 1, 4u << 20, f) : 0;
    if (f != NULL)
        fclose(f);
    bool found = sl_str_find_str(sl_str_of(bytes, n), sl_str_c(what)) >= 0;
    sl_free(bytes);
    return found;
}

static void a_key_lives_and_ends(void **state)
{
    struct world *t = *state;
    struct keys_made one = make(t, "one"), two;
    struct key_table *table;
    assert_int_equal(strlen(one.text), sizeof KEYS_PREFIX - 1 + KEYS_RANDOM_CHARS);
    assert_true(sl_str_starts(sl_str_c(one.text), SL_STR(KEYS_PREFIX)));
    struct auth_result r = ask(t, one.text, &table);
    assert_int_equal(r.verdict, AUTH_OK);
    assert_true(sl_id_eq(r.key->id, one.id));
    assert_true(sl_str_eq(r.key->tenant, SL_STR("default")));
    assert_true(grant_allows_model(&r.key->grant, SL_STR("claude-x")));
    assert_false(grant_allows_model(&r.key->grant, SL_STR("gpt-4")));
    key_table_unref(table);
    /* One character more or less is another key. */
    char other[KEYS_TEXT + 2];
    (void)snprintf(other, sizeof other, "%sx", one.text);
    assert_int_equal(reason(t, other), AUTH_NO_SUCH_KEY);
    other[strlen(one.text) - 1] = 0;
    assert_int_equal(reason(t, other), AUTH_NO_SUCH_KEY);

    assert_int_equal(keys_rotate(&t->state, t->s, one.id, 3600 * SL_SEC, &two, NULL), SL_OK);
    assert_int_equal(reason(t, one.text), AUTH_FINE); /* for an hour */
    assert_int_equal(reason(t, two.text), AUTH_FINE);
    assert_int_equal(keys_expire(&t->state, t->s, one.id, sl_clock_wall_ns() - 1, NULL), SL_OK);
    assert_int_equal(reason(t, one.text), AUTH_EXPIRED);
    struct sl_fail fail;
    struct keys_made none;
    assert_int_equal(keys_rotate(&t->state, t->s, one.id, 0, &none, &fail), SL_EINVAL);
    assert_int_equal(keys_rotate(&t->state, t->s, (struct sl_id){4, 4}, 0, &none, &fail), SL_ENOENT);
    assert_int_equal(keys_rotate(&t->state, t->s, two.id, -1, &none, &fail), SL_EINVAL);
    assert_int_equal(keys_revoke(&t->state, t->s, two.id, NULL), SL_OK);
    assert_int_equal(reason(t, two.text), AUTH_REVOKED);
    assert_int_equal(keys_revoke(&t->state, t->s, (struct sl_id){4, 4}, &fail), SL_ENOENT);
}

static void no_text_of_a_key_is_stored(void **state)
{
    struct world *t = *state;
    struct keys_made made = make(t, "one");
    char wal[140], secret[KEYS_TEXT];
    (void)snprintf(wal, sizeof wal, "%s-wal", t->db);
    (void)snprintf(secret, sizeof secret, "%s", made.text + sizeof KEYS_PREFIX - 1 + KEYS_SHOWN_CHARS);
    assert_true(file_has(wal, "gpt-4o, claude-*")); /* this is where the row is */
    assert_false(file_has(wal, secret) || file_has(t->db, secret));
    store_close(t->s);
    assert_int_equal(store_open_sqlite(t->db, STORE_WRITE, &t->s, NULL), SL_OK);
    assert_false(file_has(wal, secret) || file_has(t->db, secret));
    struct stat st;
    assert_int_equal(stat(t->db, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
    keys_made_wipe(&made);
    assert_int_equal(made.text[0], 0);
}

static void texts_are_never_the_same_and_well_spread(void **state)
{
    struct world *t = *state;
    struct keys_made made[20];
    unsigned upper = 0, digit = 0;
    for (unsigned i = 0; i < 20; i++) {
        made[i] = make(t, "many");
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(made[i].text, made[k].text);
        for (const char *p = made[i].text + sizeof KEYS_PREFIX - 1; *p != 0; p++) {
            upper += *p >= 'A' && *p <= 'Z';
            digit += *p >= '0' && *p <= '9';
        }
    }
    assert_in_range(upper, 250, 480); /* 860 characters, 26 and 10 of 62 */
    assert_in_range(digit, 70, 220);
}

static void impossible_keys_are_refused(void **state)
{
    struct world *t = *state;
    char longer[KEYS_NAME_MAX + 1];
    memset(longer, 'a', sizeof longer);
    const struct keys_spec bad[] = {
        {.name = SL_STR("")},
        {.name = sl_str_of(longer, sizeof longer)},
        {.name = SL_STR("a\nb")},
        {.name = SL_STR("\xFF")},
        {.name = SL_STR("a"), .tenant = SL_STR("\x1b[2J")},
        {.name = SL_STR("a"), .models = SL_STR("a,,b")},
        {.name = SL_STR("a"), .models = SL_STR("a*b")},
        {.name = SL_STR("a"), .operations = SL_STR("chat,fly")},
        {.name = SL_STR("a"), .expires_ns = 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct keys_made made;
        struct sl_fail fail = {.code = SL_OK};
        assert_int_equal(keys_create(&t->state, t->s, &bad[i], &made, &fail), SL_EINVAL);
        assert_true(fail.text[0] != 0);
    }
    struct key_table *table;
    assert_int_equal(keys_table_load(t->s, &table, NULL, NULL), SL_OK);
    assert_int_equal(key_table_count(table), 0);
    key_table_unref(table);
}

static void the_first_run_makes_one_key_and_the_second_none(void **state)
{
    struct world *t = *state;
    struct keys_made made, again;
    bool is_new = false;
    char shown[KEYS_SHOWN];
    assert_int_equal(keys_first_run(&t->state, t->s, &made, &is_new, shown, NULL), SL_OK);
    assert_true(is_new);
    assert_int_equal(reason(t, made.text), AUTH_FINE);
    assert_int_equal(keys_first_run(&t->state, t->s, &again, &is_new, shown, NULL), SL_OK);
    assert_false(is_new);
    assert_int_equal(strlen(shown), sizeof KEYS_PREFIX - 1 + KEYS_SHOWN_CHARS + 3);
    assert_memory_equal(shown, made.text, sizeof KEYS_PREFIX - 1 + KEYS_SHOWN_CHARS);
    assert_int_equal(keys_revoke(&t->state, t->s, made.id, NULL), SL_OK);
    assert_int_equal(keys_first_run(&t->state, t->s, &again, &is_new, shown, NULL), SL_OK);
    assert_false(is_new); /* revoking all keys does not bring one back */
    assert_string_equal(shown, "");
}

/* -- The directory -------------------------------------------------------------------------------------------------- */

static void the_pepper_is_made_once_and_guarded(void **state)
{
    struct world *t = *state;
    struct state_dir again;
    struct sl_fail fail;
    struct state_path pepper = state_dir_path(&t->state, "pepper");
    struct stat st;
    assert_int_equal(stat(pepper.text, &st), 0);
    assert_int_equal(st.st_size, STATE_PEPPER_BYTES);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(state_dir_open(&again, t->below, STATE_CREATE, &fail), SL_OK);
    assert_true(sl_str_eq(sl_secret_expose(&again.pepper), sl_secret_expose(&t->state.pepper)));
    state_dir_close(&again);
    assert_int_equal(chmod(pepper.text, 0644), 0);
    assert_int_equal(state_dir_open(&again, t->below, STATE_CREATE, &fail), SL_EDENIED);
    assert_true(sl_str_find_str(sl_str_c(fail.text), SL_STR("chmod 600")) >= 0);
    assert_int_equal(chmod(pepper.text, 0600), 0);
    assert_int_equal(truncate(pepper.text, 31), 0);
    assert_int_equal(state_dir_open(&again, t->below, STATE_CREATE, &fail), SL_ECORRUPT);
    assert_int_equal(truncate(pepper.text, 33), 0);
    assert_int_equal(state_dir_open(&again, t->below, STATE_CREATE, &fail), SL_ECORRUPT);
    assert_int_equal(unlink(pepper.text), 0); /* lost, and a database with keys is there: no fresh one beside them */
    assert_int_equal(state_dir_open(&again, t->below, STATE_CREATE, &fail), SL_ECORRUPT);
    assert_true(sl_str_find_str(sl_str_c(fail.text), SL_STR("bring it back")) >= 0);
    assert_int_equal(state_dir_open(&again, "/", STATE_EXISTING, &fail), SL_ENOENT);
    assert_true(sl_str_find_str(sl_str_c(fail.text), SL_STR("no state directory of sluice")) >= 0);
    assert_int_equal(state_dir_open(&again, "/nowhere/at/all", STATE_EXISTING, &fail), SL_ENOENT);
    assert_int_equal(state_dir_open(&again, "", STATE_CREATE, &fail), SL_EINVAL);
    assert_int_equal(state_dir_open(&again, "/proc/nope/x", STATE_CREATE, &fail), SL_EIO);
}

static void the_default_directory_comes_from_the_environment(void **state)
{
    (void)state;
    char out[STATE_PATH_MAX], small[8];
    struct sl_fail fail;
    assert_int_equal(setenv("SLUICE_STATE_DIR", "/tmp/some/where", 1), 0);
    assert_int_equal(state_dir_default(out, sizeof out, &fail), SL_OK);
    assert_string_equal(out, "/tmp/some/where");
    assert_int_equal(state_dir_default(small, sizeof small, &fail), SL_ELIMIT);
    assert_int_equal(unsetenv("SLUICE_STATE_DIR"), 0);
    assert_int_equal(state_dir_default(out, sizeof out, &fail), SL_OK);
    assert_true(sl_str_ends(sl_str_c(out), SL_STR("/sluice")));
}

/* -- Commands ------------------------------------------------------------------------------------------------------- */

/* Runs a command with its standard output in t->out; gives its exit code. */
static int run(struct world *t, int (*cmd)(int argc, char **argv), const char *const *args)
{
    char *argv[16], path[128];
    int argc = 0;
    for (; args[argc] != NULL; argc++)
        argv[argc] = sl_memdup0(args[argc], strlen(args[argc]));
    argv[argc] = NULL;
    (void)snprintf(path, sizeof path, "%s/out", t->dir);
    fflush(stdout);
    fflush(stderr);
    int out = dup(1), err = dup(2), fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(out >= 0 && err >= 0 && fd >= 0);
    assert_true(dup2(fd, 1) == 1 && dup2(fd, 2) == 2);
    int code = cmd(argc, argv);
    fflush(stdout);
    fflush(stderr);
    assert_true(dup2(out, 1) == 1 && dup2(err, 2) == 2);
    close(out);
    close(err);
    ssize_t n = pread(fd, t->out, sizeof t->out - 1, 0);
    assert_true(n >= 0);
    t->out[n] = 0;
    close(fd);
    for (int i = 0; i < argc; i++)
        sl_free(argv[i]);
    return code;
}

#define RUN(cmd, ...) run(t, (cmd), (const char *const[]){__VA_ARGS__, "--state", t->below, NULL})

static bool out_has(struct world *t, const char *what)
{
    return sl_str_find_str(sl_str_c(t->out), sl_str_c(what)) >= 0;
}

static void the_keys_command_does_it_all(void **state)
{
    struct world *t = *state;
    char text[KEYS_TEXT] = "", id[SL_ID_TEXT] = "";
    assert_int_equal(RUN(cmd_keys, "keys", "list"), 0);
    assert_true(out_has(t, "There are no keys"));
    assert_int_equal(RUN(cmd_keys, "keys", "create", "--name", "ci \"bot\"", "--tenant", "acme", "--models", "a,b",
                         "--operations", "chat", "--expires", "30d", "--json"),
                     0);
    struct sl_str s = sl_str_c(t->out);
    ptrdiff_t at_id = sl_str_find_str(s, SL_STR("\"id\":\"")), at_key = sl_str_find_str(s, SL_STR(KEYS_PREFIX));
    assert_true(at_id >= 0 && at_key > at_id);
    memcpy(id, t->out + at_id + 6, SL_ID_TEXT - 1);
    memcpy(text, t->out + at_key, sizeof KEYS_PREFIX - 1 + KEYS_RANDOM_CHARS);
    assert_int_equal(reason(t, text), AUTH_FINE);

    assert_int_equal(RUN(cmd_keys, "keys", "list"), 0);
    assert_true(out_has(t, id) && out_has(t, "active") && out_has(t, "acme") && !out_has(t, text));
    assert_int_equal(RUN(cmd_keys, "keys", "list", "--json"), 0);
    assert_true(out_has(t, "\"name\":\"ci \\\"bot\\\"\"") && out_has(t, "\"models\":[\"a\",\"b\"]"));
    assert_true(out_has(t, "\"state\":\"active\"") && out_has(t, "\"revoked\":null") && !out_has(t, text));

    assert_int_equal(RUN(cmd_keys, "keys", "rotate", id, "--grace", "1h"), 0);
    assert_true(out_has(t, KEYS_PREFIX));
    assert_int_equal(reason(t, text), AUTH_FINE);
    assert_int_equal(RUN(cmd_keys, "keys", "expire", id), 0);
    assert_int_equal(reason(t, text), AUTH_EXPIRED);
    assert_int_equal(RUN(cmd_keys, "keys", "expire", id, "--in", "1h"), 0);
    assert_int_equal(reason(t, text), AUTH_FINE);
    assert_int_equal(RUN(cmd_keys, "keys", "revoke", id), 0);
    assert_true(out_has(t, "revoked"));
    assert_int_equal(reason(t, text), AUTH_REVOKED);

    assert_int_equal(RUN(cmd_keys, "keys", "revoke", "not-an-id"), 2);
    assert_int_equal(RUN(cmd_keys, "keys", "revoke", "00000000000000000000000000"), 1);
    assert_int_equal(RUN(cmd_keys, "keys", "create"), 2);
    assert_true(out_has(t, "--name"));
    assert_int_equal(RUN(cmd_keys, "keys", "create", "--name", "x", "--operations", "fly"), 1);
    assert_int_equal(RUN(cmd_keys, "keys", "frobnicate"), 2);
    assert_int_equal(run(t, cmd_keys, (const char *const[]){"keys", NULL}), 2);
    assert_int_equal(run(t, cmd_keys, (const char *const[]){"keys", "--help", NULL}), 0);
    assert_true(out_has(t, "rotate"));
}

static void append(struct journal_writer *w, enum journal_use use, unsigned type, const unsigned char *bytes, size_t n)
{
    assert_int_equal(journal_append(w, use, type, sl_str_of(bytes, n), NULL), SL_OK);
}

/* What a killed gateway left behind: two attempts, one without its close. */
static void leave_a_journal(struct world *t)
{
    struct journal *j = kit_open(state_dir_path(&t->state, "journal").text, NULL, JOURNAL_SEGMENT_MIN);
    unsigned char bytes[ENTRY_OPEN_MAX];
    struct sl_rand r;
    int64_t now_ns = INT64_C(1795176000) * SL_SEC;
    sl_rand_seed(&r, 3);
    assert_int_equal(journal_prepare(j, 1, NULL), SL_OK);
    struct journal_writer *w = journal_writer_of(j, 0);
    for (int i = 0; i < 2; i++) {
        struct entry_open o = {.attempt = sl_id_make(now_ns, &r),
                               .exchange = {1, 1},
                               .wall_ns = now_ns,
                               .estimate_input = 11,
                               .estimate_cost_p = INT64_C(2000000000001),
                               .model = i == 0 ? SL_STR("gpt-4o") : SL_STR("\x1b[31mred"),
                               .provider = SL_STR("openai"),
                               .target = SL_STR("gpt-4o-2024")};
        append(w, JOURNAL_OPENS, ENTRY_OPEN, bytes, entry_open_encode(&o, bytes));
        struct entry_close c = {.attempt = o.attempt, .wall_ns = now_ns, .cost_p = 123, .outcome = SL_STR("ok")};
        c.usage.output = 42;
        if (i == 0)
            append(w, JOURNAL_CLOSES, ENTRY_CLOSE, bytes, entry_close_encode(&c, bytes));
    }
    journal_close(j);
}

static void the_usage_command_takes_in_what_was_left_and_is_exact(void **state)
{
    struct world *t = *state;
    leave_a_journal(t);
    assert_int_equal(RUN(cmd_usage, "usage", "--by", "model", "--json"), 0);
    assert_true(out_has(t, "{\"group\":\"gpt-4o\",\"attempts\":1,\"open\":0,\"interrupted\":0"));
    assert_true(out_has(t, "\"output\":42"));
    assert_true(out_has(t, "\"cost_usd\":\"0.000000000123\""));
    assert_true(out_has(t, "\"interrupted\":1,\"estimated\":1"));
    assert_true(out_has(t, "\"cost_usd\":\"2.000000000001\""));
    assert_true(out_has(t, "\"cost_usd\":\"2.000000000124\"")); /* the total */
    assert_int_equal(kit_count_files(state_dir_path(&t->state, "journal").text, ".jnl"), 0);

    assert_int_equal(RUN(cmd_usage, "usage"), 0);
    assert_true(out_has(t, "2.000000000124") && out_has(t, "total"));
    assert_true(strchr(t->out, 0x1b) == NULL); /* a model's name does not colour the terminal */
    assert_int_equal(RUN(cmd_usage, "usage", "--by", "day"), 0);
    assert_true(out_has(t, "2026-11-20"));
    assert_int_equal(RUN(cmd_usage, "usage", "--by", "day", "--from", "2026-11-21"), 0);
    assert_false(out_has(t, "2026-11-20"));
    assert_int_equal(RUN(cmd_usage, "usage", "--by", "all", "--to", "2026-11-21"), 0);
    assert_true(out_has(t, "2.000000000124"));
    assert_int_equal(RUN(cmd_usage, "usage", "--by", "nonsense"), 2);
    assert_int_equal(RUN(cmd_usage, "usage", "--from", "2026-02-30"), 2);
    assert_int_equal(RUN(cmd_usage, "usage", "--from", "yesterday"), 2);
    assert_int_equal(run(t, cmd_usage, (const char *const[]){"usage", "--state", "/nowhere/at/all", NULL}), 1);
}

static void usage_beside_a_running_gateway_only_reads(void **state)
{
    struct world *t = *state;
    leave_a_journal(t);
    assert_int_equal(state_dir_lock(&t->state, NULL), SL_OK); /* as a gateway does */
    assert_int_equal(RUN(cmd_usage, "usage", "--json"), 0);
    assert_true(out_has(t, "\"attempts\":0"));
    assert_int_equal(kit_count_files(state_dir_path(&t->state, "journal").text, ".jnl"), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_key_lives_and_ends),
        T(no_text_of_a_key_is_stored),
        T(texts_are_never_the_same_and_well_spread),
        T(impossible_keys_are_refused),
        T(the_first_run_makes_one_key_and_the_second_none),
        T(the_pepper_is_made_once_and_guarded),
        cmocka_unit_test(the_default_directory_comes_from_the_environment),
        T(the_keys_command_does_it_all),
        T(the_usage_command_takes_in_what_was_left_and_is_exact),
        T(usage_beside_a_running_gateway_only_reads),
    };
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
