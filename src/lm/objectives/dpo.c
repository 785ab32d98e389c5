/* Direct preference optimisation (Rafailov et al., NeurIPS 2023, equation 7); the reference's log probabilities are given. */
#include "base/mem.h"
#include "lm/objectives/parts.h"

tensor *objective_dpo(tape *t, const lm_forward *f, const lm_batch *chosen, const lm_batch *rejected,
                      const float *chosen_reference, const float *rejected_reference, float beta)
{
    int64_t n = chosen->n;
    float *apart;
    if (rejected->n != n)
        return tape_fail(
            t, err_set(LOREC_USAGE, "%lld chosen and %lld rejected answers", (long long)n, (long long)rejected->n));
    if (mem_new(&apart, (size_t)n)) return tape_fail(t, LOREC_RESOURCE);
    for (int64_t i = 0; i < n; i++) apart[i] = chosen_reference[i] - rejected_reference[i];
    tensor *reference = tape_f32(t, apart, 1, &n);
    mem_free(apart);
    tensor *now = op_sub(t, sequence_log_probability(t, f, chosen), sequence_log_probability(t, f, rejected));
    return op_scale(t, op_log_sigmoid(t, op_scale(t, op_sub(t, now, reference), beta, 0)), -1, 0);
}
