/* The files that a configuration names: each finding at the setting, beside those about the text, and only where they are
 * asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "main/settings_files.h"
#include "tls/kit.h"
#include "values.h"

#define SIM "providers: {s: {kind: sim}}\n"

static bool is_valid(struct settings *(*load)(const char *, struct cfg_report *), const char *yaml, struct sl_buf *out)
{
    struct cfg_report report;
    const char *path = kit_path("s.yaml").p;
    kit_write("s.yaml", yaml, strlen(yaml));
    cfg_report_init(&report);
    struct settings *s = load(path, &report);
    bool valid = s != NULL;
    report_lines(&report, out);
    settings_free(s);
    cfg_report_done(&report);
    return valid;
}

/* What is found, `dir` standing for the directory of the test. */
static void expect(const char *yaml, const char *want)
{
    struct sl_buf found, lines;
    bool valid = is_valid(settings_load_checked, yaml, &found);
    size_t n = strlen(kit_dir());
    sl_buf_init(&lines, 1 << 20);
    for (const char *p = found.p; *p != 0;) {
        bool is_dir = strncmp(p, kit_dir(), n) == 0;
        sl_buf_add(&lines, is_dir ? "dir" : p, is_dir ? 3 : 1);
        p += is_dir ? n : 1;
    }
    sl_buf_addc(&lines, 0);
    if (strcmp(lines.p, want) != 0)
        fail_msg("\n--- of\n%s\n--- expected\n%s--- found\n%s", yaml, want, lines.p);
    assert_int_equal(valid, strstr(want, ": warning: ") != NULL || want[0] == 0);
    sl_buf_done(&lines);
    sl_buf_done(&found);
}

static void findings(void **state)
{
    static const char *const rows[][2] = {
        {SIM "listen: {tls: {cert: good.pem, key: good.key}}\n", ""},
        {SIM "listen: {tls: {cert: good.pem, key: good.key, client_ca: ca.pem, client_certificate: required}}\n", ""},
        {SIM "listen:\n  tls: {cert: good.pem, key: client.key}\n",
         "dir/s.yaml:3:30: listen.tls.key: 'dir/client.key' does not belong to the certificate. Put the key there that this "
         "certificate was made with\n"},
        {SIM
         "listen:\n  tls:\n    cert: none.pem\n    key: ca.pem\n    client_ca: good.key\n    client_certificate: optional\n",
         "dir/s.yaml:4:11: listen.tls.cert: 'dir/none.pem' cannot be opened: No such file or directory. Correct the path, or "
         "let the gateway's user read it\n"
         "dir/s.yaml:5:10: listen.tls.key: 'dir/ca.pem' is not usable: no PEM block of the right kind in it. It must be a "
         "private key in PEM, not encrypted\n"
         "dir/s.yaml:6:16: listen.tls.client_ca: 'dir/good.key' is not usable: no certificate in it. It must be PEM: the "
         "certificates of the authorities\n"},
        /* what came out of a variable is not shown */
        {SIM "listen: {tls: {cert: good.pem, key: '${KEY_FILE}'}}\n",
         "dir/s.yaml:2:37: listen.tls.key: the file cannot be opened: No such file or directory. Correct the path, or let the "
         "gateway's user read it\n"},
        /* beside what is wrong with the text */
        {SIM "listen: {tls: {cert: none.pem, key: good.key}, bakclog: 5}\n",
         "dir/s.yaml:2:22: listen.tls.cert: 'dir/none.pem' cannot be opened: No such file or directory. Correct the path, or "
         "let the gateway's user read it\n"
         "dir/s.yaml:2:48: listen.bakclog: unknown setting. Did you mean 'backlog'?\n"},
        {"providers:\n  p: {kind: openai-compatible, base_url: 'https://h.example/v1', tls: {ca: none.pem}, direct: true}\n",
         "dir/s.yaml:2:76: providers.p.tls.ca: 'dir/none.pem' cannot be opened: No such file or directory. Correct the path, "
         "or let the gateway's user read it\n"},
    };
    (void)state;
    setenv("KEY_FILE", "/nowhere/canary.key", 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect(rows[i][0], rows[i][1]);
}

static void dates(void **state)
{
    struct sl_buf found;
    (void)state;
    assert_false(is_valid(settings_load_checked, SIM "listen: {tls: {cert: over.pem, key: over.key}}\n", &found));
    assert_non_null(strstr(found.p, "s.yaml:2:22: listen.tls.cert: '"));
    assert_non_null(strstr(found.p, "over.pem' expired at 20"));
    sl_buf_done(&found);
    assert_true(is_valid(settings_load_checked, SIM "listen: {tls: {cert: soon.pem, key: soon.key}}\n", &found));
    assert_non_null(strstr(found.p, "s.yaml:2:22: warning: listen.tls.cert: '"));
    assert_non_null(strstr(found.p, "soon.pem' expires at 20"));
    sl_buf_done(&found);
}

/* Other commands must work where a certificate is broken, or not theirs to read. */
static void nothing_is_opened_unasked(void **state)
{
    struct sl_buf found;
    (void)state;
    assert_true(is_valid(settings_load, SIM "listen: {tls: {cert: none.pem, key: none.key}}\n", &found));
    assert_string_equal(found.p, "");
    sl_buf_done(&found);
}

static int set_up(void **state)
{
    (void)state;
    kit_usual_certs();
    kit_cert("good", &(struct kit_cert_spec){.cn = "a.test", .issuer = "ca", .from_days = -1, .to_days = 90});
    kit_cert("soon", &(struct kit_cert_spec){.cn = "a.test", .issuer = "ca", .from_days = -1, .to_days = 6});
    kit_cert("over", &(struct kit_cert_spec){.cn = "a.test", .issuer = "ca", .from_days = -9, .to_days = -1});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kit_dir_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings),
        cmocka_unit_test(dates),
        cmocka_unit_test(nothing_is_opened_unasked),
    };
    return cmocka_run_group_tests_name("config files", tests, set_up, tear_down);
}
