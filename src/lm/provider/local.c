/* A model on this machine. */
#include "lm/provider/backend.h"

static lorec_err open(llm *m, const char *rest)
{
    (void)m;
    return err_set(LOREC_FAILED, "local:%s: local models are not yet joined to the provider", rest);
}

static unsigned can(const llm *m)
{
    (void)m;
    return 0;
}

static lorec_err ask(llm *m, const llm_request *q, size_t n, llm_answer *out, const llm_watch *watch)
{
    (void)m, (void)q, (void)n, (void)out, (void)watch;
    return err_set(LOREC_FAILED, "no model is open");
}

static void shut(llm *m)
{
    (void)m;
}

const llm_backend llm_here = {.prefix = "local:", .open = open, .can = can, .ask = ask, .close = shut};

struct lm_local *llm_local(llm *m)
{
    (void)m;
    return NULL;
}
