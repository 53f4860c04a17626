import { createExternalBuffer, DataType, type JsExternal, load, open } from 'ffi-rs';

/** What a native function was called with and did. */
export interface NativeCall {
  /** The path of a shared library. */
  readonly library: string;
  readonly functionName: string;
  readonly input: Uint8Array;
  readonly outputBytes: number;
}

const PAGE = 4096;
const PROT_NONE = 0;
const PROT_READ_WRITE = 3;
/** MAP_PRIVATE | MAP_ANONYMOUS, the same on x86-64 and arm64 Linux. */
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MAP_FIXED = 0x10;

/**
 * Calls `uint32_t f(void *args, uint32_t size, void *res)` of a library in a native thread of its own, with a guard page
 * behind the output. Resolves to what it returned and the bytes of the output.
 *
 * A function that crashes takes the process with it: call this in a process that may die.
 */
export async function callNativeFunction(
  call: NativeCall,
): Promise<{ returned: number; output: Uint8Array }> {
  // An empty path opens the process itself, whose C library has mmap.
  open({ library: 'process', path: '' });
  open({ library: 'package', path: call.library });
  const input = guardedMemory(call.input.byteLength);
  const output = guardedMemory(call.outputBytes);
  input.bytes.set(call.input);
  const returned = await load({
    library: 'package',
    funcName: call.functionName,
    retType: DataType.U32,
    paramsType: [DataType.External, DataType.U32, DataType.External],
    paramsValue: [input.pointer, call.input.byteLength, output.pointer],
    runInNewThread: true,
  });
  return { returned, output: output.bytes.subarray(0, Math.min(returned, call.outputBytes)) };
}

/** Readable and writable memory in front of a page that faults. */
function guardedMemory(byteLength: number): { readonly pointer: JsExternal; readonly bytes: Uint8Array } {
  const length = Math.max(1, Math.ceil(byteLength / PAGE)) * PAGE;
  const address = map(DataType.U64, 0, length + PAGE, PROT_NONE, MAP_PRIVATE_ANONYMOUS);
  const pointer = map(DataType.External, address, length, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS | MAP_FIXED);
  return { pointer, bytes: createExternalBuffer(pointer, length).subarray(0, byteLength) };
}

function map<Result extends DataType.U64 | DataType.External>(
  retType: Result,
  address: number,
  length: number,
  protection: number,
  flags: number,
): Result extends DataType.U64 ? number : JsExternal {
  const result: unknown = load({
    library: 'process',
    funcName: 'mmap',
    retType,
    paramsType: [DataType.U64, DataType.U64, DataType.I32, DataType.I32, DataType.I32, DataType.I64],
    paramsValue: [address, length, protection, flags, -1, 0],
  });
  // What ffi-rs makes of the result is said by retType.
  return result as Result extends DataType.U64 ? number : JsExternal;
}
