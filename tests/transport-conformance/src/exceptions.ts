/** A test that a transport is known to fail. It runs and must fail: once it passes, its line here has to go. */
export interface KnownFailure {
  readonly transport: string;
  /** The test's name, with the names of the groups around it. */
  readonly test: string;
  readonly reason: string;
}

/** One line each, with the reason. */
export const knownFailures: readonly KnownFailure[] = [];
