#include <stdio.h>

#include "lorec/err.h"

int main(void)
{
    printf("lorec %s\n", lorec_version());
    return 0;
}
