#include "base/clock.h"

#include <stdio.h>
#include <time.h>

int64_t sl_clock_mono_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * SL_SEC + ts.tv_nsec;
}

int64_t sl_clock_wall_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * SL_SEC + ts.tv_nsec;
}

/* Days to civil date and back: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
struct sl_civil sl_civil_of(int64_t wall_s)
{
    int64_t days = wall_s / 86400, rest = wall_s % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    unsigned month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    int64_t weekday = (days + 4) % 7;
    return (struct sl_civil){
        .year = yoe + era * 400 + (month <= 2 ? 1 : 0),
        .month = month,
        .day = (unsigned)(doy - (153 * mp + 2) / 5 + 1),
        .hour = (unsigned)(rest / 3600),
        .minute = (unsigned)(rest / 60 % 60),
        .second = (unsigned)(rest % 60),
        .weekday = (unsigned)(weekday < 0 ? weekday + 7 : weekday),
    };
}

int64_t sl_civil_to_s(const struct sl_civil *c)
{
    int64_t y = c->year - (c->month <= 2 ? 1 : 0);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * ((int64_t)c->month + (c->month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)c->day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    int64_t days = era * 146097 + doe - 719468;
    return days * 86400 + (int64_t)c->hour * 3600 + (int64_t)c->minute * 60 + (int64_t)c->second;
}

void sl_time_text(int64_t wall_ns, char out[SL_TIME_TEXT])
{
    int64_t s = wall_ns / SL_SEC, rest = wall_ns % SL_SEC;
    if (rest < 0) { /* a clock that stands before 1970 */
        rest += SL_SEC;
        s--;
    }
    struct sl_civil c = sl_civil_of(s);
    snprintf(out, SL_TIME_TEXT, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)(c.year % 10000), c.month % 100,
             c.day % 100, c.hour % 100, c.minute % 100, c.second % 100, (unsigned)(rest / SL_MS) % 1000);
}

static const char weekdays[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

void sl_http_date(int64_t wall_ns, char out[SL_HTTP_DATE])
{
    struct sl_civil c = sl_civil_of(wall_ns / SL_SEC);
    snprintf(out, SL_HTTP_DATE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", weekdays + (size_t)3 * (c.weekday % 7),
             c.day % 100, months + (size_t)3 * ((c.month - 1) % 12), (unsigned)(c.year % 10000), c.hour % 100,
             c.minute % 100, c.second % 100);
}

static bool digits(struct sl_str s, size_t at, size_t n, unsigned *out)
{
    uint64_t v = 0;
    if (!sl_str_to_u64(sl_str_of(s.p + at, n), &v))
        return false;
    *out = (unsigned)v;
    return true;
}

bool sl_http_date_parse(struct sl_str s, int64_t *out_wall_ns)
{
    struct sl_civil c = {0};
    unsigned year = 0;
    if (s.n != 29 || s.p[3] != ',' || !sl_str_eq(sl_str_from(s, 25), SL_STR(" GMT")))
        return false;
    if (!digits(s, 5, 2, &c.day) || !digits(s, 12, 4, &year) || !digits(s, 17, 2, &c.hour) ||
        !digits(s, 20, 2, &c.minute) || !digits(s, 23, 2, &c.second))
        return false;
    for (unsigned m = 0; m < 12; m++)
        if (memcmp(months + (size_t)3 * m, s.p + 8, 3) == 0)
            c.month = m + 1;
    c.year = year;
    if (year < 1970 || year > 2261) /* beyond it nanoseconds do not fit; nobody means it */
        return false;
    if (c.month == 0 || c.day == 0 || c.day > 31 || c.hour > 23 || c.minute > 59 || c.second > 60)
        return false;
    *out_wall_ns = sl_civil_to_s(&c) * SL_SEC;
    return true;
}
