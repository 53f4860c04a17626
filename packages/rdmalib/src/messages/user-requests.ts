import type { RdmaError } from '../errors.ts';
import type { WorkCompletion } from '../transport/work-completion.ts';
import { firstUserWrId } from './channel-link.ts';

interface PendingRequest {
  readonly resolve: (completion: WorkCompletion) => void;
  readonly reject: (error: unknown) => void;
}

/** Requests that a channel's user posted on its endpoint, by work request number. */
export class UserRequests {
  readonly #pending = new Map<number, PendingRequest>();
  #next = 0;

  async perform(post: (wrId: number) => void): Promise<WorkCompletion> {
    const wrId = firstUserWrId + this.#next;
    this.#next = (this.#next + 1) % firstUserWrId;
    post(wrId);
    return new Promise((resolve, reject) => {
      this.#pending.set(wrId, { resolve, reject });
    });
  }

  completed(completion: WorkCompletion): void {
    this.#pending.get(completion.wrId)?.resolve(completion);
    this.#pending.delete(completion.wrId);
  }

  end(error: RdmaError): void {
    for (const request of this.#pending.values()) {
      request.reject(error);
    }
    this.#pending.clear();
  }
}
