import type { AllocationEnded, AllocationEndReason, executorStopReasons } from '@rfaas/core';

/** Why an executor is told to stop. */
export type ExecutorStopReason = (typeof executorStopReasons)[number];

/** What made a manager end an allocation; undefined where the executor ended by itself. */
export type EndCause =
  | 'deallocated'
  | 'lease-ended'
  | 'lease-expired'
  | 'client-gone'
  | 'manager-stopping'
  | 'node-drained'
  | 'start-timeout';

/** How a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Set where there never was a process. */
  readonly error?: string;
}

/** What is known when an allocation is over. */
export interface AllocationFacts {
  readonly allocationId: string;
  readonly cause: EndCause | undefined;
  readonly exit: ProcessExit;
  /** What the executor said of its own failure. */
  readonly failure: string | undefined;
  /** The executor was connected and waited for its package. */
  readonly ready: boolean;
  readonly startTimeoutMs: number;
  /** The last lines that the executor wrote to standard error. */
  readonly lastOutput: string;
}

const causes: Readonly<Record<EndCause, readonly [AllocationEndReason, string]>> = {
  deallocated: ['deallocated', 'deallocated'],
  'lease-ended': ['lease-expired', 'the lease was ended'],
  'lease-expired': ['lease-expired', 'the lease expired'],
  'client-gone': ['client-gone', 'the client is gone'],
  'manager-stopping': ['manager-stopping', 'the executor manager is stopping'],
  'node-drained': ['manager-stopping', 'the node is taken out of service'],
  'start-timeout': ['start-failed', 'the executor did not get ready'],
};

/** What a client is told of the end of its allocation: whoever asked for the end names the reason. */
export function allocationOutcome(facts: AllocationFacts): AllocationEnded {
  const { allocationId, exit } = facts;
  const [reason, text] = reasonOf(facts);
  return { allocationId, reason, exitCode: exit.code ?? -1, signal: exit.signal ?? '', text };
}

function reasonOf(facts: AllocationFacts): readonly [AllocationEndReason, string] {
  const { cause, exit, failure, ready, lastOutput } = facts;
  if (cause === 'start-timeout') {
    return ['start-failed', `the executor did not get ready within ${facts.startTimeoutMs} ms`];
  }
  if (cause !== undefined) {
    return causes[cause];
  }
  if (exit.error !== undefined) {
    return ['start-failed', `the executor process could not be started: ${exit.error}`];
  }
  if (failure !== undefined) {
    return [ready ? 'exited' : 'start-failed', failure];
  }
  const said = lastOutput === '' ? '' : `; it wrote: ${lastOutput}`;
  if (exit.signal !== null) {
    return ['crashed', `the executor was ended by ${exit.signal}${explanations[exit.signal] ?? ''}${said}`];
  }
  return [ready ? 'exited' : 'start-failed', `the executor exited with code ${exit.code}${said}`];
}

const explanations: Partial<Record<NodeJS.Signals, string>> = {
  SIGSEGV: ' (a function used memory that is not there)',
  SIGBUS: ' (a function used memory that is not there)',
  SIGABRT: ' (a function called abort)',
  SIGILL: ' (a function ran an instruction that this processor does not have)',
  SIGFPE: ' (a function divided by zero)',
  SIGKILL: ' (killed from outside, perhaps for want of memory)',
};

/** What an executor is told when an allocation ends. */
export function stopReasonOf(cause: EndCause): ExecutorStopReason {
  switch (cause) {
    case 'lease-ended':
    case 'lease-expired':
      return 'lease-ended';
    case 'client-gone':
    case 'manager-stopping':
      return cause;
    case 'node-drained':
      return 'manager-stopping';
    case 'deallocated':
    case 'start-timeout':
      return 'deallocated';
  }
}

/** What ends executors where a lease does not simply end. */
export const endCauses: Readonly<Record<string, EndCause | undefined>> = {
  expired: 'lease-expired',
  'node-drained': 'node-drained',
};
