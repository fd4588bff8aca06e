import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { byNpm, type Lanner, runLanner, startLanner } from '../support/lanner.ts';
import { processesBelow } from '../support/process.ts';

let lanner: Lanner | undefined;

afterEach(async () => {
  await lanner?.close();
  lanner = undefined;
});

/** The processes of `lanner up`, by what they run. */
function partsOf({ pid }: Lanner): ReadonlyMap<string, number> {
  return new Map(
    processesBelow(pid).map(({ pid: each, args }) => [args[args.indexOf('--data') - 1] ?? args[0] ?? '', each]),
  );
}

describe('lanner up', () => {
  it('ends with all its processes within 2 s of Ctrl-C', async () => {
    lanner = await startLanner();
    const before = processesBelow(lanner.pid).map(({ pid }) => pid);
    const begunMs = performance.now();
    expect(await lanner.close('SIGINT')).toBe(0);
    expect(performance.now() - begunMs).toBeLessThan(2_000);
    expect(before.filter((pid) => processesBelow(pid).length > 0)).toEqual([]);
  });

  // How long it takes is a benchmark: `npm run bench -- start`.
  it('sets nothing up a second time', async () => {
    lanner = await startLanner([], byNpm);
    await lanner.close();
    lanner = await startLanner([], byNpm);
    expect(lanner.said()).toContain('watching');
    expect(lanner.said()).not.toContain('setup:');
  });

  it.for(['agent', 'router'])('starts a killed %s again', async (part) => {
    lanner = await startLanner();
    const { url } = lanner;
    const killed = partsOf(lanner).get(part);
    if (killed === undefined) throw new Error(`no ${part} among ${[...partsOf(lanner).keys()]}`);
    process.kill(killed, 'SIGKILL');
    await eventually(`a new ${part}`, () => {
      const now = lanner && partsOf(lanner).get(part);
      return now === undefined || now === killed ? undefined : now;
    });
    await eventually(
      'to be ready again',
      async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok || undefined,
    );
  });

  it('says that its port is taken, and ends', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    try {
      const { code, stderr } = await runLanner('up', '--listen', `127.0.0.1:${port}`);
      expect(code).toBe(1);
      expect(stderr).toContain(String(port));
      expect(stderr).toMatch(/taken/);
    } finally {
      server.close();
    }
  });
});
