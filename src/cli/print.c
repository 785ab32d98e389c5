#include "cli/print.h"

lorec_err print_json_object(json_t *root)
{
    if (!root) return err_set(LOREC_RESOURCE, "out of memory while building the JSON result");
    int failed = json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(10));
    json_decref(root);
    if (failed || putchar('\n') == EOF) return err_errno("standard output");
    return LOREC_OK;
}
