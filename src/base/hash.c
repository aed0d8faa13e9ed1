#include "base/hash.h"

#include <pthread.h>

#include "base/rand.h"

static struct sl_hash_key process_key;
static pthread_once_t process_key_once = PTHREAD_ONCE_INIT;

static void make_process_key(void)
{
    sl_random_bytes(&process_key, sizeof process_key);
}

struct sl_hash_key sl_hash_process_key(void)
{
    pthread_once(&process_key_once, make_process_key);
    return process_key;
}

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

struct sip {
    uint64_t a, b, c, d;
};

static void sip_round(struct sip *v)
{
    v->a += v->b;
    v->b = ROTL(v->b, 13) ^ v->a;
    v->a = ROTL(v->a, 32);
    v->c += v->d;
    v->d = ROTL(v->d, 16) ^ v->c;
    v->a += v->d;
    v->d = ROTL(v->d, 21) ^ v->a;
    v->c += v->b;
    v->b = ROTL(v->b, 17) ^ v->c;
    v->c = ROTL(v->c, 32);
}

/* SipHash (Aumasson, Bernstein 2012), one compression and three finalisation rounds. */
uint64_t sl_hash(struct sl_hash_key key, struct sl_str s)
{
    struct sip v = {key.k0 ^ 0x736f6d6570736575u, key.k1 ^ 0x646f72616e646f6du, key.k0 ^ 0x6c7967656e657261u,
                    key.k1 ^ 0x7465646279746573u};
    size_t left = s.n;
    const char *p = s.p;
    uint64_t m;
    while (left >= 8) {
        memcpy(&m, p, 8);
        v.d ^= m;
        sip_round(&v);
        v.a ^= m;
        p += 8;
        left -= 8;
    }
    m = (uint64_t)s.n << 56;
    for (size_t i = 0; i < left; i++)
        m |= (uint64_t)(unsigned char)p[i] << (8 * i);
    v.d ^= m;
    sip_round(&v);
    v.a ^= m;
    v.c ^= 0xff;
    sip_round(&v);
    sip_round(&v);
    sip_round(&v);
    return v.a ^ v.b ^ v.c ^ v.d;
}

static uint32_t crc_table[8][256];
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void crc_make(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = (c >> 1) ^ (0x82F63B78u & (0u - (c & 1)));
        crc_table[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int t = 1; t < 8; t++)
            crc_table[t][i] = (crc_table[t - 1][i] >> 8) ^ crc_table[0][crc_table[t - 1][i] & 0xFF];
}

static uint32_t crc_soft(uint32_t crc, const unsigned char *p, size_t n)
{
    pthread_once(&crc_once, crc_make);
    while (n >= 8) { /* slicing by 8 */
        uint64_t w;
        memcpy(&w, p, 8);
        w ^= crc;
        crc = crc_table[7][w & 0xFF] ^ crc_table[6][(w >> 8) & 0xFF] ^ crc_table[5][(w >> 16) & 0xFF] ^
              crc_table[4][(w >> 24) & 0xFF] ^ crc_table[3][(w >> 32) & 0xFF] ^ crc_table[2][(w >> 40) & 0xFF] ^
              crc_table[1][(w >> 48) & 0xFF] ^ crc_table[0][w >> 56];
        p += 8;
        n -= 8;
    }
    while (n-- > 0)
        crc = (crc >> 8) ^ crc_table[0][(crc ^ *p++) & 0xFF];
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_hard(uint32_t crc, const unsigned char *p, size_t n)
{
    uint64_t c = crc;
    while (n >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        c = __builtin_ia32_crc32di(c, w);
        p += 8;
        n -= 8;
    }
    crc = (uint32_t)c;
    while (n-- > 0)
        crc = __builtin_ia32_crc32qi(crc, *p++);
    return crc;
}
#endif

uint32_t sl_crc32c(uint32_t crc, const void *p, size_t n)
{
    crc = ~crc;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc_hard(crc, p, n);
#endif
    return ~crc_soft(crc, p, n);
}
