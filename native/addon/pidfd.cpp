#include "pidfd.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

// Debian 12's glibc has the calls, but in a header that clashes with C++; older ones have not.
int OpenPidfd(int pid) {
	long fd = syscall(SYS_pidfd_open, pid, 0);
	return fd < 0 ? -errno : static_cast<int>(fd);
}

int SignalPidfd(int fd, int signal) {
	return syscall(SYS_pidfd_send_signal, fd, signal, nullptr, 0) < 0 ? -errno : 0;
}
