/*
 * tree.h - a sorted set of nodes that are part of what they stand for: in the order of their keys,
 * and in such a way that "the first by key among those whose value is at most x" is at hand. Keys
 * and values are points on a line that may wrap: all of one set lie within 2^63.
 *
 * Nodes that come in order, each with a key and a value not before those of the one before it, are
 * in a row: a list, whose ends cost nothing. That is what vcpus of equal weight do when they take
 * turns. The others are in a balanced tree (AVL), with the least `value` of its subtree in each
 * node: every operation is O(log n) at worst. Row and tree do not depend on each other: the first
 * of the set is the first of either.
 *
 * No locking, no allocation.
 */
#pragma once

#include <hearth/lib/types.h>

struct tree_node {
    struct tree_node *parent, *child[2]; /* in the row: child[0] is before it, child[1] behind */
    uint64_t key, value;                 /* not to be changed while it is in a set */
    uint64_t least;                      /* of the values in its subtree */
    uint32_t height;                     /* of its subtree; a leaf's is 1; in the row: 0 */
};

struct tree {
    struct tree_node *root, *root_first;    /* root_first: the first of those below root */
    struct tree_node *row_first, *row_last; /* keys and values both ascend */
};

/* a < b on the line. */
static inline bool tree_before(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0;
}

/* For the inline parts below only. */
void tree_insert_sorted(struct tree *t, struct tree_node *n);
void tree_remove_sorted(struct tree *t, struct tree_node *n);
struct tree_node *tree_below_within(const struct tree *t, uint64_t limit);

/* n, not before the row's last in key nor value, goes to its end. */
static inline void tree_row_append(struct tree *t, struct tree_node *n)
{
    struct tree_node *last = t->row_last;

    if (last == NULL)
        t->row_first = n;
    else
        last->child[1] = n;
    n->child[0] = last;
    n->child[1] = NULL;
    n->height = 0;
    t->row_last = n;
}

/* n is in the row. */
static inline void tree_row_remove(struct tree *t, struct tree_node *n)
{
    struct tree_node *before = n->child[0], *behind = n->child[1];

    if (before == NULL)
        t->row_first = behind;
    else
        before->child[1] = behind;
    if (behind == NULL)
        t->row_last = before;
    else
        behind->child[0] = before;
}

static inline bool tree_row_takes(const struct tree *t, uint64_t key, uint64_t value)
{
    const struct tree_node *last = t->row_last;

    return last == NULL || !(tree_before(key, last->key) || tree_before(value, last->value));
}

/* key and value are the caller's; the rest is set here. */
static inline void tree_insert(struct tree *t, struct tree_node *n)
{
    if (tree_row_takes(t, n->key, n->value))
        tree_row_append(t, n);
    else
        tree_insert_sorted(t, n);
}

static inline void tree_remove(struct tree *t, struct tree_node *n)
{
    if (n->height == 0)
        tree_row_remove(t, n);
    else
        tree_remove_sorted(t, n);
}

/* Of two firsts, each of which may be NULL. */
static inline struct tree_node *tree_earlier(struct tree_node *a, struct tree_node *b)
{
    if (a == NULL || b == NULL)
        return a == NULL ? b : a;
    return tree_before(b->key, a->key) ? b : a;
}

/* The first node, or NULL. */
static inline struct tree_node *tree_first(const struct tree *t)
{
    return tree_earlier(t->row_first, t->root_first);
}

/* The first node whose value is not after limit, or NULL. */
static inline struct tree_node *tree_first_within(const struct tree *t, uint64_t limit)
{
    struct tree_node *n = t->row_first;

    if (n != NULL && tree_before(limit, n->value))
        n = NULL; /* nor is any behind it within */
    return t->root == NULL ? n : tree_earlier(n, tree_below_within(t, limit));
}

/* A walk over all nodes by key; nothing may be inserted or removed meanwhile. */
struct tree_walk {
    struct tree_node *row, *below;
};

static inline struct tree_walk tree_walk_from_first(const struct tree *t)
{
    return (struct tree_walk){.row = t->row_first, .below = t->root_first};
}

/* The next node, or NULL. */
struct tree_node *tree_walk_next(struct tree_walk *w);
