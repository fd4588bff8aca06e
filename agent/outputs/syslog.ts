import { createSocket } from 'node:dgram';
import { connect, isIPv6, type Socket } from 'node:net';
import { builtin } from '#rules/cli/builtin';
import type { SyslogAddress } from '../config/outputs.ts';
import { openProgram } from './program.ts';
import { type Sink, sparingly } from './sink.ts';
import { makeStreamSink, type Opened } from './stream.ts';
import { readTls } from './tls.ts';

export type SyslogSettings = {
  readonly to: SyslogAddress;
  /** RFC 5424, table 1. */
  readonly facility: number;
  readonly appName: string;
  readonly hostname: string;
};

/** Datagrams carry 65,507 bytes at most; receivers need not take more than 2,048 (RFC 5426, section 3.2). */
const MOST_DATAGRAM = 65_507;
const MOST_UNDER_WAY = 1_000;
const CONNECT_MS = 10_000;

/** RFC 5424, section 6; no structured data. A line holds no line breaks, and what is beyond ASCII is UTF-8. */
function syslogMessage(
  { facility, appName, hostname }: Pick<SyslogSettings, 'facility' | 'appName' | 'hostname'>,
  line: string,
  severity: number,
  time: string,
): string {
  const host = hostname.replace(/[^!-~]/g, '').slice(0, 255) || '-';
  return `<${facility * 8 + severity}>1 ${time} ${host} ${appName} ${process.pid} alert - ${line}`;
}

export function makeSyslog(settings: SyslogSettings, failed: (reason: string) => void): Sink {
  const { to } = settings;
  const format = (line: string, severity: number): string =>
    syslogMessage(settings, line, severity, new Date().toISOString());
  switch (to.kind) {
    case 'local':
      return makeLocal(settings, to.socket, failed);
    case 'udp':
      return makeDatagrams(to, format, failed);
    case 'tcp':
    case 'tls':
      return makeStreamSink({
        open: () => openConnection(to),
        // Octet counting: RFC 6587, section 3.4.1, and RFC 5425, section 4.3.
        frame: (line, severity) => {
          const message = format(line, severity);
          return `${Buffer.byteLength(message)} ${message}`;
        },
        failed,
      });
  }
}

/** Node has no datagram sockets of the file system; `logger` comes with every Debian (bsdutils) and knows each syslogd. */
function makeLocal({ facility, appName }: SyslogSettings, socket: string, failed: (reason: string) => void): Sink {
  const as = ['--prio-prefix', `--id=${process.pid}`, '--tag', appName, '--size', '65536'];
  return makeStreamSink({
    open: () => openProgram(['/usr/bin/logger', '--socket', socket, ...as]),
    frame: (line, severity) => `<${facility * 8 + severity}>${line}\n`,
    failed,
  });
}

function openConnection(to: SyslogAddress & { readonly kind: 'tcp' | 'tls' }): Opened {
  const { host, port } = to;
  const socket: Socket =
    to.kind === 'tls' ? builtin.tls.connect({ host, port, ...readTls(to.tls) }) : connect({ host, port });
  socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error('no connection in time')));
  socket.setKeepAlive(true, 60_000);
  socket.unref();
  // Nothing is expected from there; reading notices the end.
  socket.resume();
  let reason = 'the other side closed the connection';
  const ended = new Promise<string>((resolve) => {
    socket.once('error', (error) => {
      reason = error.message;
    });
    socket.once('close', () => resolve(`${to.kind}://${host}:${port}: ${reason}`));
  });
  const ready = new Promise<void>((resolve, reject) => {
    socket.once(to.kind === 'tls' ? 'secureConnect' : 'connect', () => {
      socket.setTimeout(0);
      resolve();
    });
    socket.once('close', reject);
  });
  return { input: socket, ready, ended, end: () => socket.end() };
}

function makeDatagrams(
  { host, port }: { readonly host: string; readonly port: number },
  format: (line: string, severity: number) => string,
  failed: (reason: string) => void,
): Sink {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  const say = sparingly(failed);
  let written = 0;
  let lost = 0;
  let underWay = 0;
  let isClosed = false;
  socket.on('error', (error) => say(error.message));
  socket.unref();
  return {
    send(line, severity) {
      const bytes = Buffer.from(format(line, severity));
      if (isClosed || underWay >= MOST_UNDER_WAY) {
        lost++;
        return;
      }
      underWay++;
      socket.send(bytes.subarray(0, MOST_DATAGRAM), port, host, (error) => {
        underWay--;
        if (error === null) written++;
        else {
          lost++;
          say(`udp://${host}:${port}: ${error.message}`);
        }
      });
    },
    counters: () => ({ written, held: underWay, lost }),
    reopen: () => undefined,
    async close() {
      if (isClosed) return;
      isClosed = true;
      await new Promise<void>((resolve) => socket.close(resolve));
    },
  };
}
