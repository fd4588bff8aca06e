// node load.js OBJECT [deny] [seconded]: loads the kernel programs of an object in both ways that calls are seen by, attaches
// nothing, and says how that went. In plain JavaScript: it runs in guests where nothing else of this folder is.
import { createRequire } from 'node:module';

const [object, ...wishes] = process.argv.slice(2);
const { Capture } = createRequire(import.meta.url)(process.env['LANNER_ADDON'] ?? '/lanner/.build/lanner.node');
for (const byPerf of [false, true]) {
  const way = byPerf ? 'perf' : 'typed';
  try {
    const capture = new Capture(
      object,
      1 << 16,
      1 << 16,
      '',
      wishes.includes('deny'),
      byPerf,
      wishes.includes('seconded'),
    );
    const blindSpots = capture.blindSpots();
    capture.close();
    process.stdout.write(`${way}: ${blindSpots.length === 0 ? 'loaded' : blindSpots.join(', ')}\n`);
  } catch (error) {
    process.stdout.write(`${way}: ${error instanceof Error ? error.message : error}\n`);
  }
}
