import type { FunctionSource } from '../functions/function-library.ts';
import type { ThreadAssignment, ThreadCommand } from './thread-assignment.ts';

/** An assignment, and what the main thread says about it later. */
export interface AssignedService {
  readonly assignment: ThreadAssignment;
  /** What to run. Never settles if the package does not load. */
  readonly functions: Promise<FunctionSource>;
  /** Settles when the thread shall stop, which only a thread whose event loop runs notices that way. */
  readonly stopped: Promise<void>;
}

/** What a worker thread heard from the main thread, sorted by what it is about. */
export class ThreadCommands {
  readonly #assigned: AssignedService[] = [];
  #waiting: ((service: AssignedService) => void) | undefined;
  #giveFunctions: (functions: FunctionSource) => void = () => undefined;
  #stop: () => void = () => undefined;

  /** The next assignment. */
  assignment(): Promise<AssignedService> {
    const next = this.#assigned.shift();
    return next === undefined
      ? new Promise((resolve) => {
          this.#waiting = resolve;
        })
      : Promise.resolve(next);
  }

  /** Takes a message of the main thread. */
  take(command: ThreadCommand): void {
    switch (command.kind) {
      case 'assign':
        this.#assign(command.assignment);
        break;
      case 'functions':
        this.#giveFunctions(command.functions);
        break;
      case 'stop':
        this.#stop();
        break;
    }
  }

  #assign(assignment: ThreadAssignment): void {
    const functions = new Promise<FunctionSource>((resolve) => {
      this.#giveFunctions = resolve;
    });
    const stopped = new Promise<void>((resolve) => {
      this.#stop = resolve;
    });
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) {
      this.#assigned.push({ assignment, functions, stopped });
    } else {
      waiting({ assignment, functions, stopped });
    }
  }
}
