/* The journal reader on any bytes: never reads outside, always comes to an end, keeps its word about order. The first
 * byte chooses between a file as it is, and a file whose records were sealed with right checksums after mutation (so that
 * the fuzzer gets behind them). */
#include "base/check.h"
#include "base/mem.h"
#include "store/journal_int.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

/* Makes both heads good and gives every frame that lies in a row from the start its right CRC and chain. */
static void mend(unsigned char *b, size_t n)
{
    struct journal_head head = {.no = 1, .size = n, .salt = 77};
    uint32_t last = head.salt, sequence = 0;
    journal_head_write(b, &head);
    for (size_t at = JOURNAL_HEAD_BYTES; n - at >= JOURNAL_FRAME_BYTES && get32(b + at) == FRAME_MAGIC;) {
        uint64_t room = frame_room(get32(b + at + 16) & 0xFFFFu);
        if (room > n - at)
            return;
        put32(b + at + 8, last);
        put32(b + at + 12, ++sequence);
        last = frame_crc(b + at, room, head.salt);
        put32(b + at + 4, last);
        at += (size_t)room;
    }
}

static void read_all(const unsigned char *b, size_t n, uint64_t from)
{
    struct journal_reader r;
    struct journal_head head;
    struct journal_record rec;
    uint64_t steps = 0, end = 0, sum = 0;
    uint32_t sequence = 0;
    enum journal_read what;
    if (journal_reader_init(&r, b, n, &head) != SL_OK)
        return;
    if (from != 0 && !journal_reader_seek(&r, from))
        return;
    while ((what = journal_reader_next(&r, &rec)) == JOURNAL_RECORD || what == JOURNAL_GAP) {
        SL_CHECK(++steps <= n); /* it moves */
        if (what == JOURNAL_GAP) {
            SL_CHECK(r.gap_from <= r.gap_to && r.gap_to <= n);
            continue;
        }
        SL_CHECK(rec.from >= end && rec.end > rec.from && rec.end <= n && rec.sequence > sequence);
        end = rec.end;
        sequence = rec.sequence;
        for (size_t i = 0; i < rec.payload.n; i++)
            sum += (unsigned char)rec.payload.p[i];
    }
    SL_CHECK(what == JOURNAL_END || what == JOURNAL_SEALED || what == JOURNAL_TORN);
    SL_CHECK(journal_reader_next(&r, &rec) == what && sum < UINT64_MAX);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    if (n < 2)
        return 0;
    bool whole = (data[0] & 1) != 0;
    uint64_t from = data[1];
    size_t size = n - 2;
    unsigned char *b = sl_malloc(size); /* its own, so that a read past the end is seen */
    memcpy(b, data + 2, size);
    if (whole && size >= JOURNAL_HEAD_BYTES)
        mend(b, size);
    read_all(b, size, from != 0 ? JOURNAL_HEAD_BYTES + (from - 1) * 8 : 0);
    sl_free(b);
    return 0;
}
