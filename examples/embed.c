/* embed.c: lorec from a C program. Build it against an installed lorec:
 *     cc embed.c $(pkg-config --cflags --libs lorec) -o embed && ./embed
 * It trains on the sample catalogue, saves the model, loads it again and asks for a list. */
#include <stdio.h>

#include <lorec/lorec.h>

static int failed(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, lorec_error_message());
    return 1;
}

int main(void)
{
    lorec_dataset *data;
    lorec_model *model;
    if (lorec_dataset_load(&data, "sample", NULL)) return failed("the data");
    printf("%u users, %u items, %llu interactions\n", lorec_dataset_users(data), lorec_dataset_items(data),
           (unsigned long long)lorec_dataset_interactions(data));

    const char *set[] = {"l2=250"};
    if (lorec_fit(&model, "ease", data,
                  &(lorec_fit_options){.size = sizeof(lorec_fit_options), .seed = 1, .set = set, .n_set = 1}))
        return failed("training");
    lorec_dataset_free(data);
    if (lorec_model_save(model, "embed-model")) return failed("saving");
    lorec_model_free(model);

    if (lorec_model_load(&model, "embed-model")) return failed("loading");
    lorec_item list[5];
    size_t n;
    if (lorec_recommend(model, "reader0001", NULL, 0, list, 5, &n)) return failed("recommending");
    for (size_t i = 0; i < n; i++) printf("%zu. %s  (%s, %.3f)\n", i + 1, list[i].title, list[i].id, list[i].score);
    lorec_model_free(model);
    return 0;
}
