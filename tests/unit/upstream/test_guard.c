/* The address guard: first and last address of each refused network and its neighbours, in every spelling. */
#include "upstream/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char *refusal(const char *text)
{
    struct sl_addr a;
    if (!sl_addr_parse(sl_str_c(text), 443, &a))
        fail_msg("'%s' is no literal", text);
    return guard_refusal(&a);
}

static void v4(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "0.0.0.0",         "0.255.255.255",   "10.0.0.0",        "10.255.255.255",  "100.64.0.0",
        "100.100.100.200", "100.127.255.255", "127.0.0.0",       "127.0.0.1",       "127.255.255.255",
        "169.254.0.0",     "169.254.169.254", "169.254.170.2",   "169.254.255.255", "172.16.0.0",
        "172.31.255.255",  "192.0.0.0",       "192.0.0.192",     "192.0.0.255",     "192.0.2.1",
        "192.88.99.1",     "192.168.0.0",     "192.168.255.255", "198.18.0.0",      "198.19.255.255",
        "198.51.100.7",    "203.0.113.7",     "168.63.129.16",   "224.0.0.1",       "239.255.255.255",
        "240.0.0.0",       "255.255.255.254", "255.255.255.255",
    };
    static const char *const allowed[] = {
        "1.0.0.0",         "1.1.1.1",         "8.8.8.8",        "9.255.255.255",   "11.0.0.0",      "100.63.255.255",
        "100.128.0.0",     "126.255.255.255", "128.0.0.0",      "169.253.255.255", "169.255.0.0",   "172.15.255.255",
        "172.32.0.0",      "191.255.255.255", "192.0.1.0",      "192.0.3.0",       "192.88.98.255", "192.88.100.0",
        "192.167.255.255", "192.169.0.0",     "198.17.255.255", "198.20.0.0",      "168.63.129.15", "168.63.129.17",
        "223.255.255.255", "93.184.216.34",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (refusal(refused[i]) == NULL)
            fail_msg("%s is let through", refused[i]);
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        if (refusal(allowed[i]) != NULL)
            fail_msg("%s is refused: %s", allowed[i], refusal(allowed[i]));
}

static void v6(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "::",
        "::1",
        "[::1]",
        "0:0:0:0:0:0:0:1",
        "0000:0000:0000:0000:0000:0000:0000:0001",
        "::2",
        "::127.0.0.1",
        "::8.8.8.8", /* IPv4-compatible: never given out */
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::FFFF:7F00:0001",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "::ffff:10.1.2.3",
        "::ffff:192.168.0.1",
        "::ffff:0.0.0.0",
        "::ffff:100.64.0.1",
        "::ffff:0:127.0.0.1",
        "::ffff:0:10.0.0.1", /* translated */
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::8.8.8.8",
        "64:ff9b:1:ffff::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2002:c0a8:1::1",
        "2002:a00:1::", /* 6to4 */
        "2001:0:7f00:1::",
        "2001:0:4136:e378:8000:63bf:5601:5601", /* Teredo: server private; client 169.254.169.254 */
        "2001:0:4136:e378:8000:63bf:80ff:fffe", /* client 127.0.0.1 */
        "2001:10::1",
        "2001:20::1",
        "2001:2::1",
        "2001:1ff:ffff::", /* IETF assignments */
        "2001:db8::1",
        "2001:db8:ffff:ffff::",
        "3fff::1",
        "3fff:fff:ffff::", /* documentation */
        "100::1",
        "5f00::1",
        "4000::1",
        "1fff:ffff::",
        "0:1::1",
        "8000::1", /* outside of 2000::/3 */
        "fc00::1",
        "fd00:ec2::254",
        "fdff:ffff::",
        "fe80::1",
        "fe80::a9fe:a9fe",
        "febf:ffff::",
        "fec0::1",
        "feff::1",
        "ff00::",
        "ff02::1",
        "ff0e::1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2606:2800::5efe:10.0.0.1",
        "2606:2800::200:5efe:127.0.0.1",
        "2606:2800:0:0:0:5efe:a9fe:a9fe", /* ISATAP */
    };
    static const char *const allowed[] = {
        "2606:2800:220:1:248:1893:25c8:1946",
        "2001:4860:4860::8888",
        "2000::1",
        "3ffe:ffff::1",
        "2a00::1",
        "2001:200::1",
        "2003::1",
        "2001:db7:ffff::1",
        "2001:db9::",
        "3fff:1000::1",
        "::ffff:8.8.8.8",
        "::ffff:93.184.216.34",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
        "::ffff:0:8.8.8.8",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", /* Teredo of RFC 4380's example: 192.0.2.45 is documentation */
        "2606:2800::5efe:8.8.8.8",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (refusal(refused[i]) == NULL)
            fail_msg("%s is let through", refused[i]);
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        const char *why = refusal(allowed[i]);
        bool is_example = sl_str_ends(sl_str_c(allowed[i]), SL_STR("3fff:fdd2"));
        if (is_example ? why == NULL : why != NULL)
            fail_msg("%s: %s", allowed[i], why != NULL ? why : "let through");
    }
}

/* Every address inside a refused IPv4 network is refused in each of its IPv6 dresses, and the others in none. */
static void dresses_agree(void **state)
{
    (void)state;
    static const char *const v4s[] = {"127.0.0.1", "10.9.8.7", "169.254.169.254", "100.64.0.1", "192.168.1.1",
                                      "224.0.0.9", "8.8.8.8",  "93.184.216.34",   "172.32.0.1", "1.2.3.4"};
    for (size_t i = 0; i < sizeof v4s / sizeof v4s[0]; i++) {
        struct sl_addr a, b;
        uint8_t q[4];
        char text[80];
        const char *plain = refusal(v4s[i]);
        assert_true(sl_addr_parse(sl_str_c(v4s[i]), 1, &a));
        memcpy(q, &a.sa.v4.sin_addr, 4);
        static const char *const forms[] = {"::ffff:%s", "::ffff:0:%s", "64:ff9b::%s", "2a00:1::5efe:%s",
                                            "2a00:1::200:5efe:%s"};
        for (size_t k = 0; k < sizeof forms / sizeof forms[0]; k++) {
            const char *form = forms[k];
            size_t at = (size_t)(sl_str_find(sl_str_c(form), '%'));
            snprintf(text, sizeof text, "%.*s%s", (int)at, form, v4s[i]);
            assert_true((refusal(text) == NULL) == (plain == NULL));
        }
        snprintf(text, sizeof text, "2002:%02x%02x:%02x%02x::1", q[0], q[1], q[2], q[3]);
        assert_true((refusal(text) == NULL) == (plain == NULL));
        snprintf(text, sizeof text, "2001:0:%02x%02x:%02x%02x::f7f7:f7f7", q[0], q[1], q[2], q[3]); /* client 8.8.8.8 */
        assert_true((refusal(text) == NULL) == (plain == NULL));
        snprintf(text, sizeof text, "2001:0:808:808::%02x%02x:%02x%02x", q[0] ^ 255, q[1] ^ 255, q[2] ^ 255,
                 q[3] ^ 255);
        assert_true((refusal(text) == NULL) == (plain == NULL));
        (void)b;
    }
}

static void other_families(void **state)
{
    (void)state;
    struct sl_addr a = {0};
    a.sa.any.sa_family = AF_UNIX;
    assert_non_null(guard_refusal(&a));
}

/* Spellings that are no literals for us go to the resolver, which may know them as numbers: what it gives is what is
 * checked (test_attempt_h1.c, refused_addresses). They must not become literals by themselves. */
static void odd_spellings_are_no_literals(void **state)
{
    (void)state;
    static const char *const odd[] = {"127.1",
                                      "0x7f.0.0.1",
                                      "0x7f000001",
                                      "2130706433",
                                      "017700000001",
                                      "0177.0.0.1",
                                      "127.0.0.1.",
                                      " 127.0.0.1",
                                      "127.0.0.1 ",
                                      "127.000.000.001",
                                      "::ffff:0x7f.1",
                                      "[::1",
                                      "::1]",
                                      "fe80::1%eth0",
                                      "localhost",
                                      "①②⑦.⓪.⓪.①",
                                      ""};
    struct sl_addr a;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        if (sl_addr_parse(sl_str_c(odd[i]), 1, &a))
            assert_non_null(guard_refusal(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v4),
        cmocka_unit_test(v6),
        cmocka_unit_test(dresses_agree),
        cmocka_unit_test(other_families),
        cmocka_unit_test(odd_spellings_are_no_literals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
