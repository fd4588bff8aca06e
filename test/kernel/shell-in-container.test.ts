import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { inspect, remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { endOf, startShell } from '../support/interactive-shell.ts';
import { type Lanner, type PrintedAlert, startLanner } from '../support/lanner.ts';

/** What these tests read of `GET /api/runs`. */
const journal = z.object({
  runs: z.array(
    z.looseObject({
      playbook: z.string(),
      rule: z.string(),
      mode: z.string(),
      state: z.string(),
      steps: z.array(z.looseObject({ uses: z.string(), state: z.string(), params: z.unknown() })),
    }),
  ),
});

let lanner: Lanner | undefined;
let container: string | undefined;

afterEach(async () => {
  if (container !== undefined) await remove(container);
  container = undefined;
  await lanner?.close();
  lanner = undefined;
});

/** The alert about the container, as `--json` printed it. */
function alertOf({ alerts, said }: Lanner, id: string): Promise<PrintedAlert> {
  const isAbout = ({ output_fields }: PrintedAlert) => output_fields['container.id'] === id.slice(0, 12);
  return eventually(`an alert about ${id.slice(0, 12)}`, () => alerts().find(isAbout)).catch((cause: unknown) => {
    throw new Error(said(), { cause });
  });
}

/** The run of contain-shell for the container, once it has ended. */
function endedRunOf({ get, said }: Lanner, id: string) {
  const find = async () =>
    (await get('/api/runs', journal)).runs.find(
      ({ playbook, state, steps }) =>
        playbook === 'contain-shell' && state !== 'running' && JSON.stringify(steps).includes(id.slice(0, 12)),
    );
  return eventually(`the run for ${id.slice(0, 12)}`, find).catch((cause: unknown) => {
    throw new Error(said(), { cause });
  });
}

describe('an interactive shell in a container', () => {
  it('is seen, and under --enforce its container is killed', async () => {
    lanner = await startLanner(['--enforce']);
    const id = await startShell();
    container = id;

    const alert = await alertOf(lanner, id);
    expect(alert).toMatchObject({ rule: 'Terminal shell in container', priority: 'Warning', source: 'syscall' });
    expect(alert.output_fields).toMatchObject({ 'proc.cmdline': 'sh' });

    const end = await eventually('the end of the container', () => endOf(id));
    expect(end).toEqual({ exitCode: 137 });

    const run = await endedRunOf(lanner, id);
    expect(run).toMatchObject({ rule: 'Terminal shell in container', mode: 'enforce', state: 'done' });
    expect(run.steps).toMatchObject([{ uses: 'container.kill', state: 'done' }]);
  });

  it('is seen, and in a dry run its container lives on', async () => {
    lanner = await startLanner();
    const id = await startShell();
    container = id;

    expect((await alertOf(lanner, id)).rule).toBe('Terminal shell in container');
    const run = await endedRunOf(lanner, id);
    expect(run).toMatchObject({ mode: 'dry-run', state: 'done' });
    expect(run.steps).toMatchObject([{ uses: 'container.kill', state: 'skipped' }]);
    expect(await inspect(id)).toMatchObject({ status: 'running' });
  });
});
