#include "reader.h"

FUZZ_READER("ratings.csv", "movies.csv", "ml-csv")
