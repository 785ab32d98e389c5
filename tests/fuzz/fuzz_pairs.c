#include "reader.h"

FUZZ_READER("x.txt", NULL, "pairs")
