/* op_list.h: the table of ops, one row each (included with different meanings of OP; no include guard on purpose). */
