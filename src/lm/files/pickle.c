#include "lm/files/pickle.h"

#include "base/mem.h"

/* Every global that is known; what a tensor is rebuilt by becomes a value, nothing is called. */
static const struct {
    const char *module, *name;
    pickle_global global;
    elem type;
} globals[] = {
    {"collections", "OrderedDict", PICKLE_ORDERED_DICT, 0},
    {"torch._utils", "_rebuild_tensor_v2", PICKLE_REBUILD_TENSOR, 0},
    {"torch._utils", "_rebuild_parameter", PICKLE_REBUILD_PARAMETER, 0},
    {"torch", "Size", PICKLE_SIZE, 0},
    {"torch", "FloatStorage", PICKLE_STORAGE_TYPE, ELEM_F32},
    {"torch", "HalfStorage", PICKLE_STORAGE_TYPE, ELEM_F16},
    {"torch", "BFloat16Storage", PICKLE_STORAGE_TYPE, ELEM_BF16},
    {"torch", "DoubleStorage", PICKLE_STORAGE_TYPE, ELEM_F64},
    {"torch", "LongStorage", PICKLE_STORAGE_TYPE, ELEM_I64},
    {"torch", "IntStorage", PICKLE_STORAGE_TYPE, ELEM_I32},
    {"torch", "ShortStorage", PICKLE_STORAGE_TYPE, ELEM_I16},
    {"torch", "CharStorage", PICKLE_STORAGE_TYPE, ELEM_I8},
    {"torch", "ByteStorage", PICKLE_STORAGE_TYPE, ELEM_U8},
    {"torch", "BoolStorage", PICKLE_STORAGE_TYPE, ELEM_BOOL},
};

enum { FIXED = 1 << 16 };

typedef struct machine {
    pickle *p;
    const unsigned char *bytes;
    size_t n, at, op_at;
    size_t budget; /* of values, and of links */
    uint32_t *stack, *mark, *memo;
    size_t depth, stack_cap, marks, mark_cap, memos, memo_cap;
} machine;

static lorec_err damaged(const machine *m, const char *what)
{
    return err_set(LOREC_INPUT, "the pickle is damaged at byte %zu: %s", m->op_at, what);
}

/* ---- bytes --------------------------------------------------------------------------------------------------------------- */

static lorec_err take(machine *m, size_t n, const unsigned char **out)
{
    if (n > m->n - m->at) return damaged(m, "it ends early");
    *out = m->bytes + m->at;
    m->at += n;
    return LOREC_OK;
}

static lorec_err take_number(machine *m, int bytes, uint64_t *out)
{
    const unsigned char *p = NULL;
    TRY(take(m, (size_t)bytes, &p));
    *out = 0;
    for (int i = bytes - 1; i >= 0; i--) *out = *out << 8 | p[i];
    return LOREC_OK;
}

static lorec_err take_line(machine *m, slice *out)
{
    const unsigned char *end = m->at < m->n ? memchr(m->bytes + m->at, '\n', m->n - m->at) : NULL;
    if (!end) return damaged(m, "a line does not end");
    *out = (slice){(const char *)m->bytes + m->at, (size_t)(end - m->bytes) - m->at};
    m->at += out->n + 1;
    return LOREC_OK;
}

/* ---- values and the stack -------------------------------------------------------------------------------------------------- */

static lorec_err make(machine *m, pickle_value v, uint32_t *out)
{
    if (m->p->n >= m->budget) return damaged(m, "it makes more values than such a file needs");
    TRY(mem_grow(&m->p->value, &m->p->cap, m->p->n + 1));
    *out = (uint32_t)m->p->n;
    m->p->value[m->p->n++] = v;
    return LOREC_OK;
}

static lorec_err push(machine *m, uint32_t value)
{
    if (m->depth >= m->budget) return damaged(m, "its stack is deeper than such a file needs");
    TRY(mem_grow(&m->stack, &m->stack_cap, m->depth + 1));
    m->stack[m->depth++] = value;
    return LOREC_OK;
}

static lorec_err push_new(machine *m, pickle_value v)
{
    uint32_t at = 0;
    TRY(make(m, v, &at));
    return push(m, at);
}

static size_t floor_of(const machine *m)
{
    return m->marks ? m->mark[m->marks - 1] : 0;
}

static lorec_err pop(machine *m, uint32_t *out)
{
    if (m->depth <= floor_of(m)) return damaged(m, "its stack is empty");
    *out = m->stack[--m->depth];
    return LOREC_OK;
}

static lorec_err top(machine *m, uint32_t *out)
{
    if (m->depth <= floor_of(m)) return damaged(m, "its stack is empty");
    *out = m->stack[m->depth - 1];
    return LOREC_OK;
}

static lorec_err hang(machine *m, uint32_t to, uint32_t value)
{
    pickle *p = m->p;
    if (p->links >= m->budget) return damaged(m, "it holds more values than such a file needs");
    TRY(mem_grow(&p->link, &p->link_cap, p->links + 1));
    uint32_t at = (uint32_t)p->links++;
    p->link[at] = (pickle_link){.value = value};
    if (p->value[to].last)
        p->link[p->value[to].last].next = at;
    else
        p->value[to].first = at;
    p->value[to].last = at;
    return LOREC_OK;
}

/* What lies above the last mark; the mark goes. */
static lorec_err above_mark(machine *m, size_t *from, size_t *n)
{
    if (m->marks == 0) return damaged(m, "there is no mark");
    *from = m->mark[--m->marks];
    *n = m->depth - *from;
    return LOREC_OK;
}

static lorec_err make_tuple(machine *m, size_t from, size_t n)
{
    uint32_t t = 0;
    TRY(make(m, (pickle_value){.kind = PICKLE_TUPLE}, &t));
    for (size_t i = 0; i < n; i++) TRY(hang(m, t, m->stack[from + i]));
    m->depth = from;
    return push(m, t);
}

static lorec_err add_all(machine *m, pickle_kind kind)
{
    size_t from = 0, n = 0;
    uint32_t to = 0;
    TRY(above_mark(m, &from, &n));
    if (kind == PICKLE_DICT && n % 2) return damaged(m, "a key has no value");
    size_t depth = m->depth;
    m->depth = from;
    TRY(top(m, &to));
    if (m->p->value[to].kind != kind) return damaged(m, "items are added to what can not hold them");
    for (size_t i = from; i < depth; i++) TRY(hang(m, to, m->stack[i]));
    return LOREC_OK;
}

static lorec_err add_some(machine *m, pickle_kind kind, int n)
{
    uint32_t value[2] = {0}, to = 0;
    for (int i = n - 1; i >= 0; i--) TRY(pop(m, &value[i]));
    TRY(top(m, &to));
    if (m->p->value[to].kind != kind) return damaged(m, "an item is added to what can not hold it");
    for (int i = 0; i < n; i++) TRY(hang(m, to, value[i]));
    return LOREC_OK;
}

/* ---- globals ------------------------------------------------------------------------------------------------------------- */

static lorec_err push_global(machine *m, slice module, slice name)
{
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (slice_is(module, globals[i].module) && slice_is(name, globals[i].name))
            return push_new(m,
                            (pickle_value){.kind = PICKLE_GLOBAL, .whole = globals[i].global, .type = globals[i].type});
    return err_set(
        LOREC_INPUT,
        "the pickle asks for %.*s.%.*s; only tensors in dictionaries are read, and no pickle is ever run: save the "
        "state_dict as safetensors",
        (int)(module.n < 80 ? module.n : 80), module.p, (int)(name.n < 80 ? name.n : 80), name.p);
}

static lorec_err stack_global(machine *m)
{
    uint32_t name = 0, module = 0;
    TRY(pop(m, &name));
    TRY(pop(m, &module));
    const pickle_value *v = m->p->value;
    if (v[name].kind != PICKLE_STRING || v[module].kind != PICKLE_STRING) return damaged(m, "a global has no name");
    return push_global(m, v[module].text, v[name].text);
}

/* A call of a global: the value that it would give. */
static lorec_err reduce(machine *m)
{
    uint32_t with = 0, what = 0;
    TRY(pop(m, &with));
    TRY(pop(m, &what));
    pickle_value args = m->p->value[with], f = m->p->value[what];
    if (args.kind != PICKLE_TUPLE || f.kind != PICKLE_GLOBAL) return damaged(m, "a call of what is none");
    if (f.whole == PICKLE_ORDERED_DICT && !args.first) return push_new(m, (pickle_value){.kind = PICKLE_DICT});
    if (f.whole == PICKLE_REBUILD_TENSOR)
        return push_new(m, (pickle_value){.kind = PICKLE_TENSOR, .first = args.first, .last = args.last});
    if ((f.whole == PICKLE_REBUILD_PARAMETER || f.whole == PICKLE_SIZE) && args.first)
        return push(m, m->p->link[args.first].value); /* the tensor, the tuple in it */
    return damaged(m, "a call with arguments that do not fit");
}

static lorec_err persistent(machine *m)
{
    uint32_t id = 0;
    TRY(pop(m, &id));
    pickle_value v = m->p->value[id];
    if (v.kind != PICKLE_TUPLE) return damaged(m, "a storage's name is no tuple");
    return push_new(m, (pickle_value){.kind = PICKLE_STORAGE, .first = v.first, .last = v.last});
}

/* ---- memo ---------------------------------------------------------------------------------------------------------------- */

static lorec_err memo_put(machine *m, uint64_t i)
{
    uint32_t value = 0;
    TRY(top(m, &value));
    if (i >= m->budget) return damaged(m, "a memo beyond what such a file needs");
    size_t before = m->memos;
    TRY(mem_grow(&m->memo, &m->memo_cap, (size_t)i + 1));
    for (; before <= i; before++) m->memo[before] = UINT32_MAX;
    if (m->memos <= i) m->memos = (size_t)i + 1;
    m->memo[i] = value;
    return LOREC_OK;
}

static lorec_err memo_get(machine *m, uint64_t i)
{
    if (i >= m->memos || m->memo[i] == UINT32_MAX) return damaged(m, "a memo that was not made");
    return push(m, m->memo[i]);
}

/* ---- opcodes ------------------------------------------------------------------------------------------------------------- */

static lorec_err push_text(machine *m, int length_bytes)
{
    uint64_t n = 0;
    const unsigned char *p = NULL;
    TRY(take_number(m, length_bytes, &n));
    if (n > m->n - m->at) return damaged(m, "a string is longer than the pickle");
    TRY(take(m, (size_t)n, &p));
    return push_new(m, (pickle_value){.kind = PICKLE_STRING, .text = {(const char *)p, (size_t)n}});
}

static lorec_err push_int(machine *m, int bytes, bool with_sign)
{
    uint64_t v = 0;
    TRY(take_number(m, bytes, &v));
    return push_new(m, (pickle_value){.kind = PICKLE_INT, .whole = with_sign ? (int64_t)(int32_t)v : (int64_t)v});
}

/* Little-endian two's complement of any length; beyond 64 bits it is nothing that a shape could hold. */
static lorec_err push_long(machine *m)
{
    uint64_t n = 0, v = 0;
    const unsigned char *p = NULL;
    TRY(take_number(m, 1, &n));
    TRY(take(m, (size_t)n, &p));
    if (n > 8) return damaged(m, "a whole number beyond 64 bits");
    for (size_t i = (size_t)n; i-- > 0;) v = v << 8 | p[i];
    if (n && n < 8 && p[n - 1] >> 7) v |= UINT64_MAX << (8 * n);
    return push_new(m, (pickle_value){.kind = PICKLE_INT, .whole = (int64_t)v});
}

/* obj.__setstate__: of an OrderedDict its attributes ("_metadata"), which say nothing of tensors. */
static lorec_err build(machine *m)
{
    uint32_t state = 0, object = 0;
    TRY(pop(m, &state));
    TRY(top(m, &object));
    if (m->p->value[object].kind != PICKLE_DICT) return damaged(m, "attributes of what is no dictionary");
    return LOREC_OK;
}

static lorec_err take_global(machine *m)
{
    slice module = {0}, name = {0};
    TRY(take_line(m, &module));
    TRY(take_line(m, &name));
    return push_global(m, module, name);
}

static lorec_err put_mark(machine *m)
{
    if (m->marks >= m->budget) return damaged(m, "more marks than such a file needs");
    TRY(mem_grow(&m->mark, &m->mark_cap, m->marks + 1));
    m->mark[m->marks++] = (uint32_t)m->depth;
    return LOREC_OK;
}

static lorec_err tuple_of(machine *m, size_t n)
{
    if (m->depth - floor_of(m) < n) return damaged(m, "its stack is empty");
    return make_tuple(m, m->depth - n, n);
}

static lorec_err tuple_above_mark(machine *m)
{
    size_t from = 0, n = 0;
    TRY(above_mark(m, &from, &n));
    return make_tuple(m, from, n);
}

static lorec_err memo_op(machine *m, int bytes, lorec_err (*op)(machine *m, uint64_t i))
{
    uint64_t i = 0;
    TRY(take_number(m, bytes, &i));
    return op(m, i);
}

static lorec_err skip(machine *m, size_t n)
{
    const unsigned char *p = NULL;
    return take(m, n, &p);
}

static lorec_err step(machine *m, unsigned char op)
{
    switch (op) {
    case 0x80: /* PROTO */
        return skip(m, 1);
    case 0x95: /* FRAME */
        return skip(m, 8);
    case 'N':
        return push_new(m, (pickle_value){.kind = PICKLE_NONE});
    case 0x88:
    case 0x89:
        return push_new(m, (pickle_value){.kind = PICKLE_BOOL, .whole = op == 0x88});
    case 'K':
        return push_int(m, 1, false);
    case 'M':
        return push_int(m, 2, false);
    case 'J':
        return push_int(m, 4, true);
    case 0x8a:
        return push_long(m);
    case 'G': /* no tensor's place is a real number */
        TRY(skip(m, 8));
        return push_new(m, (pickle_value){.kind = PICKLE_REAL});
    case 'X':
        return push_text(m, 4);
    case 0x8c:
        return push_text(m, 1);
    case '(':
        return put_mark(m);
    case ')':
        return push_new(m, (pickle_value){.kind = PICKLE_TUPLE});
    case ']':
        return push_new(m, (pickle_value){.kind = PICKLE_LIST});
    case '}':
        return push_new(m, (pickle_value){.kind = PICKLE_DICT});
    case 't':
        return tuple_above_mark(m);
    case 0x85:
    case 0x86:
    case 0x87:
        return tuple_of(m, (size_t)(op - 0x84));
    case 'a':
        return add_some(m, PICKLE_LIST, 1);
    case 'e':
        return add_all(m, PICKLE_LIST);
    case 's':
        return add_some(m, PICKLE_DICT, 2);
    case 'u':
        return add_all(m, PICKLE_DICT);
    case 'q':
        return memo_op(m, 1, memo_put);
    case 'r':
        return memo_op(m, 4, memo_put);
    case 0x94:
        return memo_put(m, m->memos);
    case 'h':
        return memo_op(m, 1, memo_get);
    case 'j':
        return memo_op(m, 4, memo_get);
    case 'c':
        return take_global(m);
    case 0x93:
        return stack_global(m);
    case 'R':
        return reduce(m);
    case 'b':
        return build(m);
    case 'Q':
        return persistent(m);
    default:
        return err_set(LOREC_INPUT, "the pickle's opcode 0x%02x at byte %zu is not one of a state_dict's", op,
                       m->op_at);
    }
}

static lorec_err run(machine *m)
{
    for (;;) {
        const unsigned char *op = NULL;
        m->op_at = m->at;
        TRY(take(m, 1, &op));
        if (*op == '.') return pop(m, &m->p->root);
        TRY(step(m, *op));
    }
}

lorec_err pickle_read(pickle *p, const unsigned char *bytes, size_t n)
{
    *p = (pickle){.links = 1};
    machine m = {.p = p, .bytes = bytes, .n = n, .budget = FIXED + n / 4};
    lorec_err e = mem_grow(&p->link, &p->link_cap, 1);
    if (!e) {
        p->link[0] = (pickle_link){0};
        e = run(&m);
    }
    mem_free(m.stack);
    mem_free(m.mark);
    mem_free(m.memo);
    if (e) pickle_free(p);
    return e;
}

void pickle_free(pickle *p)
{
    mem_free(p->value);
    mem_free(p->link);
    *p = (pickle){0};
}

size_t pickle_length(const pickle *p, const pickle_value *v)
{
    size_t n = 0;
    for (uint32_t c = v->first; c; c = pickle_next(p, c)) n++;
    return n;
}
