#include "reader.h"

FUZZ_READER("x.csv", NULL, "csv")
