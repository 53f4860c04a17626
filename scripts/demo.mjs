// `npm run demo`: set-up, then the demo.
import { join } from 'node:path';
import { runInForeground } from './run-command.mjs';
import { root, runAfterSetUp } from './setup.mjs';

await runAfterSetUp(() => runInForeground(join(root, 'demo', 'dist', 'demo.js')));
