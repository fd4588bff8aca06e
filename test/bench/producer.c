/*
 * producer OBJECT AGENT PATH SECONDS RATE: opens PATH, says `ready`, reads from standard input the record that was made of that
 * open, and has it written into the ring `bulk` of the agent with this pid, so many times a second. Prints how many it
 * wrote, how many found the ring full, and the nanoseconds that it took.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000ull
#define BATCH 1000

/* As in producer.bpf.c. */
struct job {
	unsigned count, length;
	unsigned long long made, dropped;
	unsigned char record[512];
};

static void need(long result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static unsigned long long now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * SECOND_NS + time.tv_nsec;
}

/* The map of this name among the descriptors of a process. */
static int map_of(const char *pid, const char *wanted)
{
	char path[300], line[256];
	struct dirent *entry;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo", pid);
	folder = opendir(path);
	need(folder ? 0 : -1, path);
	while ((entry = readdir(folder))) {
		FILE *file;
		unsigned id = 0;

		snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, entry->d_name);
		file = fopen(path, "r");
		while (file && fgets(line, sizeof(line), file))
			sscanf(line, "map_id: %u", &id);
		if (file)
			fclose(file);
		if (id) {
			struct bpf_map_info info = {};
			unsigned size = sizeof(info);
			int fd = bpf_map_get_fd_by_id(id);

			if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size) && !strcmp(info.name, wanted))
				return fd;
			if (fd >= 0)
				close(fd);
		}
	}
	fprintf(stderr, "process %s has no map %s\n", pid, wanted);
	exit(1);
}

int main(int argc, char **argv)
{
	struct job job = { .count = BATCH };
	unsigned long long begun, until;
	struct bpf_object *object;
	unsigned zero = 0;
	int jobs, program;
	double rate;
	LIBBPF_OPTS(bpf_test_run_opts, run);

	if (argc != 6)
		return 2;
	rate = atof(argv[5]);
	object = bpf_object__open_file(argv[1], NULL);
	need(object ? 0 : -1, argv[1]);
	need(bpf_map__reuse_fd(bpf_object__find_map_by_name(object, "bulk"), map_of(argv[2], "bulk")), "bulk");
	need(bpf_object__load(object), "load");
	jobs = bpf_map__fd(bpf_object__find_map_by_name(object, "jobs"));
	program = bpf_program__fd(bpf_object__find_program_by_name(object, "produce"));

	need(open(argv[3], O_RDONLY), argv[3]);
	printf("ready\n");
	fflush(stdout);
	job.length = fread(job.record, 1, sizeof(job.record), stdin);
	if (!job.length) {
		fprintf(stderr, "no record came\n");
		return 1;
	}
	need(bpf_map_update_elem(jobs, &zero, &job, 0), "jobs");
	begun = now_ns();
	until = begun + atof(argv[4]) * SECOND_NS;
	for (unsigned long long now = begun, made = 0; now < until; now = now_ns()) {
		if (made > (now - begun) / 1e9 * rate)
			continue;
		need(bpf_prog_test_run_opts(program, &run), "run");
		made += BATCH;
	}
	until = now_ns();
	need(bpf_map_lookup_elem(jobs, &zero, &job), "jobs");
	printf("%llu %llu %llu\n", job.made, job.dropped, until - begun);
	return 0;
}
