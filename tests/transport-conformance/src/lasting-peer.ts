import type { TransportFixture } from './fixture.ts';
import { sideInProcess, type Elsewhere } from './remote-side.ts';

/**
 * The other process of a suite. One serves test after test, each with a transport of its own: to start one and to load a
 * fabric's library costs more than most tests do. Who leaves it in disorder ends it, and the next test starts another.
 */
export class LastingPeer {
  readonly #fixture: TransportFixture;
  #process: Elsewhere | undefined;

  constructor(fixture: TransportFixture) {
    this.#fixture = fixture;
  }

  /** Its side for one test; to stop it closes the side and keeps the process. */
  async enter(): Promise<Elsewhere> {
    this.#process ??= await sideInProcess(this.#fixture.url, this.#fixture.address());
    const { side } = this.#process;
    return { side, stop: async () => side.close(), kill: async () => this.end() };
  }

  /** Ends the process at once. */
  async end(): Promise<void> {
    const ended = this.#process;
    this.#process = undefined;
    await ended?.kill();
  }
}
