#include "eval/controls.h"

#include <string.h>

bool methods_only_pairs(const recommender *const *methods, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (methods[i]->tasks & (TASK_TOPN | TASK_SEQUENTIAL)) return false;
    return n > 0;
}

/* Explanations, fairness: texts and their own numbers, nothing that a rule could rank beside them. */
static bool only_texts(const recommender *const *methods, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (methods[i]->tasks != TASK_TEXT) return false;
    return n > 0;
}

const char *const *controls_for(const recommender *const *methods, size_t n)
{
    static const char *const of_lists[] = {"pop", "markov", "repeat", "ease", NULL}, *const of_pairs[] = {"lr", NULL},
                             *const none[] = {NULL};
    if (only_texts(methods, n)) return none;
    return methods_only_pairs(methods, n) ? of_pairs : of_lists;
}

const char *control_instead(const char *key)
{
    return strcmp(key, "ease") == 0 ? "itemknn" : NULL;
}
