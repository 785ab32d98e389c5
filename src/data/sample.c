#include "data/dataset.h"

lorec_err dataset_sample_named(dataset *out, const char *name)
{
    *out = (dataset){0};
    return err_set(LOREC_FAILED, "%s: the sample catalogue is not in this build", name);
}
