#include "reader.h"

FUZZ_READER("x_5.json", "meta_x.json", "amazon")
