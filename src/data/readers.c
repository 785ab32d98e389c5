#include "data/readers.h"

extern const reader reader_ml100k, reader_ml_dat, reader_ml_csv, reader_recbole, reader_amazon, reader_sequences,
    reader_pairs, reader_csv, reader_folder;

const reader *const readers[] = {&reader_ml100k,    &reader_ml_dat, &reader_ml_csv, &reader_recbole, &reader_amazon,
                                 &reader_sequences, &reader_pairs,  &reader_csv,    &reader_folder};
const size_t n_readers = sizeof readers / sizeof *readers;

bool dataset_format(size_t i, const char **name, const char **about)
{
    if (i >= n_readers) return false;
    *name = readers[i]->name;
    *about = readers[i]->about;
    return true;
}
