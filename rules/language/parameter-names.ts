/**
 * Names that parameters of events have, as in `evt.arg.flags`. Any other is accepted, too: the events of other versions
 * have others. The table only tells a slip of the pen.
 */
export const parameterNames: ReadonlySet<string> = new Set(
  `addr args arg2_int arg2_str backlog cap_effective cap_inheritable cap_permitted cgroups clone_flags cmd comm core
  cpu cur cwd data desc dev dir dirfd domain dpid egid entries env error euid exe fd fd1 fd2 fd_in fd_out fdin fdlimit
  fdout fds filename flags gid how id initval ino instance_id interval ip json key length len level linkdirfd linkpath
  loginuid max maxevents mode mountfd name nativeID ncpu newcur newdir newdirfd newfd newmax newpath next nsems nsops
  nstype offin offout offset oldcur olddir olddirfd oldfd oldmax oldpath op opcode operation optlen option optname path
  pathname pgid pgft_maj pgft_min pgoffset pid pidfd pos prot proto ptid queue queuelen queuemax quota_fmt ratio reason
  request res res_or_fd resource rgid ruid semflg semid semnum sgid sig sigmask size source special spid status suid
  tags target targetfd tid timeout to_submit trusted_exepath tty tuple type uargs uid val vm_rss vm_size vm_swap vpid
  vtid whence`.split(/\s+/),
);
