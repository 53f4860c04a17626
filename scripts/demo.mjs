// `npm run demo`: set-up, then the demo.
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { root, runAfterSetUp } from './setup.mjs';

await runAfterSetUp(
  () =>
    new Promise((resolve, reject) => {
      const demo = spawn(process.execPath, [join(root, 'demo', 'dist', 'demo.js')], { stdio: 'inherit' });
      // The demo tidies up before it ends, and this process waits for that.
      for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => demo.kill(signal));
      demo.on('error', reject);
      demo.on('close', (code) => resolve(code ?? 1));
    }),
);
