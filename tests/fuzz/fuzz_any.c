#include "reader.h"

FUZZ_READER("x", NULL, NULL)
