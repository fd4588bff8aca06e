#include <sys/types.h>

/* What the last open, socket or accept gave; `dup` and `fchmod` work on it. */
extern int last;

/* Less than 0 unless the child ended well. */
long wait_for(pid_t child);

long verb_tcp(char **argv);
long verb_udp(char **argv);
long verb_sendto(char **argv);
long verb_unix(char **argv);
long verb_listen(char **argv);
long verb_serve(char **argv);
long verb_socket(char **argv);
long verb_dup(char **argv);
