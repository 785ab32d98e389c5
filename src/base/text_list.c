#include "base/text_list.h"

#include "base/mem.h"

lorec_err text_list_add(text_list *l, const char *item)
{
    TRY(mem_grow(&l->item, &l->cap, l->n + 1));
    l->item[l->n++] = item;
    return LOREC_OK;
}

void text_list_free(text_list *l)
{
    mem_free(l->item);
    *l = (text_list){0};
}
