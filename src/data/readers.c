#include "data/readers.h"

extern const reader reader_ml100k, reader_csv, reader_pairs, reader_sequences;

const reader *const readers[] = {&reader_ml100k, &reader_csv, &reader_pairs, &reader_sequences};
const size_t n_readers = sizeof readers / sizeof *readers;
