import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** A port on 127.0.0.1 that nobody listens on, below the range from which the kernel takes ports by itself. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
