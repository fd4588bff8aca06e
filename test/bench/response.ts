import { docker, openEngine, remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { endOf, startShell } from '../support/interactive-shell.ts';
import { type Lanner, type PrintedAlert, startLanner } from '../support/lanner.ts';
import { type Bench, type Figure, percentile, spreadOf } from './bench.ts';

const warmUps = 3;
const containers = 60;

/**
 * From the shell's exec to the container's death, over real containers, one after the other.
 *
 * Both ends are taken where they happen, not where they are noticed: the exec is the kernel's time stamp of
 * sched_process_exec (the alert's `time`), the death is when the engine's shim reaped the container's first process
 * (`docker inspect`, FinishedAt). Both are wall-clock times of this machine.
 */
export const response: Bench = {
  name: 'response',
  summary: 'time from the exec of a shell in a container to the death of the container',
  async run(report) {
    const engine = await openEngine();
    try {
      const lanner = await startLanner(['--enforce']);
      try {
        const samples: number[] = [];
        for (let index = 0; index < warmUps + containers; index += 1) {
          const sampleMs = await killOne(lanner);
          if (index >= warmUps) samples.push(sampleMs);
        }
        for (const figure of figuresOf(samples)) report(figure);
      } finally {
        await lanner.close();
      }
    } finally {
      await engine.close();
    }
  },
};

async function killOne(lanner: Lanner): Promise<number> {
  const container = await startShell();
  try {
    await eventually('the container to be killed', () => endOf(container), 20_000);
    const finished = await docker('inspect', '--format', '{{.State.FinishedAt}} {{.State.ExitCode}}', container);
    const [finishedAt = '', exitCode = ''] = finished.split(' ');
    if (exitCode !== '137') throw new Error(`container ${container} ended with ${exitCode}, not 137`);
    const alert = await eventually('the alert', () => lanner.alerts().find((each) => isAbout(each, container)));
    return wallMs(finishedAt) - wallMs(alert.time);
  } catch (cause) {
    throw new Error(lanner.said(), { cause });
  } finally {
    await remove(container);
  }
}

function isAbout(alert: PrintedAlert, container: string): boolean {
  const id = alert.output_fields['container.id'];
  return typeof id === 'string' && id !== '' && container.startsWith(id);
}

/** Milliseconds since the epoch, with the fraction that `Date` drops. */
function wallMs(time: string): number {
  const [, toSeconds = '', fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(time) ?? [];
  const ms = Date.parse(`${toSeconds}Z`);
  if (Number.isNaN(ms)) throw new Error(`no UTC time: ${time}`);
  return ms + Number(`0.${fraction || '0'}`) * 1_000;
}

function figuresOf(samples: readonly number[]): readonly Figure[] {
  const spread = spreadOf(samples);
  return [0.5, 0.95, 0.99].map((share) => ({
    bench: `response.p${share * 100}`,
    value: percentile(samples, share),
    unit: 'ms',
    spread,
  }));
}
