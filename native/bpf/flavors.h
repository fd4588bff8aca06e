/* Members that moved between kernel versions. `___name` is a flavour: the loader ignores it when it looks for the type.
 */
#ifndef LANNER_FLAVORS_H
#define LANNER_FLAVORS_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
/* 6.15, 633488947ef6 ("kernfs: Use RCU to access kernfs_node::parent"), renamed `parent`. */
struct kernfs_node___old {
	struct kernfs_node *parent;
};
struct kernfs_node___new {
	struct kernfs_node *__parent;
};
#pragma clang attribute pop

/* `node` is a pointer that the verifier knows to be one: it is followed directly. */
static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
	struct kernfs_node___new *renamed = (void *)node;
	struct kernfs_node___old *old = (void *)node;

	if (bpf_core_field_exists(renamed->__parent))
		return renamed->__parent;
	return old->parent;
}

#endif
