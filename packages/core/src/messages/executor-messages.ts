import { RfaasError } from '../errors.ts';
import { packageKinds } from './allocation-messages.ts';
import { choice, counter, hex, u32, u64, word } from './field-types.ts';
import { nameBytes } from './lease-messages.ts';
import type { ValueOf } from './lease-messages.ts';
import { defineRecord } from './record-layout.ts';
import { clippedText, label, text } from './text-fields.ts';

/** The client says where the executor reads the function package from. */
export const packageOffer = defineRecord({
  address: word,
  rkey: word,
  bytes: u64,
  packageKind: choice(packageKinds),
  sha256: hex(32),
  name: label(nameBytes),
});

/** The package is loaded; `function-names` follow until `functionCount` names are told. */
export const packageLoaded = defineRecord({ functionCount: u32, threads: u32 });

/** Room for names in one {@link functionNames}, in UTF-8 bytes. */
export const functionNamesBytes = 3500;

/** The names of functions `first` to `first + count - 1`, separated by line feeds. */
export const functionNames = defineRecord({ first: u32, count: u32, names: text(functionNamesBytes) });

/** The package did not load. */
export const packageFailed = defineRecord({ text: clippedText(1024) });

/** A worker thread says where its input slots are. Invocations follow, and nothing else, on this connection. */
export const threadReady = defineRecord({
  index: u32,
  slots: u32,
  /** Bytes from slot to slot: a multiple of 4096. */
  slotStride: u64,
  inputBytes: u64,
  outputBytes: u64,
  address: word,
  rkey: word,
  length: u64,
});

/** The executor manager says where the executor counts what it uses. */
export const executorWelcome = defineRecord({ address: word, rkey: word, length: u64, flushMs: u32 });

/** The executor's threads and their memory are there; it waits for an assignment. */
export const executorPrepared = defineRecord({ pid: u32 });

/** The executor is connected to its client and waits for its package. */
export const executorReady = defineRecord({ pid: u32 });

/** The executor cannot run and is about to end. */
export const executorFailed = defineRecord({ text: clippedText(1024) });

/** What one thread has used since its start, where the transport has no atomics. */
export const usageUpdate = defineRecord({
  thread: u32,
  hotPollingNs: counter,
  executionNs: counter,
  invocations: counter,
  hotToWarm: counter,
});

/** Why an executor is told to stop. */
export const executorStopReasons = ['deallocated', 'lease-ended', 'client-gone', 'manager-stopping'] as const;

/** The executor manager tells the executor to end. */
export const executorStop = defineRecord({ reason: choice(executorStopReasons) });

/** The executor manager tells the executor to leave its client, and to keep its package for the same client's return. */
export const executorRelease = defineRecord({});

/** The executor has left its client, and what it used is counted; it waits for an assignment. */
export const executorReleased = defineRecord({});

/** See {@link packageOffer}. */
export type PackageOffer = ValueOf<typeof packageOffer>;
/** See {@link threadReady}. */
export type ThreadReady = ValueOf<typeof threadReady>;
/** See {@link functionNames}. */
export type FunctionNames = ValueOf<typeof functionNames>;

/**
 * Cuts a list of names into `function-names` messages.
 *
 * @throws RfaasError `RFAAS_ERR_PACKAGE` for a name that fits into none, is empty or has a line feed.
 */
export function splitFunctionNames(names: readonly string[]): FunctionNames[] {
  const messages: FunctionNames[] = [];
  let batch: string[] = [];
  let size = 0;
  let first = 0;
  const flush = (): void => {
    messages.push({ first, count: batch.length, names: batch.join('\n') });
    first += batch.length;
    batch = [];
    size = 0;
  };
  for (const name of names) {
    const bytes = Buffer.byteLength(name);
    if (bytes === 0 || bytes > functionNamesBytes || /[\n\0]/.test(name)) {
      const shown = JSON.stringify(name.slice(0, 80));
      throw new RfaasError('RFAAS_ERR_PACKAGE', `function name ${shown} of ${bytes} bytes cannot be sent`);
    }
    if (batch.length > 0 && size + 1 + bytes > functionNamesBytes) {
      flush();
    }
    size += bytes + (batch.length > 0 ? 1 : 0);
    batch.push(name);
  }
  if (batch.length > 0) {
    flush();
  }
  return messages;
}

/**
 * Adds the names of one message to those received before, which must be exactly the ones in front of it.
 *
 * @throws RfaasError `RFAAS_ERR_PROTOCOL` if the message does not continue `received` or miscounts.
 */
export function joinFunctionNames(received: readonly string[], message: FunctionNames): string[] {
  const names = message.names === '' ? [] : message.names.split('\n');
  if (message.first !== received.length || names.length !== message.count || names.includes('')) {
    throw new RfaasError(
      'RFAAS_ERR_PROTOCOL',
      `function names ${message.first} + ${message.count} (${names.length} told) after ${received.length}`,
    );
  }
  return [...received, ...names];
}
