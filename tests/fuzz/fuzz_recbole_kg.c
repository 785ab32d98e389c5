#include "reader.h"

FUZZ_READER("x.inter", "x.kg", "recbole")
