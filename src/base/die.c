/* See die.h. */
#include "base/die.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void sl_die_at(const char *place)
{
    const char *named = getenv("SLUICE_DIE_AT");
    if (named != NULL && strcmp(named, place) == 0)
        (void)kill(getpid(), SIGKILL);
}
