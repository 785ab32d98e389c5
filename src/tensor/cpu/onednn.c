/* oneDNN behind one file: bf16 products (its C API, version 2.x). Primitives are cached by oneDNN itself; what is made
 * here for a call is descriptors and memory handles. */
#include <dnnl.h>
#include <pthread.h>

#include "tensor/cpu/kernels.h"

static dnnl_engine_t engine;
static dnnl_stream_t stream;
static dnnl_status_t started;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start(void)
{
    started = dnnl_engine_create(&engine, dnnl_cpu, 0);
    if (started == dnnl_success) started = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
}

static lorec_err failed(dnnl_status_t s)
{
    return err_set(s == dnnl_out_of_memory ? LOREC_RESOURCE : LOREC_FAILED,
                   "oneDNN: a bf16 product failed (status %d); set bf16 to false", (int)s);
}

/* A row-major matrix [rows, cols] or the transpose of one that lies as [cols, rows]. */
static dnnl_status_t matrix(dnnl_memory_desc_t *d, bool transposed, int64_t rows, int64_t cols, int64_t ld,
                            dnnl_data_type_t type)
{
    dnnl_dims_t dims = {rows, cols}, strides = {transposed ? 1 : ld, transposed ? ld : 1};
    return dnnl_memory_desc_init_by_strides(d, 2, dims, type, strides);
}

lorec_err gemm_bf16(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const uint16_t *a, int64_t lda,
                    const uint16_t *b, int64_t ldb, float beta, void *c, int64_t ldc, bool c_is_bf16)
{
    if (m <= 0 || n <= 0) return LOREC_OK;
    pthread_once(&once, start);
    dnnl_status_t s = started;
    dnnl_memory_desc_t da, db, dc;
    dnnl_matmul_desc_t md;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t prim = NULL;
    dnnl_memory_t ma = NULL, mb = NULL, mc = NULL;
    if (s == dnnl_success) s = matrix(&da, ta, m, k, lda, dnnl_bf16);
    if (s == dnnl_success) s = matrix(&db, tb, k, n, ldb, dnnl_bf16);
    if (s == dnnl_success) s = matrix(&dc, false, m, n, ldc, c_is_bf16 ? dnnl_bf16 : dnnl_f32);
    if (s == dnnl_success) s = dnnl_matmul_desc_init(&md, &da, &db, NULL, &dc);
    if (s == dnnl_success) s = dnnl_primitive_attr_create(&attr);
    if (s == dnnl_success && alpha != 1) s = dnnl_primitive_attr_set_output_scales(attr, 1, 0, &alpha);
    if (s == dnnl_success && beta != 0) {
        s = dnnl_post_ops_create(&ops);
        if (s == dnnl_success) s = dnnl_post_ops_append_sum(ops, beta);
        if (s == dnnl_success) s = dnnl_primitive_attr_set_post_ops(attr, ops);
    }
    if (s == dnnl_success) s = dnnl_primitive_desc_create(&pd, &md, attr, engine, NULL);
    if (s == dnnl_success) s = dnnl_primitive_create(&prim, pd);
    if (s == dnnl_success) s = dnnl_memory_create(&ma, &da, engine, (void *)(uintptr_t)a);
    if (s == dnnl_success) s = dnnl_memory_create(&mb, &db, engine, (void *)(uintptr_t)b);
    if (s == dnnl_success) s = dnnl_memory_create(&mc, &dc, engine, c);
    if (s == dnnl_success) {
        dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, ma}, {DNNL_ARG_WEIGHTS, mb}, {DNNL_ARG_DST, mc}};
        s = dnnl_primitive_execute(prim, stream, 3, args);
        if (s == dnnl_success) s = dnnl_stream_wait(stream);
    }
    dnnl_memory_destroy(ma);
    dnnl_memory_destroy(mb);
    dnnl_memory_destroy(mc);
    dnnl_primitive_destroy(prim);
    dnnl_primitive_desc_destroy(pd);
    dnnl_post_ops_destroy(ops);
    dnnl_primitive_attr_destroy(attr);
    return s == dnnl_success ? LOREC_OK : failed(s);
}
