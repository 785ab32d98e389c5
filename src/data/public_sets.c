#include "base/file.h"
#include "data/fetch.h"

#define GROUPLENS "https://files.grouplens.org/datasets/movielens/"
#define MOVIELENS_LICENCE                                                                                              \
    "MovieLens data (GroupLens, University of Minnesota): for research; not to be redistributed or used "              \
    "commercially\n"                                                                                                   \
    "without permission; publications name Harper and Konstan, The MovieLens Datasets, 2015. In full: the README in\n" \
    "the archive and https://grouplens.org/datasets/movielens/"
#define AMAZON_LICENCE                                                                                                 \
    "Amazon reviews collected by McAuley's group (UCSD): reviews are their authors', the collection is offered for\n"  \
    "research and to be cited. In full: https://cseweb.ucsd.edu/~jmcauley/datasets.html"
#define UCSD "https://mcauleylab.ucsd.edu/public_datasets/data/"

const public_set public_sets[] = {
    {"ml-100k",
     {GROUPLENS "ml-100k.zip"},
     "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
     MOVIELENS_LICENCE,
     true},
    {"ml-1m",
     {GROUPLENS "ml-1m.zip"},
     "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
     MOVIELENS_LICENCE,
     true},
    {"ml-10m", {GROUPLENS "ml-10m.zip"}, NULL, MOVIELENS_LICENCE, true},
    {"ml-20m",
     {GROUPLENS "ml-20m.zip"},
     "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3",
     MOVIELENS_LICENCE,
     true},
    {"ml-25m",
     {GROUPLENS "ml-25m.zip"},
     "8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa",
     MOVIELENS_LICENCE,
     true},
    {"ml-32m",
     {GROUPLENS "ml-32m.zip"},
     "e4a68655d7386b8f95f2f2424b2ff975dfdd15ffd59e0d864a14dca43e99d6ee",
     MOVIELENS_LICENCE,
     true},
    {"ml-latest-small",
     {GROUPLENS "ml-latest-small.zip"},
     "696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436",
     MOVIELENS_LICENCE,
     true},
    {"amazon-2014:",
     {"https://snap.stanford.edu/data/amazon/productGraph/categoryFiles/reviews_%s_5.json.gz",
      "https://snap.stanford.edu/data/amazon/productGraph/categoryFiles/meta_%s.json.gz"},
     NULL,
     AMAZON_LICENCE,
     false},
    {"amazon-2018:",
     {UCSD "amazon_v2/categoryFilesSmall/%s_5.json.gz", UCSD "amazon_v2/metaFiles2/meta_%s.json.gz"},
     NULL,
     AMAZON_LICENCE,
     false},
    {"amazon-2023:",
     {UCSD "amazon_2023/raw/review_categories/%s.jsonl.gz", UCSD "amazon_2023/raw/meta_categories/meta_%s.jsonl.gz"},
     NULL,
     AMAZON_LICENCE,
     false},
};
const size_t n_public_sets = sizeof public_sets / sizeof *public_sets;

static bool category_is_plain(const char *s)
{
    if (!*s || strlen(s) > 80) return false;
    return s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")] == 0;
}

lorec_err public_set_find(const char *name, const public_set **set, const char **category)
{
    const char *known[32];
    for (size_t i = 0; i < n_public_sets && i < 32; i++) {
        const char *row = public_sets[i].name;
        size_t n = strlen(row);
        known[i] = row;
        bool open = row[n - 1] == ':';
        if (open ? strncmp(name, row, n) != 0 : strcmp(name, row) != 0) continue;
        *set = &public_sets[i];
        *category = open ? name + n : NULL;
        if (open && !category_is_plain(*category))
            return err_set(LOREC_USAGE, "%s: put a category behind the colon, such as %sAll_Beauty", name, row);
        return LOREC_OK;
    }
    const char *near = err_nearest(name, known, n_public_sets);
    return err_set(LOREC_USAGE, "no public set \"%s\"%s%s%s; `lorec data get` lists them", name,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}
