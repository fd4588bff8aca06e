import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { docker, openEngine, remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { endOf, startShell } from '../support/interactive-shell.ts';
import { type Lanner, type PrintedAlert, startLanner } from '../support/lanner.ts';
import { type Bench, type Figure, percentile, spreadOf } from './bench.ts';
import { type KernelTrace, openKernelTrace } from './kernel-times.ts';
import { measureNear } from './response-near.ts';

const warmUps = 3;
/** LANNER_SAMPLES asks for others. */
const containers = Number(process.env['LANNER_SAMPLES'] ?? 60);

/** The process is found in the trace by its pid; the bench kills more than a person would want in a minute. */
const configuration =
  'append_output:\n  - suggested_output: true\n    extra_fields: [proc.pid]\nresponse:\n  most_actions_per_minute: 100000\n';

/** Milliseconds from the exec of the shell. */
type Sample = Readonly<Record<Stage, number>>;

/** In their order; each holds those before it. */
const stages = ['alert', 'step', 'kill', 'exit', 'receipt', 'finished'] as const;
type Stage = (typeof stages)[number];

/**
 * From the shell's exec to the container's death, over real containers, one after the other.
 *
 * `kill` and `exit` are the kernel's own (tracepoints on one clock): the first SIGKILL to the container's first process,
 * and its exit. The others are wall-clock times beside the alert's, which is the kernel's time stamp of the same exec:
 * `alert` is when its line came out of the agent, `step` and `receipt` when the router began the step and had the node's
 * answer (whole milliseconds), `finished` what the engine says (FinishedAt), once its shim has reaped the process.
 */
export const response: Bench = {
  name: 'response',
  summary: 'time from the exec of a shell in a container to each stage of the response, and the death of the container',
  async run(report) {
    const engine = await openEngine();
    const trace = openKernelTrace();
    const folder = mkdtempSync(join(tmpdir(), 'lanner-response-'));
    try {
      await measureNear(trace, containers, report);
      writeFileSync(join(folder, 'lanner.yaml'), configuration);
      const lanner = await startLanner(['--enforce', '--config', join(folder, 'lanner.yaml')]);
      try {
        const samples: Sample[] = [];
        for (let index = 0; index < warmUps + containers; index += 1) {
          const sample = await killOne(lanner, trace);
          if (index >= warmUps) samples.push(sample);
        }
        for (const figure of figuresOf(samples)) report(figure);
      } finally {
        await lanner.close();
      }
    } finally {
      trace.close();
      rmSync(folder, { recursive: true });
      await engine.close();
    }
  },
};

const journal = z.object({
  runs: z.array(
    z.looseObject({
      state: z.string(),
      steps: z.array(
        z.looseObject({
          params: z.unknown(),
          attempts: z.array(z.looseObject({ startedMs: z.number(), finishedMs: z.number() })),
        }),
      ),
    }),
  ),
});

async function killOne(lanner: Lanner, trace: KernelTrace): Promise<Sample> {
  trace.clear();
  const container = await startShell();
  try {
    await eventually('the container to be killed', () => endOf(container), 20_000);
    const finished = await docker('inspect', '--format', '{{.State.FinishedAt}} {{.State.ExitCode}}', container);
    const [finishedAt = '', exitCode = ''] = finished.split(' ');
    if (exitCode !== '137') throw new Error(`container ${container} ended with ${exitCode}, not 137`);
    const alert = await eventually('the alert', () => lanner.alerts().find((each) => isAbout(each, container)));
    const attempt = await eventually('the run', async () => {
      const { runs } = await lanner.get('/api/runs?limit=5', journal);
      const about = runs.find((run) => run.state === 'done' && JSON.stringify(run).includes(container.slice(0, 12)));
      return about?.steps[0]?.attempts[0];
    });
    const pid = Number(alert.output_fields['proc.pid']);
    const times = trace.timesOf(pid);
    if (times === undefined) throw new Error(`the kernel's trace does not tell all of process ${pid}`);
    const execMs = wallMs(alert.time);
    return {
      alert: alert.receivedMs - execMs,
      step: attempt.startedMs - execMs,
      kill: times.killMs - times.execMs,
      exit: times.exitMs - times.execMs,
      receipt: attempt.finishedMs - execMs,
      finished: wallMs(finishedAt) - execMs,
    };
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

function figuresOf(samples: readonly Sample[]): readonly Figure[] {
  return stages.flatMap((stage) => {
    const times = samples.map((sample) => sample[stage]);
    const spread = spreadOf(times);
    return [0.5, 0.95, 0.99].map(
      (share): Figure => ({
        bench: `response.${stage}.p${share * 100}`,
        value: percentile(times, share),
        unit: 'ms',
        spread,
        ...(stage === 'kill' && share !== 0.95 && { target: { at: 'most', value: share === 0.5 ? 8 : 40 } }),
      }),
    );
  });
}
