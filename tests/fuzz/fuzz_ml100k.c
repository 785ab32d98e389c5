#include "reader.h"

FUZZ_READER("u.data", "u.item", "ml-100k")
