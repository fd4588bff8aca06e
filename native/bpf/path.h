/* Absolute paths, as d_path makes them; bpf_d_path is not open to these programs. */
#ifndef LANNER_PATH_H
#define LANNER_PATH_H

/* Names in a path of TEXT_MAX bytes, mount points counted twice. */
#define PATH_STEPS 2100

/* Puts a name, behind a slash, before what is there. Whether it fitted. */
static __always_inline bool prepend(struct scratch *scratch, const void *name, u32 length, bool slash)
{
	u32 position = scratch->walk.position;

	if (length > 255)
		length = 255;
	if (position < length + 1) {
		scratch->walk.cut = 1;
		return false;
	}
	position -= length;
	bpf_probe_read_kernel(&scratch->path[position & (TEXT_MAX - 1)], length, name);
	if (slash) {
		position -= 1;
		scratch->path[position & (TEXT_MAX - 1)] = '/';
	}
	scratch->walk.position = position;
	return true;
}

static long walk_dentry(u32 index, void *context)
{
	struct scratch *scratch = *(struct scratch **)context;
	struct walk *walk = &scratch->walk;
	struct vfsmount *mnt = walk->mnt;
	struct dentry *dentry = walk->dentry;
	struct dentry *parent;
	const u8 *name;
	u32 length;

	if (dentry == walk->root && mnt == walk->root_mnt)
		return 1;
	if (dentry == BPF_CORE_READ(mnt, mnt_root)) {
		struct mount *mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
		struct mount *above = BPF_CORE_READ(mount, mnt_parent);

		if (above == mount)
			return 1;
		walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		walk->mnt = (void *)above + bpf_core_field_offset(struct mount, mnt);
		return 0;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	name = BPF_CORE_READ(dentry, d_name.name);
	length = BPF_CORE_READ(dentry, d_name.len);
	if (parent == dentry) { /* in no folder: memfd, pipe */
		prepend(scratch, name, length, false);
		return 1;
	}
	walk->dentry = parent;
	return !prepend(scratch, name, length, true);
}

static long walk_cgroup(u32 index, void *context)
{
	struct scratch *scratch = *(struct scratch **)context;
	struct walk *walk = &scratch->walk;
	struct kernfs_node *node = walk->node;
	struct kernfs_node *parent = kernfs_parent(node);
	char name[256];
	long length;

	if (!parent)
		return 1;
	length = bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(node, name));
	if (length < 1)
		return 1;
	walk->node = parent;
	return !prepend(scratch, name, length - 1, true);
}

static __always_inline u32 append_walked(struct scratch *scratch, struct text *text)
{
	u32 position = scratch->walk.position;

	if (position >= TEXT_MAX) {
		position = TEXT_MAX - 1;
		scratch->path[TEXT_MAX - 1] = '/';
	}
	append_kernel(scratch, text, &scratch->path[position], TEXT_MAX - position);
	return scratch->walk.cut;
}

/* The path as the current process's root folder sees it. Whether it was cut. */
static __noinline u32 append_path(struct scratch *scratch, struct text *text, struct vfsmount *mnt,
				  struct dentry *dentry)
{
	struct task_struct *task = bpf_get_current_task_btf();

	scratch->walk.mnt = mnt;
	scratch->walk.dentry = dentry;
	scratch->walk.root_mnt = BPF_CORE_READ(task, fs, root.mnt);
	scratch->walk.root = BPF_CORE_READ(task, fs, root.dentry);
	scratch->walk.position = TEXT_MAX;
	scratch->walk.cut = 0;
	bpf_loop(PATH_STEPS, walk_dentry, &scratch, 0);
	return append_walked(scratch, text);
}

static __noinline u32 append_cgroup(struct scratch *scratch, struct text *text, struct kernfs_node *node)
{
	scratch->walk.node = node;
	scratch->walk.position = TEXT_MAX;
	scratch->walk.cut = 0;
	bpf_loop(128, walk_cgroup, &scratch, 0);
	return append_walked(scratch, text);
}

static __always_inline void append_cwd(struct scratch *scratch, struct text *text, u32 *flags)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (append_path(scratch, text, BPF_CORE_READ(task, fs, pwd.mnt), BPF_CORE_READ(task, fs, pwd.dentry)))
		*flags |= FLAG_PATH_CUT;
}

static __always_inline struct file *file_of(s32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table;
	struct file **files, *file = 0;

	if (fd < 0)
		return 0;
	table = BPF_CORE_READ(task, files, fdt);
	if (!table || (u32)fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	files = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), &files[fd]);
	return file;
}

#endif
