/* test_tree.c - core/lib/tree.c against a sorted array, over random insertions and removals. */
#include "fakes/fake.h"

#include <hearth/tree.h>

#define NODES 200

static struct tree_node nodes[NODES];
static struct tree_node *order[NODES]; /* the model */
static unsigned count;

/* Checks what tree.h promises of the subtree; returns its height. */
static uint32_t check_below(const struct tree_node *n, unsigned *seen)
{
    uint32_t high[2] = {0, 0};
    uint64_t least = n->value;

    for (unsigned i = 0; i < 2; i++) {
        const struct tree_node *c = n->child[i];

        if (i == 1)
            assert_ptr_equal(n, order[(*seen)++]);
        if (c == NULL)
            continue;
        assert_ptr_equal(c->parent, n);
        high[i] = check_below(c, seen);
        if (tree_before(c->least, least))
            least = c->least;
    }
    assert_true(high[0] <= high[1] + 1 && high[1] <= high[0] + 1);
    assert_int_equal(n->height, (high[0] > high[1] ? high[0] : high[1]) + 1);
    assert_int_equal(n->least, least);
    return n->height;
}

static void check(const struct tree *t, uint64_t limit)
{
    const struct tree_node *found = NULL;
    unsigned seen = 0;

    if (t->root != NULL) {
        assert_null(t->root->parent);
        check_below(t->root, &seen);
    }
    assert_int_equal(seen, count);
    assert_ptr_equal(t->first, count ? order[0] : NULL);
    if (count)
        assert_ptr_equal(t->last, order[count - 1]);
    for (unsigned i = 0; i < count && found == NULL; i++)
        if (!tree_before(limit, order[i]->value))
            found = order[i];
    assert_ptr_equal(tree_first_within(t, limit), found);
    for (unsigned i = 0; i < count; i++)
        assert_ptr_equal(tree_next(order[i]), i + 1 < count ? order[i + 1] : NULL);
}

static void add(struct tree *t, struct tree_node *n)
{
    unsigned at = count++;

    tree_insert(t, n);
    for (; at > 0 && tree_before(n->key, order[at - 1]->key); at--)
        order[at] = order[at - 1];
    order[at] = n;
}

static void take(struct tree *t, unsigned at)
{
    tree_remove(t, order[at]);
    count--;
    memmove(&order[at], &order[at + 1], (count - at) * sizeof(order[0]));
}

/* spread: how many different keys; base: where on the line, also across its end. */
static void rounds(uint64_t seed, uint64_t spread, uint64_t base)
{
    struct tree t = {NULL, NULL, NULL};
    bool in[NODES] = {false};

    count = 0;
    for (unsigned round = 0; round < 4000; round++) {
        const unsigned want = (round / 500) % 2 ? NODES / 8 : NODES; /* grows, shrinks */
        struct tree_node *n = &nodes[fake_random(&seed) % NODES];

        if (!in[n - nodes] && count < want) {
            n->key = base + fake_random(&seed) % spread;
            n->value = base + fake_random(&seed) % spread;
            add(&t, n);
            in[n - nodes] = true;
        } else if (count != 0) {
            const unsigned at = fake_random(&seed) % 3 ? (unsigned)(fake_random(&seed) % count) : 0;

            in[order[at] - nodes] = false;
            take(&t, at);
        }
        check(&t, base + fake_random(&seed) % spread);
    }
}

static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        rounds(seed, 4, 1000);
        rounds(seed, 100000, UINT64_MAX - 50000);
    }
}

static void test_ascending_and_empty(void **state)
{
    struct tree t = {NULL, NULL, NULL};

    (void)state;
    count = 0;
    assert_null(tree_first_within(&t, 5));
    for (unsigned i = 0; i < NODES; i++) {
        nodes[i].key = nodes[i].value = i;
        add(&t, &nodes[i]);
        check(&t, 0);
    }
    assert_true(t.root->height <= 9);
    while (count != 0) {
        take(&t, 0);
        check(&t, NODES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_ascending_and_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
