#include "weights.h"

FUZZ_WEIGHTS
