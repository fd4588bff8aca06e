// A process that stays the same one however often its number is given away: pidfd_open(2), Linux 5.3.
#pragma once

// A descriptor, or -errno.
int OpenPidfd(int pid);

// 0, or -errno; ESRCH: it has ended and was waited for.
int SignalPidfd(int fd, int signal);
