/**
 * A JavaScript function of a package: reads `input`, writes `output`, returns how many bytes it wrote, or a promise of
 * that. Both views lie in shared memory and belong to the function until it has ended, no longer.
 */
export type JavaScriptFunction = (input: Uint8Array, output: Uint8Array) => unknown;

/** The functions of a package as a worker thread is given them. */
export type FunctionSource =
  | {
      readonly kind: 'native';
      /** Native address of an array of function pointers, in the order of the names. */
      readonly table: number;
      readonly count: number;
    }
  | {
      readonly kind: 'javascript';
      /** The module, with imports that are resolved already. */
      readonly code: string;
      /** What stack traces call it. */
      readonly name: string;
    };
