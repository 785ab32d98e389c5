#include "tensor/op.h"

const op_def *const op_table[] = {
#define OP(name) &op_##name##_def,
#include "tensor/op_list.h"
#undef OP
};
const size_t op_table_count = sizeof op_table / sizeof *op_table;
