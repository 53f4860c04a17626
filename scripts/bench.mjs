// `npm run bench -- NAME` and `npm run soak`: set-up, then the measurement.
import { join } from 'node:path';
import { runInForeground } from './run-command.mjs';
import { root, runAfterSetUp } from './setup.mjs';

const parameters = process.argv.slice(2);
await runAfterSetUp(() => runInForeground(join(root, 'benchmarks', 'dist', 'main.js'), parameters));
