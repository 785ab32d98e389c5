#include "reader.h"

FUZZ_READER("x.inter", "x.item", "recbole")
