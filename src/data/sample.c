/* sample.c: a bookshop that never was, for the demo and the tests: readers with tastes, books with titles, sequels and
 * seasons, so that every kind of recommender has something of its own to find.
 *   order      a series is read volume by volume, several series at a time; some books lead to others
 *   taste      a reader has three favourite categories and one style; style is in no column: only others' choices show it
 *   text       titles and descriptions tell category, series, volume and season
 *   time       winter books are bought in winter, summer books in summer
 * All draws are whole numbers from the counter-based generator: the same bits on every machine. */
#include "base/mem.h"
#include "data/dataset.h"
#include "tensor/rng.h"

enum {
    CATEGORIES = 12,
    NOUNS = 10,
    ADJECTIVES = 20,
    PER_CATEGORY = 50,
    BOOKS = CATEGORIES * PER_CATEGORY,
    STYLES = 4,
    LEADS = 2,
    LENGTH_MAX = 64,
    VOLUMES_MAX = 5,
    PERCENT_SERIES = 35,
    PERCENT_LEAD = 35,
    PERCENT_SEASON = 30,
    PERCENT_STAY = 45,
    STYLE_WEIGHT = 6,
    DEFAULT_USERS = 1500,
    DAY = 86400,
    OPENING = 1609459200 /* 2021-01-01 */
};

static const struct {
    const char *name, *blurb;
    const char *nouns[NOUNS];
} categories[CATEGORIES] = {
    {"mystery",
     "A mystery with a body, a clue and a liar",
     {"Harbour", "Alibi", "Lantern", "Witness", "Cellar", "Ledger", "Verdict", "Keyhole", "Inspector", "Poison"}},
    {"space",
     "A story of ships and far suns",
     {"Orbit", "Nebula", "Starship", "Colony", "Airlock", "Comet", "Beacon", "Signal", "Moonbase", "Asteroid"}},
    {"fantasy",
     "A tale of magic and old oaths",
     {"Dragon", "Sorcerer", "Rune", "Crown", "Griffin", "Spell", "Oracle", "Throne", "Blade", "Enchanter"}},
    {"history",
     "The past told from letters and ruins",
     {"Empire", "Chronicle", "Legion", "Dynasty", "Fortress", "Treaty", "Revolt", "Cathedral", "Archive", "Siege"}},
    {"romance",
     "Two people who should have written sooner",
     {"Heart", "Letter", "Wedding", "Promise", "Ballroom", "Serenade", "Bouquet", "Vow", "Dance", "Embrace"}},
    {"cooking",
     "Recipes for people with one good pan",
     {"Kitchen", "Oven", "Pantry", "Recipe", "Bakery", "Spoon", "Feast", "Broth", "Cake", "Supper"}},
    {"gardening",
     "What to sow, when to wait",
     {"Garden", "Orchard", "Greenhouse", "Hedge", "Seedling", "Trellis", "Bloom", "Allotment", "Rosebed", "Pergola"}},
    {"travel",
     "Notes from slow trains and small hotels",
     {"Road", "Passport", "Railway", "Island", "Ferry", "Suitcase", "Hostel", "Caravan", "Border", "Timetable"}},
    {"nature",
     "A year with animals and weather",
     {"River", "Heron", "Fox", "Glacier", "Moss", "Wolf", "Tide", "Otter", "Hawk", "Badger"}},
    {"humour",
     "Nothing goes to plan, at length",
     {"Uncle", "Parrot", "Mistake", "Sofa", "Trousers", "Committee", "Goat", "Umbrella", "Pudding", "Neighbour"}},
    {"science",
     "How we know what we know",
     {"Atom", "Theorem", "Enzyme", "Microscope", "Quantum", "Fossil", "Neuron", "Experiment", "Equation", "Telescope"}},
    {"adventure",
     "A map, a rope and a bad idea",
     {"Expedition", "Jungle", "Treasure", "Summit", "Desert", "Shipwreck", "Cavern", "Pirate", "Rapids", "Castaway"}},
};
static const char *const adjectives[ADJECTIVES] = {
    "Glass",   "Silver",    "Quiet",     "Crimson", "Hidden",   "Last",   "Broken",   "Golden", "Distant", "Hollow",
    "Burning", "Wandering", "Forgotten", "Little",  "Northern", "Secret", "Midnight", "Paper",  "Iron",    "Patient"};
static const char *const numerals[VOLUMES_MAX + 1] = {"", "", " II", " III", " IV", " V"};
static const char *const ages[] = {"under 25", "25-34", "35-49", "50-64", "65 and over"};
enum { AGES = sizeof ages / sizeof *ages };
typedef enum season { ANY, WINTER, SUMMER } season;
static const char *const season_words[] = {"", "winter", "summer"};

typedef struct book {
    char title[64];
    uint32_t category, style, weight, volume, volumes; /* volume 0: no series */
    uint32_t lead[LEADS];                              /* books that readers of this one often take next */
    season season;
    uint32_t price, year; /* cents */
} book;

typedef struct reader_of {
    uint32_t taste[CATEGORIES]; /* weights */
    uint32_t style, age, last_category;
    uint32_t read[LENGTH_MAX], n;
    bool done[BOOKS];
} reader_of;

static bool chance(rng *r, uint32_t percent)
{
    return rng_below(r, 100) < percent;
}

static uint32_t pick(rng *r, const uint32_t *weight, uint32_t n)
{
    uint32_t total = 0, i = 0;
    for (uint32_t k = 0; k < n; k++) total += weight[k];
    uint32_t at = rng_below(r, total);
    while (at >= weight[i]) at -= weight[i++];
    return i;
}

/* ---- the shelves -------------------------------------------------------------------------------------------------------- */

static void shelve(book *b, uint32_t category, rng *r)
{
    uint32_t roots[NOUNS * ADJECTIVES], root = 0, at = 0;
    for (uint32_t i = 0; i < NOUNS * ADJECTIVES; i++) roots[i] = i;
    rng_shuffle(r, roots, NOUNS * ADJECTIVES);
    uint32_t order[PER_CATEGORY];
    for (uint32_t i = 0; i < PER_CATEGORY; i++) order[i] = i;
    rng_shuffle(r, order, PER_CATEGORY);
    for (uint32_t set = 0; at < PER_CATEGORY; set++, root++) {
        const char *noun = categories[category].nouns[roots[root] % NOUNS],
                   *adjective = adjectives[roots[root] / NOUNS];
        uint32_t volumes = set < 6 ? 2 + rng_below(r, VOLUMES_MAX - 1) : 1, style = rng_below(r, STYLES);
        uint32_t year = 1995 + rng_below(r, 22), price = 599 + 100 * rng_below(r, 18);
        season when = volumes > 1 ? ANY : set < 10 ? WINTER : set < 14 ? SUMMER : ANY;
        if (volumes > PER_CATEGORY - at) volumes = 1;
        for (uint32_t v = 1; v <= volumes; v++, at++) {
            book *x = &b[at];
            *x = (book){.category = category,
                        .style = style,
                        .season = when,
                        .price = price + 100 * (v - 1),
                        .year = year + v - 1,
                        .volume = volumes > 1 ? v : 0,
                        .volumes = volumes,
                        .weight = 6000 / (order[at] + 5)};
            if (when == ANY)
                snprintf(x->title, sizeof x->title, "The %s %s%s", adjective, noun, numerals[volumes > 1 ? v : 0]);
            else
                snprintf(x->title, sizeof x->title, "The %s %s in %s", adjective, noun,
                         when == WINTER ? "Winter" : "Summer");
        }
    }
}

static void make_books(book *books, rng *r)
{
    for (uint32_t c = 0; c < CATEGORIES; c++) shelve(books + c * PER_CATEGORY, c, r);
    for (uint32_t i = 0; i < BOOKS; i++) {
        for (int k = 0; k < LEADS; k++) {
            uint32_t c = (books[i].category + rng_below(r, 2)) % CATEGORIES; /* the same shelf or the next one */
            books[i].lead[k] = c * PER_CATEGORY + rng_below(r, PER_CATEGORY);
        }
    }
}

/* ---- one reader ------------------------------------------------------------------------------------------------------------ */

static season season_of(int64_t time)
{
    int64_t day = time / DAY % 365; /* drifts by a quarter day a year: near enough for a season */
    return day < 70 || day >= 345 ? WINTER : day >= 165 && day < 250 ? SUMMER : ANY;
}

/* A series is begun at its first volume and goes on where the reader is. */
static uint32_t next_volume(const reader_of *u, const book *books, uint32_t i)
{
    if (!books[i].volume) return i;
    uint32_t first = i - (books[i].volume - 1);
    for (uint32_t v = 0; v < books[i].volumes; v++) {
        if (!u->done[first + v]) return first + v;
    }
    return i;
}

static bool pending(const reader_of *u, const book *books, uint32_t read, uint32_t *next)
{
    if (!books[read].volume || books[read].volume == books[read].volumes) return false;
    *next = read + 1;
    return !u->done[read + 1];
}

static uint32_t from_shelf(rng *r, const reader_of *u, const book *books, uint32_t category, season now, bool seasonal)
{
    uint32_t weight[PER_CATEGORY];
    bool any = false;
    for (uint32_t k = 0; k < PER_CATEGORY; k++) {
        const book *b = &books[category * PER_CATEGORY + k];
        bool fits = b->season == ANY ? !seasonal : b->season == now;
        weight[k] = !fits || u->done[category * PER_CATEGORY + k]
                        ? 0
                        : b->weight * (b->style == u->style ? STYLE_WEIGHT : 1);
        any |= weight[k] > 0;
    }
    return any ? next_volume(u, books, category * PER_CATEGORY + pick(r, weight, PER_CATEGORY)) : BOOKS;
}

static uint32_t choose(rng *r, const reader_of *u, const book *books, int64_t time)
{
    uint32_t next = BOOKS, waiting[LENGTH_MAX], n = 0;
    for (uint32_t k = u->n; k > 0; k--) n += pending(u, books, u->read[k - 1], &waiting[n]);
    if (n && chance(r, PERCENT_SERIES)) return waiting[chance(r, 60) ? 0 : rng_below(r, n)];
    if (u->n && chance(r, PERCENT_LEAD))
        next = next_volume(u, books, books[u->read[u->n - 1]].lead[rng_below(r, LEADS)]);
    season now = season_of(time);
    if (next < BOOKS && !u->done[next] && (books[next].season == ANY || books[next].season == now)) return next;
    bool stay = u->n && chance(r, PERCENT_STAY);
    uint32_t category = stay ? u->last_category : pick(r, u->taste, CATEGORIES);
    next = from_shelf(r, u, books, category, now, now != ANY && chance(r, PERCENT_SEASON));
    return next < BOOKS ? next : from_shelf(r, u, books, pick(r, u->taste, CATEGORIES), now, false);
}

static void make_reader(rng *r, reader_of *u)
{
    *u = (reader_of){.age = rng_below(r, AGES), .style = rng_below(r, STYLES)};
    for (uint32_t c = 0; c < CATEGORIES; c++) u->taste[c] = 1;
    static const uint32_t share[] = {40, 24, 12};
    for (size_t k = 0; k < 3; k++) {
        /* The first favourite leans with age, so that the age group says something. */
        uint32_t c = k == 0 && chance(r, 50) ? (u->age * 2 + rng_below(r, 3)) % CATEGORIES : rng_below(r, CATEGORIES);
        u->taste[c] += share[k];
    }
}

static uint32_t stars(rng *r, const reader_of *u, const book *b)
{
    uint32_t s = 2 + rng_below(r, 3) + (b->style == u->style) + (u->taste[b->category] > 10 && chance(r, 50));
    return s > 5 ? 5 : s;
}

static lorec_err make_user(dataset_builder *to, uint32_t number, const book *books, rng *r)
{
    reader_of u;
    char user[16], item[16], id[16];
    make_reader(r, &u);
    snprintf(user, sizeof user, "reader%04u", number + 1);
    uint32_t length = 8 + rng_below(r, 13) + rng_below(r, 13) + rng_below(r, 13);
    int64_t time = OPENING + (int64_t)rng_below(r, 700) * DAY;
    while (u.n < length) {
        time += DAY * (1 + (int64_t)rng_below(r, 18)) + 60 * (int64_t)rng_below(r, 1440);
        uint32_t i = choose(r, &u, books, time);
        if (i == BOOKS || u.done[i]) continue;
        u.done[i] = true;
        u.read[u.n++] = i;
        u.last_category = books[i].category;
        snprintf(item, sizeof item, "B%03u", i + 1);
        raw_row row = {slice_of(user), slice_of(item), (float)stars(r, &u, &books[i]), time};
        TRY(dataset_builder_row(to, &row));
    }
    snprintf(id, sizeof id, "%s", user);
    return dataset_builder_cell(to, SIDE_USER, "age_group", COLUMN_TOKEN, slice_of(id), slice_of(ages[u.age]), 0);
}

/* ---- the catalogue ------------------------------------------------------------------------------------------------------------ */

static lorec_err put_book(dataset_builder *to, const book *b, uint32_t number)
{
    char id[16], text[256], series[64];
    snprintf(id, sizeof id, "B%03u", number + 1);
    slice who = slice_of(id);
    const char *category = categories[b->category].name;
    TRY(dataset_builder_cell(to, SIDE_ITEM, "title", COLUMN_TEXT, who, slice_of(b->title), 0));
    TRY(dataset_builder_cell(to, SIDE_ITEM, "category", COLUMN_TOKEN, who, slice_of(category), 0));
    TRY(dataset_builder_cell(to, SIDE_ITEM, "season", COLUMN_TOKEN, who, slice_of(season_words[b->season]), 0));
    snprintf(series, sizeof series, "%.*s", (int)(strlen(b->title) - strlen(numerals[b->volume])), b->title);
    TRY(dataset_builder_cell(to, SIDE_ITEM, "series", COLUMN_TOKEN, who, slice_of(b->volume ? series : ""), 0));
    snprintf(text, sizeof text, "%s%s%s", category, b->volume ? "|series" : "|single", b->season ? "|seasonal" : "");
    TRY(dataset_builder_cell(to, SIDE_ITEM, "tags", COLUMN_TOKEN_SEQ, who, slice_of(text), '|'));
    if (b->volume)
        snprintf(text, sizeof text, "%s. Volume %u of %u.", categories[b->category].blurb, b->volume, b->volumes);
    else
        snprintf(text, sizeof text, "%s.%s", categories[b->category].blurb,
                 b->season == WINTER   ? " For the cold months."
                 : b->season == SUMMER ? " For the warm months."
                                       : "");
    TRY(dataset_builder_cell(to, SIDE_ITEM, "description", COLUMN_TEXT, who, slice_of(text), 0));
    snprintf(text, sizeof text, "%u.%02u", b->price / 100, b->price % 100);
    TRY(dataset_builder_cell(to, SIDE_ITEM, "price", COLUMN_FLOAT, who, slice_of(text), 0));
    snprintf(text, sizeof text, "%u", b->year);
    return dataset_builder_cell(to, SIDE_ITEM, "year", COLUMN_FLOAT, who, slice_of(text), 0);
}

static lorec_err fill(dataset_builder *to, uint32_t n_users, uint64_t seed, book *books)
{
    rng r = rng_make(seed, RNG_SAMPLE_DATA);
    make_books(books, &r);
    for (uint32_t i = 0; i < BOOKS; i++) TRY(put_book(to, &books[i], i));
    for (uint32_t u = 0; u < n_users; u++) {
        rng mine = rng_make(seed, RNG_USER + RNG_SAMPLE_DATA + (uint64_t)u); /* more readers change nobody's history */
        TRY(make_user(to, u, books, &mine));
    }
    TRY(dataset_builder_note(to, "format", json_string("sample")));
    return dataset_builder_note(to, "seed", json_integer((json_int_t)seed));
}

lorec_err dataset_sample(dataset *out, uint32_t n_users, uint64_t seed)
{
    *out = (dataset){0};
    book *books;
    TRY(mem_new(&books, BOOKS));
    dataset_builder *b = dataset_builder_new("sample");
    lorec_err e = b ? fill(b, n_users ? n_users : DEFAULT_USERS, seed, books) : LOREC_RESOURCE;
    mem_free(books);
    if (!e) return dataset_builder_finish(b, true, out);
    dataset_builder_free(b);
    return e;
}

lorec_err dataset_sample_named(dataset *out, const char *name)
{
    *out = (dataset){0};
    slice rest = slice_of(name);
    slice_cut(&rest, ':');
    uint64_t users = 0, seed = 42;
    slice users_text = slice_cut(&rest, 'x');
    if ((users_text.n && !slice_to_u64(users_text, &users)) || (rest.n && !slice_to_u64(rest, &seed)) ||
        users > 10000000)
        return err_set(LOREC_USAGE, "%s: write sample, sample:USERS or sample:USERSxSEED", name);
    return dataset_sample(out, (uint32_t)users, seed);
}
