/**
 * Large modules of Node, loaded when they are first asked for. `import` of node:http would run all its getters as well, one
 * of which loads undici: 14 MB and 35 ms of a start, for nothing.
 */
export const builtin = {
  get http() {
    return process.getBuiltinModule('node:http');
  },
  get https() {
    return process.getBuiltinModule('node:https');
  },
  get http2() {
    return process.getBuiltinModule('node:http2');
  },
  get tls() {
    return process.getBuiltinModule('node:tls');
  },
} as const;
