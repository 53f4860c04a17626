// Tries out one thing that could crash or hang, for `rfaas doctor`, which starts it as a process: the round trip over a
// transport URL, or without one the list of devices. Prints a line of JSON.
import { explainNoDevices, listDevices } from '@rfaas/rdmalib';
import { loopbackRoundTrip } from './doctor-round-trip.ts';

const [url] = process.argv.slice(2);
try {
  const result =
    url === undefined
      ? { devices: listDevices(), noDevices: explainNoDevices() }
      : await loopbackRoundTrip(url);
  process.stdout.write(`${JSON.stringify({ result })}\n`);
} catch (error) {
  process.stdout.write(
    `${JSON.stringify({ failure: error instanceof Error ? error.message : String(error) })}\n`,
  );
}
