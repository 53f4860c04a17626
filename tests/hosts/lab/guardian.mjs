// Outlives the owner of a lab and takes the lab apart: node guardian.mjs LAB. The owner holds the other end of standard
// input, which ends when the owner wants it so, and also when it fails, is interrupted or is killed.
import { removeLab } from './removal.mjs';

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE']) {
  process.on(signal, () => undefined);
}
// Whoever would read it may be gone.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);
process.stdout.write('ready\n');
process.stdin.resume().once('end', async () => {
  try {
    await removeLab(process.argv[2]);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
});
