import { readFileSync } from 'node:fs';
import { eventually } from '../support/eventually.ts';
import { byNpm, startLanner } from '../support/lanner.ts';
import { type Bench, percentile, spreadOf } from './bench.ts';

const rounds = 7;

/**
 * `npm start` on a machine that is set up, with a new data folder: until the router says that it is ready and the agent
 * watches, and until a file that a rule guards has been read and the alert is printed. The first round is not counted.
 */
export const start: Bench = {
  name: 'start',
  summary: 'time from npm start to ready, and to the first alert',
  async run(report) {
    const ready: number[] = [];
    const alert: number[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const begunMs = performance.now();
      const lanner = await startLanner([], byNpm);
      try {
        const readyMs = performance.now() - begunMs;
        await eventually('an alert', () => {
          readFileSync('/etc/shadow');
          return lanner.alerts()[0];
        });
        if (round === 0) continue;
        ready.push(readyMs);
        alert.push(performance.now() - begunMs);
      } finally {
        await lanner.close();
      }
    }
    report({
      bench: 'start.ready',
      value: percentile(ready, 0.5),
      unit: 'ms',
      spread: spreadOf(ready),
      target: { at: 'most', value: 2_000 },
    });
    report({ bench: 'start.first_alert', value: percentile(alert, 0.5), unit: 'ms', spread: spreadOf(alert) });
  },
};
