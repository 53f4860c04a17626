import { readFileSync, writeSync } from 'node:fs';
import { callNativeFunction } from './ffi-rs-call.ts';

/** The call that the parent asks for, as one line of JSON on standard input. */
interface CheckOrder {
  readonly library: string;
  readonly functionName: string;
  readonly inputBase64: string;
  readonly outputBytes: number;
}

/**
 * The process in which `rfaas functions check` runs a function, since the function may crash. One line of JSON comes on
 * standard input, one goes out through the descriptor 3: standard output belongs to the function.
 */
async function main(): Promise<void> {
  const order = JSON.parse(readFileSync(0, 'utf8')) as CheckOrder;
  const start = process.hrtime.bigint();
  const { returned, output } = await callNativeFunction({
    library: order.library,
    functionName: order.functionName,
    input: Buffer.from(order.inputBase64, 'base64'),
    outputBytes: order.outputBytes,
  });
  const microseconds = Number(process.hrtime.bigint() - start) / 1000;
  writeSync(
    3,
    JSON.stringify({ returned, microseconds, outputBase64: Buffer.from(output).toString('base64') }),
  );
}

await main();
