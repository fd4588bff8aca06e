import { addressFamilies, shutdownWays } from './flag-names.ts';
import {
  address,
  data,
  descriptorFlags,
  given,
  integer,
  made,
  missing,
  named,
  opened,
  type Parameter,
  result,
  signed,
  tuple,
  unsigned,
} from './parameters.ts';
import { polledParameter } from './polled.ts';

const fd = given('fd', 0);
const size = unsigned('size', 2);
const option = [result, fd, integer('level', 1), integer('optname', 2), missing('val'), integer('optlen', 4)];
const queue = [missing('queuepct'), missing('queuelen'), missing('queuemax')];

/** Parameters of calls on descriptors and sockets, in the original's order. */
export const descriptorParameters: Readonly<Record<string, readonly Parameter[]>> = {
  connect: [result, tuple, fd, address],
  accept: [opened, tuple, ...queue],
  accept4: [opened, tuple, ...queue, integer('flags', 3)],
  bind: [result, address, fd],
  listen: [result, fd, integer('backlog', 1)],
  shutdown: [result, fd, named('how', 1, shutdownWays)],
  socket: [opened, named('domain', 0, addressFamilies), integer('type', 1), integer('proto', 2)],
  socketpair: [
    result,
    made('fd1', 3, 0),
    made('fd2', 3, 1),
    missing('source'),
    missing('peer'),
    named('domain', 0, addressFamilies),
    integer('type', 1),
    integer('proto', 2),
  ],
  sendto: [result, data, fd, size, tuple],
  sendmsg: [result, data, fd, missing('size'), tuple],
  sendmmsg: [result, fd, missing('size'), data, tuple],
  recvfrom: [result, data, tuple, fd, size],
  recvmsg: [result, missing('size'), data, tuple, missing('msgcontrol'), fd],
  recvmmsg: [result, fd, missing('size'), data, tuple, missing('msgcontrol')],
  setsockopt: option,
  getsockopt: option,
  getsockname: [result, fd, tuple],
  getpeername: [result, fd, tuple],
  read: [result, data, fd, size],
  write: [result, data, fd, size],
  pread: [result, data, fd, size, signed('pos', 3)],
  pwrite: [result, data, fd, size, signed('pos', 3)],
  readv: [result, missing('size'), data, fd],
  writev: [result, data, fd, missing('size')],
  preadv: [result, missing('size'), data, fd, signed('pos', 3)],
  pwritev: [result, data, fd, missing('size'), signed('pos', 3)],
  preadv2: [result, missing('size'), data, fd, signed('pos', 3)],
  pwritev2: [result, data, fd, missing('size'), signed('pos', 3)],
  sendfile: [result, missing('offset'), given('out_fd', 0), integer('in_fd', 1), unsigned('size', 3)],
  splice: [result, given('fd_in', 0), integer('fd_out', 2), unsigned('size', 4), unsigned('flags', 5)],
  copy_file_range: [
    result,
    integer('fdout', 2),
    missing('offout'),
    given('fdin', 0),
    missing('offin'),
    unsigned('len', 4),
  ],
  close: [result, given('fd', 0)],
  dup: [result, given('oldfd', 0)],
  dup2: [result, given('oldfd', 0), integer('newfd', 1)],
  dup3: [result, given('oldfd', 0), integer('newfd', 1), descriptorFlags('flags', 2)],
  fcntl: [result, fd, integer('cmd', 1)],
  ioctl: [result, fd, unsigned('request', 1), unsigned('argument', 2)],
  flock: [result, fd, integer('operation', 1)],
  lseek: [result, fd, signed('offset', 1), integer('whence', 2)],
  fstat: [result, fd],
  getdents: [result, fd],
  getdents64: [result, fd],
  ftruncate: [result, fd, unsigned('length', 1)],
  fallocate: [result, fd, integer('mode', 1), signed('offset', 2), signed('len', 3)],
  pipe: [result, made('fd1', 0, 0), made('fd2', 0, 1)],
  pipe2: [result, made('fd1', 0, 0), made('fd2', 0, 1), missing('ino'), descriptorFlags('flags', 1)],
  epoll_ctl: [result, fd, integer('op', 1), integer('target', 2)],
  poll: [result, polledParameter, integer('timeout', 2)],
  ppoll: [result, polledParameter, missing('timeout'), missing('sigmask')],
};

/** Too many to be captured for a rule that does not name them. */
export const onDemandTypes: ReadonlySet<string> = new Set(
  `read write pread pwrite readv writev preadv pwritev preadv2 pwritev2 sendfile splice copy_file_range close fcntl ioctl
  flock lseek fstat getdents getdents64 epoll_ctl poll ppoll pipe pipe2 getsockname getpeername getsockopt setsockopt shutdown
  stat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getxattr lgetxattr fgetxattr
  mmap munmap mprotect brk prctl prlimit getrlimit io_uring_enter`.split(/\s+/),
);
