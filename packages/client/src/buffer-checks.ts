import { InputBuffer, type OutputBuffer } from './invocation-buffers.ts';
import { busyBuffer, inputTooLarge, wrongBuffer } from './invocation-errors.ts';

/** Whether an invocation of one executor can use a caller's buffers now. */
export class BufferChecks {
  readonly #owner: object;
  readonly #inputCapacity: number;

  /** `owner` marks the executor's own buffers; `inputCapacity`: bytes that a slot of it holds. */
  constructor(owner: object, inputCapacity: number) {
    this.#owner = owner;
    this.#inputCapacity = inputCapacity;
  }

  /** Throws RFAAS_ERR_INPUT_TOO_LARGE, RFAAS_ERR_CLOSED, RFAAS_ERR_USAGE or RFAAS_ERR_BUSY. */
  checkInput(entry: { readonly name: string }, input: Uint8Array | InputBuffer): void {
    if (input instanceof InputBuffer) {
      if (input.owner !== this.#owner || input.isFreed) throw wrongBuffer('input', input.isFreed);
      if (input.place !== undefined && input.uses > 0) throw busyBuffer('input');
      return;
    }
    if (input.byteLength > this.#inputCapacity) {
      throw inputTooLarge(entry.name, input.byteLength, this.#inputCapacity);
    }
  }

  /** Throws RFAAS_ERR_CLOSED, RFAAS_ERR_USAGE or RFAAS_ERR_BUSY. */
  checkOutput(output: OutputBuffer): void {
    if (output.owner !== this.#owner || output.isFreed) throw wrongBuffer('output', output.isFreed);
    if (output.isBusy) throw busyBuffer('output');
  }
}
