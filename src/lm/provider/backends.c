/* What can stand behind llm.h: one row each, found by the beginning of the spec. */
#include "lm/provider/backend.h"

extern const llm_backend llm_http, llm_https, llm_replay, llm_record, llm_here, llm_dry;

const llm_backend *const llm_backends[] = {&llm_http, &llm_https, &llm_replay, &llm_record, &llm_here, &llm_dry};
const size_t llm_n_backends = sizeof llm_backends / sizeof *llm_backends;
