#include "base/rehearsal.h"

#include <stddef.h>

static _Thread_local rehearsal *now;

void rehearsal_begin(rehearsal *r)
{
    now = r;
}

void rehearsal_end(void)
{
    now = NULL;
}

bool rehearsal_now(void)
{
    return now != NULL;
}

void rehearsal_leave(double seconds)
{
    if (!now) return;
    now->seconds_left += seconds > 0 ? seconds : 0;
    now->left_out++;
}
