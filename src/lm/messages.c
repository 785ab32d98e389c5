#include "lm/messages.h"

#include <openssl/evp.h>

#include "base/mem.h"

enum { IMAGE_MAX = 20 << 20 };

static lorec_err bad_text(void)
{
    return err_set(LOREC_INPUT, "a message's text is not valid UTF-8");
}

static lorec_err append(json_t *list, json_t *item)
{
    return item && json_array_append_new(list, item) == 0 ? LOREC_OK : bad_text();
}

lorec_err message_add(json_t *dialogue, const char *role, const char *text)
{
    return append(dialogue, json_pack("{s:s, s:s}", "role", role, "content", text));
}

/* The last message's content as a list of parts; a text becomes the first of them. */
static lorec_err parts_of(json_t *dialogue, json_t **out)
{
    json_t *last = json_array_get(dialogue, json_array_size(dialogue) - 1);
    if (!json_is_object(last)) return err_set(LOREC_USAGE, "there is no message to add a part to");
    json_t *content = json_object_get(last, "content");
    if (json_is_string(content)) {
        content = json_pack("[{s:s, s:O}]", "type", "text", "text", content);
        if (!content || json_object_set_new(last, "content", content) != 0)
            return err_set(LOREC_RESOURCE, "out of memory");
    }
    if (!json_is_array(content)) return err_set(LOREC_USAGE, "the last message has no content to add a part to");
    *out = content;
    return LOREC_OK;
}

lorec_err message_add_text(json_t *dialogue, const char *text)
{
    json_t *parts;
    TRY(parts_of(dialogue, &parts));
    return append(parts, json_pack("{s:s, s:s}", "type", "text", "text", text));
}

lorec_err message_add_image_url(json_t *dialogue, const char *url)
{
    json_t *parts;
    TRY(parts_of(dialogue, &parts));
    return append(parts, json_pack("{s:s, s:{s:s}}", "type", "image_url", "image_url", "url", url));
}

static const char *image_type(const buf *b)
{
    static const struct {
        const char *mark, *type;
        size_t at, n;
    } kinds[] = {{"\x89PNG", "image/png", 0, 4},
                 {"\xff\xd8\xff", "image/jpeg", 0, 3},
                 {"WEBP", "image/webp", 8, 4},
                 {"GIF8", "image/gif", 0, 4}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (b->n >= kinds[i].at + kinds[i].n && memcmp(b->p + kinds[i].at, kinds[i].mark, kinds[i].n) == 0)
            return kinds[i].type;
    }
    return NULL;
}

static lorec_err data_url(const buf *image, const char *type, buf *out)
{
    TRY(buf_printf(out, "data:%s;base64,", type));
    size_t before = out->n, room = (image->n + 2) / 3 * 4 + 1;
    TRY(mem_grow(&out->p, &out->cap, before + room));
    int n = EVP_EncodeBlock((unsigned char *)out->p + before, (const unsigned char *)image->p, (int)image->n);
    out->n = before + (size_t)n;
    return LOREC_OK;
}

lorec_err message_add_image(json_t *dialogue, const char *path)
{
    buf image = {0}, url = {0};
    lorec_err e = file_read(&image, path, IMAGE_MAX);
    const char *type = e ? NULL : image_type(&image);
    if (!e && !type) e = err_set(LOREC_INPUT, "%s: neither PNG, JPEG, WebP nor GIF", path);
    if (!e) e = data_url(&image, type, &url);
    if (!e) e = message_add_image_url(dialogue, url.p);
    buf_free(&image);
    buf_free(&url);
    return e;
}

lorec_err message_add_tool_call(json_t *dialogue, const char *id, const char *name, const json_t *arguments)
{
    char *text = json_dumps(arguments, JSON_COMPACT | JSON_ENCODE_ANY); /* the API wants them as a text */
    json_t *call = text ? json_pack("{s:s, s:s, s:{s:s, s:s}}", "id", id, "type", "function", "function", "name", name,
                                    "arguments", text)
                        : NULL;
    free(text);
    if (!call) return bad_text();
    json_t *last = json_array_get(dialogue, json_array_size(dialogue) - 1),
           *calls = json_object_get(last, "tool_calls");
    if (calls) return append(calls, call);
    return append(dialogue, json_pack("{s:s, s:n, s:[o]}", "role", "assistant", "content", "tool_calls", call));
}

lorec_err message_add_tool_result(json_t *dialogue, const char *id, const char *name, const char *text)
{
    return append(dialogue,
                  json_pack("{s:s, s:s, s:s, s:s}", "role", "tool", "tool_call_id", id, "name", name, "content", text));
}
