/** A function of the package: its name and its index in requests. */
export interface FunctionEntry {
  readonly name: string;
  readonly index: number;
}
