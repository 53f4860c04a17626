import { RfaasError } from '@rfaas/core';
import { ExecutorMemory } from '../src/executor-memory.ts';
import { Invoker } from '../src/invoker.ts';
import { FakeExecutor, type FakeOptions } from './fake-executor.ts';

/** The function that tests invoke. */
export const echo = { name: 'echo', index: 3 };

/** What a test of an invoker works with. */
export interface PlayedInvoker {
  readonly fake: FakeExecutor;
  readonly invoker: Invoker;
  readonly memory: ExecutorMemory;
}

/** An invoker for an executor that the test plays. */
export function setUp(options: FakeOptions = {}): PlayedInvoker {
  const fake = new FakeExecutor(options);
  const invoker = new Invoker(fake.threads, fake.owner, 0, (error) => {
    throw error;
  });
  return { fake, invoker, memory: new ExecutorMemory(fake.owner, fake.domain, fake.threads) };
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}

/** Lets the event loop turn once. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** The error that a promise rejects with. */
export function failureOf(promise: Promise<unknown>): Promise<RfaasError> {
  return promise.then(
    () => {
      throw new Error('expected a rejection');
    },
    (error: unknown) => {
      if (error instanceof RfaasError) return error;
      throw error;
    },
  );
}
