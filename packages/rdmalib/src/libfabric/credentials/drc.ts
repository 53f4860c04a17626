import { RdmaError } from '../../errors.ts';
import { loadNativeLibrary } from '../../native/koffi-backend.ts';
import type { NativeFunction, NativeLibrary } from '../../native/native-library.ts';
import { readDrcConstants, type DrcConstants } from './drc-constants.ts';
import type { Environment } from './slingshot-environment.ts';

const usualLibraries = ['libdrc.so', '/opt/cray/rdma-credentials/default/lib64/libdrc.so'];

/** Who else may use a credential. */
export type CredentialTarget =
  | {
      /** Every process of a job. */
      readonly kind: 'job';
      /** As the workload manager numbers it. */
      readonly id: number;
    }
  | {
      /** Every process of a user. */
      readonly kind: 'user';
      /** The numeric user id. */
      readonly id: number;
    };

/** Options of Drc.acquire. */
export interface AcquireOptions {
  /** May be used by several jobs of a node at once. Default true. */
  readonly flexible?: boolean;
}

/** Options of {@link openDrc}. */
export interface DrcOptions {
  /** Default `process.env`: `RFAAS_DRC_LIBRARY` and `RFAAS_DRC_HEADER` name other files than the usual ones. */
  readonly environment?: Environment;
}

/**
 * Cray's Dynamic RDMA Credentials, which let processes of different jobs talk over Aries. A credential is a number that
 * may be told to anybody: of use it is only to jobs and users that it was granted to.
 */
export interface Drc {
  /** A new credential. It is there until it is released, or until this job ends. */
  acquire(options?: AcquireOptions): number;
  /** Lets another job or user use it. Granting twice is no error. */
  grant(credential: number, target: CredentialTarget): void;
  /** The cookie of a credential, for `gniAuthorizationKey`. This process then uses it until it ends. */
  access(credential: number): number;
  /** Gives it back. */
  release(credential: number): void;
  /** The number that the workload manager gave to this process's job: what others must grant access to. */
  jobId(): number;
}

/** Loads libdrc and reads its header. Throws RdmaError where one of them is missing. Its calls throw RdmaError. */
export function openDrc(options: DrcOptions = {}): Drc {
  const environment = options.environment ?? process.env;
  return new NativeDrc(
    loadLibrary(environment),
    readDrcConstants(environment['RFAAS_DRC_HEADER'] || undefined),
  );
}

class NativeDrc implements Drc {
  readonly #library: NativeLibrary;
  readonly #constants: DrcConstants;

  constructor(library: NativeLibrary, constants: DrcConstants) {
    this.#library = library;
    this.#constants = constants;
  }

  acquire({ flexible = true }: AcquireOptions = {}): number {
    const flags = flexible ? this.#constants.valueOf('DRC_FLAGS_FLEX_CREDENTIAL') : 0;
    const credential = new Uint32Array(1);
    const result = this.#function('drc_acquire', 'int', ['void *', 'uint32_t'])(credential, flags);
    this.#check(
      'drc_acquire',
      'a credential',
      result,
      'a job can hold few at once: release those that are not needed',
    );
    return credential[0] ?? 0;
  }

  grant(credential: number, { kind, id }: CredentialTarget): void {
    const flag = this.#constants.valueOf(kind === 'job' ? 'DRC_FLAGS_TARGET_WLM' : 'DRC_FLAGS_TARGET_UID');
    const grant = this.#function('drc_grant', 'int', ['uint32_t', 'uint32_t', 'uint32_t']);
    const result = grant(credential, id, flag);
    if (this.#constants.errorName(result) !== 'DRC_ALREADY_GRANTED') {
      const advice = `only who acquired it can grant it; a new one takes some seconds to be known`;
      this.#check('drc_grant', `credential ${credential} to ${kind} ${id}`, result, advice);
    }
  }

  access(credential: number): number {
    const handle = new BigUint64Array(1);
    const access = this.#function('drc_access', 'int', ['uint32_t', 'uint32_t', 'void *']);
    const result = access(credential, 0, handle);
    const advice =
      'it must be granted to this job or user ("rfaas credentials grant"); a new one takes some seconds to be known';
    this.#check('drc_access', `credential ${credential}`, result, advice);
    return this.#function('drc_get_first_cookie', 'uint32_t', ['uintptr_t'])(handle[0] ?? 0n) >>> 0;
  }

  release(credential: number): void {
    const result = this.#function('drc_release', 'int', ['uint32_t', 'uint32_t'])(credential, 0);
    this.#check('drc_release', `credential ${credential}`, result, 'only who acquired it can release it');
  }

  jobId(): number {
    return this.#function('drc_get_wlm_id', 'uint32_t', [])() >>> 0;
  }

  #function(name: string, result: string, parameters: readonly string[]): NativeFunction {
    try {
      return this.#library.function(name, result, parameters);
    } catch (cause) {
      throw new RdmaError(
        'RDMA_ERR_ABI_MISMATCH',
        `${this.#library.path} has no function ${name}: it is not Cray's libdrc; RFAAS_DRC_LIBRARY names another file`,
        { operation: name },
        { cause },
      );
    }
  }

  #check(operation: string, what: string, result: number, advice: string): void {
    if (result !== 0) {
      const errno = this.#constants.errorName(result);
      throw new RdmaError('RDMA_ERR_CALL_FAILED', `${operation} of ${what} failed: ${errno}; ${advice}`, {
        operation,
        errno,
      });
    }
  }
}

function loadLibrary(environment: Environment): NativeLibrary {
  const chosen = environment['RFAAS_DRC_LIBRARY'];
  const names = chosen === undefined || chosen === '' ? usualLibraries : [chosen];
  const failures: unknown[] = [];
  for (const name of names) {
    try {
      return loadNativeLibrary(name);
    } catch (error) {
      failures.push(error);
    }
  }
  throw new RdmaError(
    'RDMA_ERR_LIBRARY_NOT_FOUND',
    `cannot load ${names.join(' or ')}: DRC credentials are there on Cray systems with Aries only (package ` +
      `rdma-credentials), and only for the gni provider; RFAAS_DRC_LIBRARY names another file`,
    { operation: 'dlopen', errno: 'ENOENT' },
    { cause: failures[0] },
  );
}
