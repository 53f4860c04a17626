import type { ThreadUsage } from '../../src/accounting/usage-meter.ts';
import type { JavaScriptFunction } from '../../src/functions/function-library.ts';
import { InputViews } from '../../src/thread/input-views.ts';
import { InvocationLoop } from '../../src/thread/invocation-loop.ts';
import { OutputViews } from '../../src/thread/output-views.ts';
import { PollingState } from '../../src/thread/polling-state.ts';
import { ReplyQueue } from '../../src/thread/reply-queue.ts';
import { PlayedContext } from './played-context.ts';

const slots = 4;
const stride = 4096;
const outputAddress = 0x10_0000;

/** A thread's loop on a played context. */
export interface PlayedLoop {
  readonly context: PlayedContext;
  readonly inputs: Uint8Array;
  readonly outputs: readonly Uint8Array[];
  readonly reports: ThreadUsage[];
  readonly loop: InvocationLoop;
  /** Ends a wait for work. */
  readonly work: () => void;
  /** A step of the script: a request for a function in a slot. */
  readonly request: (slot: number, input: readonly number[], functionIndex?: number) => () => number;
}

/** A loop over these functions; by default always hot, and without reports on the way. */
export function playLoop(
  functions: readonly JavaScriptFunction[],
  hotTimeoutMs = -1,
  flushMs = 1_000_000,
): PlayedLoop {
  const context = new PlayedContext();
  const inputs = new Uint8Array(slots * stride);
  const own = Array.from({ length: slots }, (_, slot) => ({
    address: outputAddress * (slot + 1),
    bytes: new Uint8Array(64),
  }));
  const reports: ThreadUsage[] = [];
  let wake: (() => void) | undefined;
  const loop = new InvocationLoop({
    context: context.asContext(),
    functions,
    inputs: new InputViews(inputs, slots, stride, 64),
    outputs: new OutputViews(context.asContext(), own),
    replies: new ReplyQueue(context.asContext()),
    polling: new PollingState(hotTimeoutMs),
    usage: {
      report: (totals) => void reports.push(totals),
      restart: () => undefined,
      flush: async () => Promise.resolve(),
    },
    flushMs,
    waitForWork: async () =>
      new Promise((resolve) => {
        wake = resolve;
      }),
  });
  return {
    context,
    inputs,
    outputs: own.map(({ bytes }) => bytes),
    reports,
    loop,
    work: () => wake?.(),
    request:
      (slot, input, functionIndex = 0) =>
      () => {
        inputs.set(input, slot * stride + 64);
        const output = outputAddress * (slot + 1);
        return context.request({ slot, output, capacity: 64, functionIndex, inputBytes: input.length });
      },
  };
}

/** Writes its input to its output. */
export const copy: JavaScriptFunction = (input, output) => {
  output.set(input);
  return input.length;
};
