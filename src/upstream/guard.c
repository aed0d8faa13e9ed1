/* Two tables, IPv4 and IPv6, first match counts; IPv6 rows may say where an IPv4 address sits inside, which is then looked
 * up in its turn. What is left over in IPv6 must lie in 2000::/3, all that was ever given out. */
#include "upstream/guard.h"

struct v4_row {
    uint8_t net[4];
    uint8_t bits;
    const char *text;
};

static const struct v4_row v4_rows[] = {
    {{0, 0, 0, 0}, 8, "unspecified address"},
    {{10, 0, 0, 0}, 8, "private address"},
    {{100, 64, 0, 0}, 10, "carrier-grade NAT address"}, /* RFC 6598; a cloud's metadata service lives here too */
    {{127, 0, 0, 0}, 8, "loopback address"},
    {{169, 254, 0, 0}, 16, "link-local address"}, /* 169.254.169.254: metadata services */
    {{172, 16, 0, 0}, 12, "private address"},
    {{192, 0, 0, 0}, 24, "special-purpose address"},
    {{192, 0, 2, 0}, 24, "documentation address"},
    {{192, 88, 99, 0}, 24, "special-purpose address"}, /* 6to4 relays, withdrawn by RFC 7526 */
    {{192, 168, 0, 0}, 16, "private address"},
    {{198, 18, 0, 0}, 15, "benchmarking address"},
    {{198, 51, 100, 0}, 24, "documentation address"},
    {{203, 0, 113, 0}, 24, "documentation address"},
    {{168, 63, 129, 16}, 32, "cloud platform address"}, /* answers inside virtual machines of one cloud only */
    {{224, 0, 0, 0}, 4, "multicast address"},
    {{240, 0, 0, 0}, 4, "reserved address"}, /* and broadcast */
};

enum v4_inside {
    V4_NONE = 0,
    V4_AT_12, /* last four bytes */
    V4_AT_2,  /* 6to4 */
    V4_TEREDO /* server at 4, client inverted at 12 */
};

struct v6_row {
    uint8_t net[16];
    uint8_t bits;
    enum v4_inside inside; /* then text counts only if the inner address is refused, and is the inner one's */
    const char *text;
};

static const struct v6_row v6_rows[] = {
    {{0}, 128, V4_NONE, "unspecified address"},
    {{[15] = 1}, 128, V4_NONE, "loopback address"},
    {{[10] = 0xff, [11] = 0xff}, 96, V4_AT_12, NULL},                               /* ::ffff:a.b.c.d */
    {{[8] = 0xff, [9] = 0xff}, 96, V4_AT_12, NULL},                                 /* ::ffff:0:a.b.c.d, RFC 2765 */
    {{0x00, 0x64, 0xff, 0x9b}, 96, V4_AT_12, NULL},                                 /* NAT64, RFC 6052 */
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, V4_NONE, "special-purpose address"}, /* local NAT64, RFC 8215 */
    {{0x20, 0x01, 0x00, 0x00}, 32, V4_TEREDO, NULL},
    {{0x20, 0x01, 0x00, 0x00}, 23, V4_NONE, "special-purpose address"}, /* benchmarking, ORCHID, ... */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, V4_NONE, "documentation address"},
    {{0x20, 0x02}, 16, V4_AT_2, NULL},
    {{0x3f, 0xff}, 20, V4_NONE, "documentation address"},
    {{0xfc}, 7, V4_NONE, "private address"},
    {{0xfe, 0x80}, 10, V4_NONE, "link-local address"},
    {{0xfe, 0xc0}, 10, V4_NONE, "private address"}, /* site-local, RFC 3879 */
    {{0xff}, 8, V4_NONE, "multicast address"},
};

static bool in_net(const uint8_t *a, const uint8_t *net, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, net, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ net[whole]) >> (8 - rest)) == 0;
}

static const char *v4_refusal(const uint8_t a[4])
{
    for (size_t i = 0; i < sizeof v4_rows / sizeof v4_rows[0]; i++)
        if (in_net(a, v4_rows[i].net, v4_rows[i].bits))
            return v4_rows[i].text;
    return NULL;
}

static const char *inner_refusal(const uint8_t a[16], enum v4_inside inside)
{
    if (inside == V4_AT_12)
        return v4_refusal(a + 12);
    if (inside == V4_AT_2)
        return v4_refusal(a + 2);
    uint8_t client[4];
    for (int i = 0; i < 4; i++)
        client[i] = (uint8_t)~a[12 + i];
    const char *text = v4_refusal(a + 4);
    return text != NULL ? text : v4_refusal(client);
}

/* ISATAP (RFC 5214): an interface id of 0000:5efe or 0200:5efe and an IPv4 address, under any prefix. */
static const char *isatap_refusal(const uint8_t a[16])
{
    static const uint8_t tag[3] = {0x00, 0x5e, 0xfe};
    if ((a[8] != 0x00 && a[8] != 0x02) || memcmp(a + 9, tag, sizeof tag) != 0)
        return NULL;
    return v4_refusal(a + 12);
}

static const char *v6_refusal(const uint8_t a[16])
{
    for (size_t i = 0; i < sizeof v6_rows / sizeof v6_rows[0]; i++) {
        const struct v6_row *r = &v6_rows[i];
        if (!in_net(a, r->net, r->bits))
            continue;
        return r->inside == V4_NONE ? r->text : inner_refusal(a, r->inside);
    }
    if ((a[0] & 0xe0) != 0x20)
        return "reserved address";
    return isatap_refusal(a);
}

const char *guard_refusal(const struct sl_addr *a)
{
    if (a->sa.any.sa_family == AF_INET) {
        uint8_t v4[4];
        memcpy(v4, &a->sa.v4.sin_addr, sizeof v4);
        return v4_refusal(v4);
    }
    if (a->sa.any.sa_family == AF_INET6)
        return v6_refusal(a->sa.v6.sin6_addr.s6_addr);
    return "unknown address family";
}
