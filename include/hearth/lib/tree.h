/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h - an intrusive set of nodes sorted by key, with a fast search for "the first by key among
 * those whose value is at most x". Keys and values may wrap: all of one set lie within 2^63.
 *
 * Nodes inserted in order, with neither key nor value less than the last node's, form a list, where
 * insertion and removal are O(1). Vcpus of equal weight that alternate are inserted in this order.
 * All other nodes are in a balanced tree (AVL), where each node holds the least `value` of its
 * subtree; every operation is O(log n) in the worst case. List and tree are independent: the first
 * node of the set is the earlier of their first nodes.
 *
 * No locking, no allocation.
 */
#pragma once

#include <hearth/lib/types.h>

struct tree_node {
    struct tree_node *parent, *child[2]; /* in the list: child[0] precedes, child[1] follows */
    uint64_t key, value;                 /* constant while the node is in a set */
    uint64_t least;                      /* least value in its subtree */
    uint32_t height;                     /* of its subtree; a leaf: 1; in the list: 0 */
};

struct tree {
    struct tree_node *root, *root_first;      /* root_first: the tree's first node */
    struct tree_node *list_first, *list_last; /* keys and values both ascend */
};

/* a < b, modulo 2^64. */
static inline bool tree_before(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0;
}

/* Only for the inline functions below. */
void tree_insert_sorted(struct tree *t, struct tree_node *n);
void tree_remove_sorted(struct tree *t, struct tree_node *n);
struct tree_node *tree_below_within(const struct tree *t, uint64_t limit);

/* Appends n, whose key and value are not before the last node's. */
static inline void tree_list_append(struct tree *t, struct tree_node *n)
{
    struct tree_node *last = t->list_last;

    if (last == NULL)
        t->list_first = n;
    else
        last->child[1] = n;
    n->child[0] = last;
    n->child[1] = NULL;
    n->height = 0;
    t->list_last = n;
}

/* Removes n, which is in the list. */
static inline void tree_list_remove(struct tree *t, struct tree_node *n)
{
    struct tree_node *before = n->child[0], *behind = n->child[1];

    if (before == NULL)
        t->list_first = behind;
    else
        before->child[1] = behind;
    if (behind == NULL)
        t->list_last = before;
    else
        behind->child[0] = before;
}

/* Returns whether a node with this key and value may be appended. */
static inline bool tree_list_accepts(const struct tree *t, uint64_t key, uint64_t value)
{
    const struct tree_node *last = t->list_last;

    return last == NULL || !(tree_before(key, last->key) || tree_before(value, last->value));
}

/* Inserts n. The caller has set key and value. */
static inline void tree_insert(struct tree *t, struct tree_node *n)
{
    if (tree_list_accepts(t, n->key, n->value))
        tree_list_append(t, n);
    else
        tree_insert_sorted(t, n);
}

static inline void tree_remove(struct tree *t, struct tree_node *n)
{
    if (n->height == 0)
        tree_list_remove(t, n);
    else
        tree_remove_sorted(t, n);
}

/* The node with the lower key; each may be NULL. */
static inline struct tree_node *tree_earlier(struct tree_node *a, struct tree_node *b)
{
    if (a == NULL || b == NULL)
        return a == NULL ? b : a;
    return tree_before(b->key, a->key) ? b : a;
}

/* The first node, or NULL. */
static inline struct tree_node *tree_first(const struct tree *t)
{
    return tree_earlier(t->list_first, t->root_first);
}

/* The first node whose value is not after limit, or NULL. */
static inline struct tree_node *tree_first_within(const struct tree *t, uint64_t limit)
{
    struct tree_node *n = t->list_first;

    if (n != NULL && tree_before(limit, n->value))
        n = NULL; /* values ascend in the list */
    return t->root == NULL ? n : tree_earlier(n, tree_below_within(t, limit));
}

/* A walk over all nodes by key. The set must not change meanwhile. */
struct tree_walk {
    struct tree_node *in_list, *in_tree;
};

static inline struct tree_walk tree_walk_from_first(const struct tree *t)
{
    return (struct tree_walk){.in_list = t->list_first, .in_tree = t->root_first};
}

/* The next node, or NULL. */
struct tree_node *tree_walk_next(struct tree_walk *w);
