/** What can be passed to a native function: numbers, text, and memory that is used during the call only. */
export type NativeArgument = number | bigint | string | null | ArrayBufferView | ArrayBuffer;

/** A bound native function. Results wider than 53 bits would come as bigint; none of ours are. */
export type NativeFunction = (...values: NativeArgument[]) => number;

/** A loaded shared library. */
export interface NativeLibrary {
  /** Where it was loaded from. */
  readonly path: string;
  /**
   * Binds a function by C types: `int`, `uint32_t`, `uint64_t`, …; `uintptr_t` for native pointers (JavaScript
   * numbers), `void *` for typed arrays that the function uses only while it runs, `str` for text.
   */
  function(name: string, result: string, parameters: readonly string[]): NativeFunction;
  /** An ArrayBuffer over native memory, which must stay mapped until the ArrayBuffer was collected. */
  view(address: number, byteLength: number): ArrayBuffer;
}
