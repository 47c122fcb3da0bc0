/* SPDX-License-Identifier: Apache-2.0 */
/* test_tree.c - lib/tree.c against a sorted array, over random insertions and removals. */
#include "fakes/fake.h"

#include <hearth/lib/tree.h>

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

        if (c == NULL)
            continue;
        assert_ptr_equal(c->parent, n);
        high[i] = check_below(c, seen);
        if (tree_before(c->least, least))
            least = c->least;
    }
    (*seen)++;
    assert_true(high[0] <= high[1] + 1 && high[1] <= high[0] + 1);
    assert_int_equal(n->height, (high[0] > high[1] ? high[0] : high[1]) + 1);
    assert_int_equal(n->least, least);
    return n->height;
}

/* The row; returns how many are in it. */
static unsigned check_row(const struct tree *t)
{
    const struct tree_node *before = NULL;
    unsigned seen = 0;

    for (const struct tree_node *n = t->list_first; n != NULL; before = n, n = n->child[1]) {
        seen++;
        assert_int_equal(n->height, 0);
        assert_ptr_equal(n->child[0], before);
        if (before != NULL)
            assert_false(tree_before(n->key, before->key) || tree_before(n->value, before->value));
    }
    assert_ptr_equal(t->list_last, before);
    return seen;
}

/* The walk: each node once, by key. */
static void check_walk(const struct tree *t)
{
    struct tree_walk w = tree_walk_from_first(t);
    bool seen[NODES] = {false};
    const struct tree_node *n;
    unsigned at = 0;

    while ((n = tree_walk_next(&w)) != NULL) {
        assert_true(at < count);
        assert_false(seen[n - nodes]);
        seen[n - nodes] = true;
        assert_int_equal(n->key, order[at++]->key);
    }
    assert_int_equal(at, count);
}

static void check(const struct tree *t, uint64_t limit)
{
    const struct tree_node *first = tree_first(t), *found = tree_first_within(t, limit);
    unsigned seen = check_row(t), i = 0;

    if (t->root != NULL) {
        assert_null(t->root->parent);
        check_below(t->root, &seen);
    }
    assert_int_equal(seen, count);
    assert_true((first == NULL) == (count == 0));
    if (count)
        assert_int_equal(first->key, order[0]->key);
    while (i < count && tree_before(limit, order[i]->value))
        i++;
    assert_true((found == NULL) == (i == count));
    if (found != NULL) {
        assert_int_equal(found->key, order[i]->key);
        assert_false(tree_before(limit, found->value));
    }
    check_walk(t);
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
    struct tree t = {.root = NULL};
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

/* Those that come in order cost no search; those that come in the opposite one are balanced. */
static void test_both_orders(void **state)
{
    struct tree t = {.root = NULL};

    (void)state;
    count = 0;
    assert_null(tree_first(&t));
    assert_null(tree_first_within(&t, 5));
    for (unsigned i = 0; i < NODES / 2; i++) {
        nodes[i].key = nodes[i].value = NODES + i;
        add(&t, &nodes[i]);
        check(&t, 0);
    }
    assert_null(t.root);
    for (unsigned i = NODES / 2; i < NODES; i++) {
        nodes[i].key = nodes[i].value = NODES - i;
        add(&t, &nodes[i]);
        check(&t, NODES);
    }
    assert_true(t.root->height <= 8);
    while (count != 0) {
        take(&t, count % 2 ? 0 : count - 1);
        check(&t, 2 * NODES);
    }
    assert_null(t.root);
    assert_null(t.list_first);
}

/* Turns of equals: each goes from the front to the end, and none is ever in the tree. */
static void test_turns(void **state)
{
    struct tree t = {.root = NULL};

    (void)state;
    count = 0;
    for (unsigned i = 0; i < 4 * NODES; i++) {
        struct tree_node *n = &nodes[i % NODES];

        if (i >= NODES)
            take(&t, 0);
        n->key = UINT64_MAX - NODES + i;
        n->value = n->key - 10;
        add(&t, n);
        check(&t, n->value - 5);
        assert_null(t.root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_both_orders),
        cmocka_unit_test(test_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
