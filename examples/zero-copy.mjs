// Invokes a native function a hundred thousand times without copying a byte: the input is written straight into the
// executor's memory, the function writes straight into ours, and each invocation is one native call.
//   cc -shared -fPIC -O2 -o vectors.so examples/functions/vectors.c
//   RFAAS_RESOURCE_MANAGER=shm://10000 node examples/zero-copy.mjs vectors.so
import { Client } from '@rfaas/client';

const ROUNDS = 100_000;
const [library = 'vectors.so'] = process.argv.slice(2);

const client = await Client.connect(process.env.RFAAS_RESOURCE_MANAGER);
try {
  const lease = await client.lease({ cores: 1 });
  // Always hot: the worker thread never goes to sleep between two invocations.
  const executor = await lease.allocate({ library }, { hotTimeout: -1 });
  const twice = executor.function('twice');
  const input = executor.allocateInput(8 * Float64Array.BYTES_PER_ELEMENT);
  const output = executor.allocateOutput(8 * Float64Array.BYTES_PER_ELEMENT);
  const numbers = input.as(Float64Array);
  const doubled = output.as(Float64Array);

  const start = performance.now();
  for (let round = 0; round < ROUNDS; round += 1) {
    numbers[0] = round;
    twice.invokeSync(input, output);
    if (doubled[0] !== 2 * round) throw new Error(`twice ${round} is not ${doubled[0]}`);
  }
  const microseconds = ((performance.now() - start) * 1000) / ROUNDS;
  console.log(`${ROUNDS} invocations, all right, ${microseconds.toFixed(2)} µs each`);
} finally {
  await client.close();
}
