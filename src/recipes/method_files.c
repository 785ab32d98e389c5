#include "recipes/method_files.h"

#include <string.h>

const method_file *method_file_find(const char *name)
{
    for (size_t i = 0; i < method_files_count; i++)
        if (strcmp(method_files[i].name, name) == 0) return &method_files[i];
    return NULL;
}
