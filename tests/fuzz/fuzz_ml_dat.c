#include "reader.h"

FUZZ_READER("ratings.dat", "movies.dat", "ml-dat")
