/* Leaves a mark, with its very first instructions: no C library, no constructors. Its last argument is the file. */
static long call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}

__attribute__((used)) static void leave(long *stack)
{
	long count = stack[0];

	call(2, stack[count], 0101, 0644); /* open: O_WRONLY | O_CREAT */
	call(60, 0, 0, 0);
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call leave\n");
