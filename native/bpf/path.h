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
		scratch->lost |= FLAG_TEXT_CUT;
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

/* Bytes of a name that are copied without a helper's call. */
#define NAME_WORDS 5

/* The same of a name in the kernel's memory, behind a slash. Words are copied from its end on, so that what comes along
 * with the last one lies before it, where nothing is yet. */
static __always_inline bool prepend_name(struct scratch *scratch, const u8 *name, u64 length)
{
	u32 position = scratch->walk.position;
	u32 at = position;

	if (!can_load() || length > NAME_WORDS * 8 || position < NAME_WORDS * 8 + 1)
		return prepend(scratch, name, length, true);
	name += length;
	for (u32 word = 0; word < NAME_WORDS; word++) {
		if (word * 8 >= length)
			break;
		name -= 8;
		at -= 8;
		*(u64 *)&scratch->path[at & (TEXT_MAX - 1)] = load_word(name);
	}
	position -= length + 1;
	scratch->path[position & (TEXT_MAX - 1)] = '/';
	scratch->walk.position = position;
	return true;
}

/* The members of a dentry that a walk needs: in all versions so far they lie in a row, and one read is cheaper. */
struct dentry_names {
	struct dentry *d_parent;
	struct qstr_plain {
		u32 hash, len;
		const u8 *name;
	} d_name;
};

static __always_inline void read_names(struct dentry_names *names, struct dentry *dentry)
{
	if (!can_load() &&
	    bpf_core_field_offset(struct dentry, d_name.name) ==
		    bpf_core_field_offset(struct dentry, d_parent) +
			    __builtin_offsetof(struct dentry_names, d_name.name) &&
	    bpf_core_field_offset(struct dentry, d_name.len) ==
		    bpf_core_field_offset(struct dentry, d_parent) +
			    __builtin_offsetof(struct dentry_names, d_name.len)) {
		bpf_probe_read_kernel(names, sizeof(*names),
				      (void *)dentry + bpf_core_field_offset(struct dentry, d_parent));
		return;
	}
	names->d_parent = BPF_CORE_READ(dentry, d_parent);
	names->d_name.len = BPF_CORE_READ(dentry, d_name.len);
	names->d_name.name = BPF_CORE_READ(dentry, d_name.name);
}

/* One step up; whether it was the last. */
static __always_inline bool step_up(struct scratch *scratch)
{
	struct walk *walk = &scratch->walk;
	struct vfsmount *mnt = walk->mnt;
	struct dentry *dentry = walk->dentry;
	struct dentry_names names;

	if (dentry == walk->root && mnt == walk->root_mnt)
		return 1;
	if (dentry == walk->mnt_root) {
		struct mount *mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
		struct mount *above = BPF_CORE_READ(mount, mnt_parent);

		if (above == mount)
			return 1;
		mnt = (void *)above + bpf_core_field_offset(struct mount, mnt);
		walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		walk->mnt = mnt;
		walk->mnt_root = BPF_CORE_READ(mnt, mnt_root);
		return 0;
	}
	read_names(&names, dentry);
	if (names.d_parent == dentry) { /* in no folder: memfd, pipe */
		prepend(scratch, names.d_name.name, names.d_name.len, false);
		return 1;
	}
	walk->dentry = names.d_parent;
	if (!walk->folder)
		walk->folder = names.d_parent;
	if (!prepend_name(scratch, names.d_name.name, names.d_name.len))
		return true;
	if (!walk->leaf)
		walk->leaf = walk->position;
	return false;
}

static long walk_dentry(u32 index, void *context)
{
	return step_up(*(struct scratch **)context);
}

/* As kernfs_parent, of a pointer that is only a number to the verifier. */
static __always_inline struct kernfs_node *read_parent(struct kernfs_node *node)
{
	struct kernfs_node___new *renamed = (void *)node;
	struct kernfs_node___old *old = (void *)node;

	if (bpf_core_field_exists(renamed->__parent))
		return BPF_CORE_READ(renamed, __parent);
	return BPF_CORE_READ(old, parent);
}

static long walk_cgroup(u32 index, void *context)
{
	struct scratch *scratch = *(struct scratch **)context;
	struct walk *walk = &scratch->walk;
	struct kernfs_node *node = walk->node;
	struct kernfs_node *parent = read_parent(node);
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

/* What was walked up to its root lies in the scratch from `walk.position` on. */
static __always_inline void end_walk(struct scratch *scratch)
{
	if (scratch->walk.position < TEXT_MAX)
		return;
	scratch->walk.position = TEXT_MAX - 1;
	scratch->path[TEXT_MAX - 1] = '/';
}

/* From the dentry and the mount in `scratch->walk` up to the root folder of `fs`. */
static __always_inline void begin_walk(struct scratch *scratch, struct fs_struct *fs)
{
	struct vfsmount *mnt = scratch->walk.mnt;

	scratch->walk.mnt_root = BPF_CORE_READ(mnt, mnt_root);
	scratch->walk.root_mnt = fs->root.mnt;
	scratch->walk.root = fs->root.dentry;
	scratch->walk.position = TEXT_MAX;
	scratch->walk.folder = 0;
	scratch->walk.leaf = 0;
}

/* The path as the root folder of `fs` sees it. */
static __always_inline void walk_path(struct scratch *scratch, struct vfsmount *mnt, struct dentry *dentry,
				      struct fs_struct *fs)
{
	scratch->walk.mnt = mnt;
	scratch->walk.dentry = dentry;
	begin_walk(scratch, fs);
	bpf_loop(PATH_STEPS, walk_dentry, &scratch, 0);
	end_walk(scratch);
}

static __always_inline void append_walked(struct scratch *scratch, struct text *text)
{
	u32 position = scratch->walk.position & (TEXT_MAX - 1);

	append_kernel(scratch, text, &scratch->path[position], TEXT_MAX - position);
}

static __noinline u32 append_path_for(struct scratch *scratch, struct text *text, struct vfsmount *mnt,
				      struct dentry *dentry, struct fs_struct *fs)
{
	walk_path(scratch, mnt, dentry, fs);
	append_walked(scratch, text);
	return 0;
}

/* As the current process's root folder sees it. */
static __always_inline u32 append_path(struct scratch *scratch, struct text *text, struct vfsmount *mnt,
				       struct dentry *dentry)
{
	return append_path_for(scratch, text, mnt, dentry, plain(bpf_get_current_task_btf())->fs);
}

static __noinline u32 append_cgroup(struct scratch *scratch, struct text *text, struct kernfs_node *node)
{
	scratch->walk.node = node;
	scratch->walk.position = TEXT_MAX;
	bpf_loop(128, walk_cgroup, &scratch, 0);
	end_walk(scratch);
	append_walked(scratch, text);
	return 0;
}

static __always_inline void append_cwd(struct scratch *scratch, struct text *text)
{
	struct task_struct *task = plain(bpf_get_current_task_btf());

	append_path(scratch, text, task->fs->pwd.mnt, task->fs->pwd.dentry);
}

static __always_inline void append_file(struct scratch *scratch, struct text *text, struct file *file)
{
	append_path(scratch, text, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry));
}

/* The file behind a descriptor of the task that is looked at. */
static __always_inline struct file *file_at(struct task_struct *task, s32 fd)
{
	struct fdtable *table;
	struct file **files, *file = 0;

	if (fd < 0)
		return 0;
	task = plain(task);
	if (!task->files)
		return 0;
	table = task->files->fdt;
	if ((u32)fd >= table->max_fds)
		return 0;
	files = table->fd;
	load(&file, sizeof(file), &files[fd]);
	return file;
}

static __always_inline struct file *file_of(s32 fd)
{
	return file_at(bpf_get_current_task_btf(), fd);
}

#define OVERLAYFS_SUPER_MAGIC 0x794c7630

/* Which layer of an overlay a file lies in, as an event flag; 0: it is in none. In `struct ovl_inode`
 * (fs/overlayfs/ovl_entry.h) the upper dentry is the member behind the inode; the module's BTF need not be there, so it
 * is found by size. */
static __always_inline u32 layer_of(struct inode *inode)
{
	void *upper = 0;

	if (BPF_CORE_READ(inode, i_sb, s_magic) != OVERLAYFS_SUPER_MAGIC)
		return 0;
	bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode));
	return upper ? FLAG_UPPER_LAYER : FLAG_LOWER_LAYER;
}

#endif
