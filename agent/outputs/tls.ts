import { readFileSync } from 'node:fs';
import type { TlsFiles } from '../config/outputs.ts';

/** Read at each connection, so that a renewed certificate is used without a restart. Throws when one cannot be read. */
export function readTls({ ca, cert, key }: TlsFiles): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  return {
    ...(ca !== undefined && { ca: readFileSync(ca) }),
    ...(cert !== undefined && { cert: readFileSync(cert) }),
    ...(key !== undefined && { key: readFileSync(key) }),
  };
}
