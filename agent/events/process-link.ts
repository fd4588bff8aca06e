/** `/proc/self/exe` and `/proc/PID/fd/N`: what they lead to was opened before; that it is opened so is what rules ask. */
export const linkOfProcess = /^\/proc\/(?:self|thread-self|\d+)(?:\/task\/\d+)?\/(?:exe|fd\/\d+)$/;
