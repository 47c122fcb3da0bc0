/* SPDX-License-Identifier: Apache-2.0 */
/* tree.c - see tree.h: the AVL tree. Heights of siblings differ by at most one; after a change,
 * a walk towards the root restores this and the least values, and stops at the first unchanged
 * node. */
#include <hearth/lib/tree.h>

static uint32_t tree_height(const struct tree_node *n)
{
    return n != NULL ? n->height : 0;
}

static void tree_refresh(struct tree_node *n)
{
    uint32_t high = 0;
    uint64_t least = n->value;

    for (unsigned i = 0; i < 2; i++) {
        const struct tree_node *c = n->child[i];

        if (c == NULL)
            continue;
        if (c->height > high)
            high = c->height;
        if (tree_before(c->least, least))
            least = c->least;
    }
    n->height = high + 1;
    n->least = least;
}

/* Replaces `old` by `now` as a child of `parent`, or as the root if parent is NULL. */
static void tree_replace_child(struct tree *t, struct tree_node *parent,
                               const struct tree_node *old, struct tree_node *now)
{
    if (parent == NULL)
        t->root = now;
    else
        parent->child[parent->child[1] == old] = now;
    if (now != NULL)
        now->parent = parent;
}

/* Rotates n down to the side `dir`. Returns its other child, which takes its place. */
static struct tree_node *tree_rotate(struct tree *t, struct tree_node *n, unsigned dir)
{
    struct tree_node *up = n->child[!dir], *mid = up->child[dir];

    tree_replace_child(t, n->parent, n, up);
    n->child[!dir] = mid;
    if (mid != NULL)
        mid->parent = n;
    up->child[dir] = n;
    n->parent = up;
    tree_refresh(n);
    tree_refresh(up);
    return up;
}

static void tree_repair(struct tree *t, struct tree_node *n)
{
    while (n != NULL) {
        const uint32_t low = tree_height(n->child[0]), high = tree_height(n->child[1]);
        const uint32_t was_high = n->height;
        const uint64_t was_least = n->least;

        if (low > high + 1 || high > low + 1) {
            const unsigned heavy = high > low;
            struct tree_node *c = n->child[heavy];

            if (tree_height(c->child[!heavy]) > tree_height(c->child[heavy]))
                (void)tree_rotate(t, c, heavy);
            n = tree_rotate(t, n, !heavy);
        } else {
            tree_refresh(n);
        }
        if (n->height == was_high && n->least == was_least)
            return;
        n = n->parent;
    }
}

void tree_insert_sorted(struct tree *t, struct tree_node *n)
{
    struct tree_node *at = t->root;
    unsigned side;

    n->child[0] = n->child[1] = NULL;
    n->least = n->value;
    n->height = 1;
    if (at == NULL) {
        n->parent = NULL;
        t->root = t->root_first = n;
        return;
    }
    for (;;) {
        side = !tree_before(n->key, at->key);
        if (at->child[side] == NULL)
            break;
        at = at->child[side];
    }
    n->parent = at;
    at->child[side] = n;
    if (side == 0 && at == t->root_first)
        t->root_first = n;
    tree_repair(t, at);
}

/* The node after n, or NULL. */
static struct tree_node *tree_successor(const struct tree_node *n)
{
    struct tree_node *at = n->child[1];

    if (at != NULL) {
        while (at->child[0] != NULL)
            at = at->child[0];
        return at;
    }
    for (at = n->parent; at != NULL && at->child[1] == n; at = at->parent)
        n = at;
    return at;
}

struct tree_node *tree_walk_next(struct tree_walk *w)
{
    struct tree_node *n = tree_earlier(w->in_list, w->in_tree);

    if (n == NULL)
        return NULL;
    if (n == w->in_list)
        w->in_list = n->child[1];
    else
        w->in_tree = tree_successor(n);
    return n;
}

/* Removes n, which has two children: its successor, which has no left child, replaces it. */
static void tree_remove_inner(struct tree *t, struct tree_node *n)
{
    struct tree_node *s = n->child[1], *from;

    while (s->child[0] != NULL)
        s = s->child[0];
    from = s->parent;
    if (from == n) {
        from = s;
    } else {
        tree_replace_child(t, from, s, s->child[1]);
        s->child[1] = n->child[1];
        s->child[1]->parent = s;
    }
    s->child[0] = n->child[0];
    s->child[0]->parent = s;
    s->height = n->height;
    s->least = n->least;
    tree_replace_child(t, n->parent, n, s);
    tree_repair(t, from);
    if (from != s)
        tree_repair(
            t, s); /* the least value no longer includes n's, even if tree_repair() stopped below */
}

void tree_remove_sorted(struct tree *t, struct tree_node *n)
{
    struct tree_node *parent = n->parent;

    if (n == t->root_first)
        t->root_first = tree_successor(n);
    if (n->child[0] != NULL && n->child[1] != NULL) {
        tree_remove_inner(t, n);
        return;
    }
    tree_replace_child(t, parent, n, n->child[0] != NULL ? n->child[0] : n->child[1]);
    tree_repair(t, parent);
}

static bool tree_has_within(const struct tree_node *n, uint64_t limit)
{
    return n != NULL && !tree_before(limit, n->least);
}

struct tree_node *tree_below_within(const struct tree *t, uint64_t limit)
{
    struct tree_node *n = t->root_first;

    if (n == NULL || !tree_before(limit, n->value))
        return n;
    n = t->root;
    if (!tree_has_within(n, limit))
        return NULL;
    for (;;) {
        if (tree_has_within(n->child[0], limit))
            n = n->child[0];
        else if (!tree_before(limit, n->value))
            return n;
        else
            n = n->child[1]; /* exists: the least value is neither here nor on the left */
    }
}
