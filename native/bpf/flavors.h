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
struct filename;
/* 7.0 ("allow incomplete imports of filenames", A. Viro): what io_uring keeps of a path until it is used is a struct of
 * one pointer; the text is copied as early as before. */
struct delayed_filename {
	struct filename *__incomplete_filename;
};
struct io_open___delayed {
	struct delayed_filename filename;
};
struct io_unlink___delayed {
	struct delayed_filename filename;
};
struct io_mkdir___delayed {
	struct delayed_filename filename;
};
struct io_rename___delayed {
	struct delayed_filename oldpath, newpath;
};
struct io_link___delayed {
	struct delayed_filename oldpath, newpath;
};
#pragma clang attribute pop

/* A path of a request of io_uring's: a struct filename *. */
#define READ_NAME(request, type, member)                                                                               \
	(bpf_core_field_exists(((struct type *)0)->member)                                                             \
		 ? BPF_CORE_READ((struct type *)(request), member)                                                     \
		 : BPF_CORE_READ((struct type##___delayed *)(request), member.__incomplete_filename))

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
