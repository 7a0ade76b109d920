import type { DeadLetterFilter, DeadLetters, ReplayOptions } from "../contracts/broker.ts";
import type { DeadLetter } from "../model/delivery.ts";
import { validateId } from "../model/id.ts";
import type { Page, PageRequest } from "../model/page.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../model/page.ts";
import type { ReplayRequest } from "./broker-requests.ts";
import { toDeadLetterFilter, toReplayRequest } from "./broker-requests.ts";

/** A place in the list of dead letters: they are ordered by death, and those of one millisecond by id in code unit order. */
export interface DeadLetterPosition {
  /** When it died. */
  readonly diedAt: number;
  /** Its id. */
  readonly id: string;
}

/** What a store does for its dead letters. Expired ones are absent everywhere. All input is checked; a list of ids has at least one. */
export interface DeadLetterPrimitives {
  /** Lists at most `limit` of those that match, the latest first; with `before`, only those after that place in the list. */
  list(filter: DeadLetterFilter, limit: number, before: DeadLetterPosition | undefined): Promise<readonly DeadLetter[]>;
  /** Reads one. */
  get(id: string): Promise<DeadLetter | undefined>;
  /**
   * Publishes the oldest that match again (see `replayedEnvelope`), each in one step with its removal and with its status, where there
   * is one in the same database; wakes claims. Answers the ids, the oldest first.
   */
  replay(request: ReplayRequest): Promise<readonly string[]>;
  /** Forgets those that match. Answers how many. */
  purge(filter: DeadLetterFilter): Promise<number>;
}

/** Checks arguments and makes pages over a store's primitives. */
export class DeadLettersSurface implements DeadLetters {
  readonly #primitives: () => DeadLetterPrimitives;

  /** Takes a function that gives the primitives, or throws when the store is closed. */
  constructor(primitives: () => DeadLetterPrimitives) {
    this.#primitives = primitives;
  }

  /** Lists them, the latest first. */
  async list(filter?: DeadLetterFilter, page?: PageRequest): Promise<Page<DeadLetter>> {
    const primitives = this.#primitives();
    const checked = toDeadLetterFilter(filter);
    const limit = pageLimit(page);
    const before = page?.cursor === undefined ? undefined : toPosition(page.cursor);
    if (isNone(checked)) return { items: [] };
    // One more than asked for tells whether there is another page.
    const found = await primitives.list(checked, limit + 1, before);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return found.length > limit && last !== undefined ? { items, cursor: encodeCursor([last.diedAt, last.id]) } : { items };
  }

  /** Reads one; `undefined` when there is none of that id. */
  async get(id: string): Promise<DeadLetter | undefined> {
    return this.#primitives().get(validateId(id, "a task's id"));
  }

  /** Publishes dead letters again, each in one step with its removal here: at attempt + 1 with a fresh budget of retries. */
  async replay(options?: ReplayOptions): Promise<readonly string[]> {
    const primitives = this.#primitives();
    const request = toReplayRequest(options);
    return isNone(request.filter) ? [] : primitives.replay(request);
  }

  /** Forgets them; without a filter, all of the namespace. Returns how many. */
  async purge(filter?: DeadLetterFilter): Promise<number> {
    const primitives = this.#primitives();
    const checked = toDeadLetterFilter(filter);
    return isNone(checked) ? 0 : primitives.purge(checked);
  }
}

function isNone(filter: DeadLetterFilter): boolean {
  return filter.ids?.length === 0;
}

function toPosition(cursor: string): DeadLetterPosition {
  const [diedAt, id] = decodeCursor(cursor, ["number", "string"]);
  return { diedAt: Number(diedAt), id: String(id) };
}
