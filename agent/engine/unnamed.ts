import type { Event } from '../events/event.ts';
import type { Identity } from '../state/nss.ts';
import { type Held, type Lack, Waiting } from './waiting.ts';

/** Events of the host whose user or group is being asked for (NSS), in order for each of them. */
export class Unnamed {
  readonly #isAsking: (identity: Identity) => boolean;
  readonly #waiting: Waiting;
  readonly #asked = new Map<string, Identity>();

  constructor(
    isAsking: (identity: Identity) => boolean,
    goOn: (held: Held, lack: Lack | undefined) => void,
    waitMs: number,
  ) {
    this.#isAsking = isAsking;
    this.#waiting = new Waiting(goOn, waitMs, { full: 'user_wait_full', over: 'user_wait_over' });
  }

  /** Whether there is something to wait for. */
  isAsking(event: Event): boolean {
    return this.#isAsking(event);
  }

  /** As `Waiting.hold`. */
  hold(seen: Held, nowMs: number): Lack | undefined {
    const { uid, gid, loginUid } = seen.event;
    const key = `${uid} ${gid} ${loginUid}`;
    this.#asked.set(key, { uid, gid, loginUid });
    return this.#waiting.hold(key, seen, nowMs);
  }

  /** Answers have come: whoever has a name now, or will have none, goes on. */
  settle(): void {
    for (const [key, identity] of this.#asked) {
      if (this.#isAsking(identity)) continue;
      this.#asked.delete(key);
      this.#waiting.release(key);
    }
  }

  expire(nowMs: number): void {
    this.#waiting.expire(nowMs);
  }

  get count(): number {
    return this.#waiting.count;
  }
}
