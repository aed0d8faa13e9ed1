#include "upstream/gradient.h"

#include <math.h>

#include "base/clock.h"

#define BEGIN 32.0
#define SAMPLES 100u
#define STEP_NS SL_SEC
#define TOLERANCE 2.0
#define OF_NEW 0.2
#define OF_LONG 0.005 /* of what is usual, a step: minutes, so that a queue does not become usual */

static double clamped(double v, double least, double most)
{
    return v < least ? least : v > most ? most : v;
}

static void step(struct gradient *g, uint32_t in_flight)
{
    double now_us = g->sum_us / g->n;
    g->long_us = g->long_us > 0 ? g->long_us + OF_LONG * (now_us - g->long_us) : now_us;
    if (g->long_us > 2 * now_us) /* it was slow for long and is not any more */
        g->long_us *= 0.95;
    if (in_flight <= g->limit / 2) /* the limit had nothing to do with it */
        return;
    double ratio = now_us > 0 ? clamped(TOLERANCE * g->long_us / now_us, 0.5, 1) : 1;
    g->limit = (1 - OF_NEW) * g->limit + OF_NEW * (g->limit * ratio + sqrt(g->limit));
    g->limit = clamped(g->limit, GRADIENT_LEAST, GRADIENT_MOST);
}

void gradient_add(struct gradient *g, int64_t first_us, uint32_t in_flight, int64_t now_ns)
{
    if (first_us < 0)
        return;
    if (g->limit <= 0)
        g->limit = BEGIN;
    if (g->n == 0)
        g->began_ns = now_ns;
    g->sum_us += (double)first_us;
    g->n++;
    if (g->n < SAMPLES && now_ns - g->began_ns < STEP_NS)
        return;
    step(g, in_flight);
    g->sum_us = 0;
    g->n = 0;
}

void gradient_overload(struct gradient *g)
{
    g->limit = clamped((g->limit > 0 ? g->limit : BEGIN) * 0.9, GRADIENT_LEAST, GRADIENT_MOST);
}

uint32_t gradient_limit(const struct gradient *g)
{
    return (uint32_t)(g->limit > 0 ? g->limit : BEGIN);
}
