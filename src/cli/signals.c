#include "cli/signals.h"

#include <signal.h>
#include <stddef.h>

#include "base/threads.h"

static void on_signal(int number)
{
    (void)number;
    cancel_request(); /* the handler is reset by then */
}

void signals_release(void)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

void signals_catch(void)
{
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
}
