/*
 * tree.h - a balanced tree (AVL) of nodes that are part of what they stand for: in the order of
 * their keys, equal ones in the order of insertion, and in each node the least `value` of its
 * subtree, so that "the first by key among those whose value is at most x" is found on one way
 * down. Keys and values are points on a line that may wrap: all of one tree lie within 2^63.
 *
 * Every operation is O(log n); the first node is at hand. No locking, no allocation.
 */
#pragma once

#include <hearth/types.h>

struct tree_node {
    struct tree_node *parent, *child[2];
    uint64_t key, value; /* not to be changed while it is in a tree */
    uint64_t least;      /* of the values in its subtree */
    uint32_t height;     /* of its subtree; a leaf's is 1 */
};

struct tree {
    struct tree_node *root, *first, *last;
};

/* a < b on the line. */
static inline bool tree_before(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0;
}

/* key and value are the caller's; the rest is set here. */
void tree_insert(struct tree *t, struct tree_node *n);
void tree_remove(struct tree *t, struct tree_node *n);
/* The first node whose value is not after limit, or NULL. */
struct tree_node *tree_first_within(const struct tree *t, uint64_t limit);
/* The node behind n, or NULL. */
struct tree_node *tree_next(const struct tree_node *n);
