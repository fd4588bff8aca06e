struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scratch);
} deny_scratches SEC(".maps");

/* Whose turn it is on a CPU: unlike tracepoints, these programs may be preempted, and another one may come then. */
struct deny_turn {
	struct bpf_spin_lock lock;
	u32 isTaken;
};

#define DENY_CPUS 1024

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DENY_CPUS);
	__type(key, u32);
	__type(value, struct deny_turn);
} deny_turns SEC(".maps");

static __always_inline bool take_turn(struct deny_turn *turn)
{
	bool isMine;

	bpf_spin_lock(&turn->lock);
	isMine = !turn->isTaken;
	turn->isTaken = 1;
	bpf_spin_unlock(&turn->lock);
	return isMine;
}

static long find_slash(u32 index, void *context)
{
	struct scratch *scratch = *(struct scratch **)context;
	struct exec_event *event = (void *)scratch->record;
	u8 byte = 0;

	if (index >= event->filename.length)
		return 1;
	bpf_probe_read_kernel(&byte, 1, scratch->record + event->filename.offset + index);
	if (byte == '/')
		scratch->reflex.since = index + 1;
	return 0;
}

/* fs/exec.c, begin_new_exec: the last name in the path that was given. By a descriptor it is another, which is left
 * open. */
static __noinline u32 foresee_name(struct scratch *scratch)
{
	struct exec_event *event = (void *)scratch->record;

	__builtin_memset(event->header.comm, 0, sizeof(event->header.comm));
	if (event->header.nr == NR_EXECVEAT || !event->filename.length)
		return 0;
	scratch->reflex.since = 0;
	bpf_loop(TEXT_MAX, find_slash, &scratch, 0);
	bpf_probe_read_kernel_str(event->header.comm, sizeof(event->header.comm),
				  scratch->record + event->filename.offset + scratch->reflex.since);
	return 0;
}

/* A program of this machine's own: of scripts and the like another file is run in the end, and asked about then. */
static __always_inline bool is_native(struct linux_binprm *bprm)
{
	u8 head[20] = {};
	u16 machine;

	bpf_probe_read_kernel(head, sizeof(head), (void *)bprm + bpf_core_field_offset(struct linux_binprm, buf));
	machine = head[18] | head[19] << 8;
	return head[0] == 0x7f && head[1] == 'E' && head[2] == 'L' && head[3] == 'F' && (machine == 62 || machine == 3);
}

static __noinline u32 judge_denied(struct scratch *scratch)
{
	struct exec_event *event = (void *)scratch->record;
	struct task_struct *task = bpf_get_current_task_btf();
	u32 zero = 0;
	struct reflex_control *control = bpf_map_lookup_elem(&reflex_controls, &zero);
	u64 switches = scratch->reflex.switches;
	u32 fired;

	if (!control)
		return 0;
	fired = scratch->reflex.fired & switches & switches >> REFLEX_DENYING & 0xffffff;
	if (!fired || switches >> REFLEX_OFF & 1 || is_spared(scratch, event, task, control) || !take_kill(control))
		return 0;
	event->reflex = fired | REFLEX_DENIED << 24 | (switches >> REFLEX_SECOND & 1 ? 1u << 31 : 0);
	return 1;
}

/* include/linux/lsm_hook_defs.h: bprm_check_security(struct linux_binprm *bprm). The file is known and can be refused
 * still; whatever is not decided here, sched_process_exec decides. Loaded only where a playbook asks for it. */
SEC("lsm/bprm_check_security")
int BPF_PROG(deny_exec, struct linux_binprm *bprm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 zero = 0, cpu = bpf_get_smp_processor_id();
	struct reflex_control *control = bpf_map_lookup_elem(&reflex_controls, &zero);
	struct deny_turn *turn = bpf_map_lookup_elem(&deny_turns, &cpu);
	struct scratch *scratch = bpf_map_lookup_elem(&deny_scratches, &zero);
	struct exec_event *event;
	struct file *file;
	bool isPathCut, isDenied;
	u64 switches = control ? *(volatile u64 *)&control->switches : 0;
	u32 nr = NR_EXECVE;

	if (!(switches >> REFLEX_DENYING & 0xffffff) || !turn || !scratch || is_ignored(task->tgid) || !is_native(bprm))
		return 0;
	if (!take_turn(turn))
		return 0;
	scratch->lost = 0;
	event = (void *)scratch->record;
	__builtin_memset(event, 0, sizeof(*event));
	if (bpf_core_field_exists(bprm->fdpath) && BPF_CORE_READ(bprm, fdpath))
		nr = NR_EXECVEAT;
	fill_header(&event->header, task, EVENT_DENIED, nr);
	fill_ids(event, task);
	scratch->end = sizeof(*event);
	file = BPF_CORE_READ(bprm, file);
	fill_program(event, file);
	append_file(scratch, &event->exe, file);
	isPathCut = scratch->lost != 0;
	append_string(scratch, &event->filename, BPF_CORE_READ(bprm, filename), true);
	foresee_name(scratch);
	append_cwd(scratch, &event->cwd);
	append_cgroup(scratch, &event->cgroup_path, own_cgroup(task)->kn);
	look_at_exec(scratch, event, task, isPathCut, switches);
	bpf_loop(REFLEX_TESTS, reflex_step, &scratch, 0);
	isDenied = judge_denied(scratch);
	if (isDenied)
		submit_lifecycle(finish(scratch), scratch->end);
	turn->isTaken = 0;
	return isDenied ? -1 /* EPERM */ : 0;
}
