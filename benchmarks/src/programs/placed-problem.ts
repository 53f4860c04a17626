import type { Executor, InvocationInput, InvocationOutput } from '@rfaas/client';
import { loadNativeLibrary } from '@rfaas/rdmalib';
import type { Application, Part, Problem } from './applications.ts';

/** Somebody who computes parts: a function by its name, over bytes. */
type LocalFunction = (input: Uint8Array, output: Uint8Array) => number;

/** A part where it is computed. */
interface PlacedPart extends Disposable {
  readonly part: Part;
  /** What a step has returned. */
  readonly output: Uint8Array;
  start(): Promise<void>;
  /** Takes over what an exchange has changed in the part's input. */
  refresh(): void;
  step(): Promise<void>;
  finish(): Promise<Uint8Array>;
}

/** The functions of an application in this process. */
export class LocalFunctions {
  readonly #functions: Map<string, LocalFunction>;

  /** Loads them from the library. Throws RdmaError where it lacks one. */
  constructor(file: string, application: Application) {
    const library = loadNativeLibrary(file);
    const names = Object.values(application.functions).filter((name) => name !== undefined);
    this.#functions = new Map(
      names.map((name) => {
        const call = library.function(name, 'uint32_t', ['void *', 'uint32_t', 'void *']);
        return [name, (input, output) => call(input, input.byteLength, output)];
      }),
    );
  }

  run(name: string, input: Uint8Array, output: Uint8Array): void {
    const bytes = this.#functions.get(name)?.(input, output);
    if (bytes === 0 || bytes === undefined)
      throw new Error(`${name} refuses an input of ${input.byteLength} bytes`);
  }
}

/** A problem whose parts lie where they are computed: the first ones here if this process takes part, the others leased. */
export class PlacedProblem implements Disposable {
  readonly #problem: Problem;
  readonly #leased: PlacedPart[];
  readonly #local: PlacedPart[];

  /** `local`: who computes the first part, if this process does; without an executor it computes all of them. */
  constructor(
    application: Application,
    problem: Problem,
    local: LocalFunctions | undefined,
    executor: Executor | undefined,
  ) {
    this.#problem = problem;
    const here = executor === undefined ? problem.parts.length : local === undefined ? 0 : 1;
    this.#local = problem.parts
      .slice(0, here)
      .map((part) => localPart(application, part, local as LocalFunctions));
    this.#leased = problem.parts
      .slice(here)
      .map((part) => new LeasedPart(application, part, executor as Executor));
  }

  /** Solves it, and returns what the parts have computed, one behind the other. */
  async solve(): Promise<Uint8Array[]> {
    const all = [...this.#local, ...this.#leased];
    await Promise.all(all.map((part) => part.start()));
    for (let step = 0; step < this.#problem.steps; step++) {
      // Those elsewhere first: they compute while this process does.
      const steps = [...this.#leased, ...this.#local].map((part) => part.step());
      await Promise.all(steps);
      if (this.#problem.exchange !== undefined) {
        this.#problem.exchange(all.map(({ output }) => output));
        for (const part of all) part.refresh();
      }
    }
    return Promise.all(all.map((part) => part.finish()));
  }

  [Symbol.dispose](): void {
    for (const part of this.#leased) part[Symbol.dispose]();
  }
}

function localPart({ functions }: Application, part: Part, local: LocalFunctions): PlacedPart {
  const output = new Uint8Array(part.outputBytes);
  const { start, finish } = part;
  return {
    part,
    output,
    start: () => {
      if (start !== undefined) local.run(functions.start as string, start, new Uint8Array(8));
      return Promise.resolve();
    },
    refresh: () => undefined,
    step: () => {
      local.run(functions.step, part.input, output);
      return Promise.resolve();
    },
    finish: () => {
      if (finish === undefined) return Promise.resolve(output);
      const all = new Uint8Array(finish.outputBytes);
      local.run(functions.finish as string, finish.input, all);
      return Promise.resolve(all);
    },
    [Symbol.dispose]: () => undefined,
  };
}

class LeasedPart implements PlacedPart {
  readonly part: Part;
  readonly #application: Application;
  readonly #executor: Executor;
  readonly #input: InvocationInput;
  readonly #output: InvocationOutput;
  readonly #last: InvocationOutput | undefined;

  constructor(application: Application, part: Part, executor: Executor) {
    this.part = part;
    this.#application = application;
    this.#executor = executor;
    this.#input = executor.allocateInput(part.input.byteLength);
    this.#output = executor.allocateOutput(part.outputBytes);
    this.#last = part.finish === undefined ? undefined : executor.allocateOutput(part.finish.outputBytes);
    this.refresh();
  }

  get output(): Uint8Array {
    return this.#output.bytes;
  }

  async start(): Promise<void> {
    const { start } = this.part;
    if (start !== undefined) await this.#executor.invoke(this.#application.functions.start as string, start);
  }

  refresh(): void {
    this.#input.bytes.set(this.part.input);
  }

  async step(): Promise<void> {
    await this.#executor.invoke(this.#application.functions.step, this.#input, { output: this.#output });
  }

  async finish(): Promise<Uint8Array> {
    const { finish } = this.part;
    if (finish === undefined || this.#last === undefined) return this.output;
    const name = this.#application.functions.finish as string;
    return this.#executor.invoke(name, finish.input, { output: this.#last });
  }

  [Symbol.dispose](): void {
    for (const buffer of [this.#input, this.#output, this.#last]) buffer?.free();
  }
}
