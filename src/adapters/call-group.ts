import { Batcher } from "../async/batcher.ts";

/** How calls that are made at the same time share round trips. */
export interface GroupCommitOptions {
  /** How many calls at most share one. @default 1,000 */
  readonly maxCalls?: number;
  /** How much at most one carries, in characters of JSON text; a call that is larger alone goes alone. @default 4 MiB */
  readonly maxLength?: number;
  /** How many round trips are under way at once; more than one only where a store carries them out in the order in which they were sent. @default 1, on Redis 2 */
  readonly maxInFlight?: number;
}

/** What a {@link CallGroup} does. */
export interface CallGroupOptions<I, O> {
  /** Carries out the items of one or more calls, all or none; one answer each, in order. */
  readonly run: (items: readonly I[]) => Promise<readonly O[]>;
  /** Whether and how calls share round trips; absent runs each call by itself. */
  readonly groupCommit: GroupCommitOptions | undefined;
  /** How long the texts of an item are. @default 0 */
  readonly lengthOf?: (item: I) => number;
  /** What the calls do; errors name it. */
  readonly name: string;
}

// What an item costs besides its texts, in characters: ids, numbers, names.
const itemLength = 200;

/** Carries out calls of one kind; those made while another is under way may share the next round trip. One call's items stay together. */
export class CallGroup<I, O> {
  readonly #run: (items: readonly I[]) => Promise<readonly O[]>;
  readonly #batcher: Batcher<readonly I[], readonly O[]> | undefined;

  /** Makes a group; nothing runs before the first call. */
  constructor(options: CallGroupOptions<I, O>) {
    const { run, groupCommit, lengthOf } = options;
    this.#run = run;
    if (groupCommit === undefined) return;
    this.#batcher = new Batcher({
      name: options.name,
      maxItems: groupCommit.maxCalls ?? 1_000,
      maxBytes: groupCommit.maxLength ?? 4 * 1024 * 1024,
      concurrency: groupCommit.maxInFlight ?? 1,
      shareOut: true,
      sizeOf: (items) => items.reduce((sum, item) => sum + itemLength + (lengthOf?.(item) ?? 0), 0),
      run: (calls) => runTogether(calls, run),
    });
  }

  /** Carries out one call's items, all or none. Answers in order. */
  call(items: readonly I[]): Promise<readonly O[]> {
    return this.#batcher === undefined ? this.#run(items) : this.#batcher.add(items);
  }

  /** Resolves once no grouped call waits or is under way. */
  async flush(): Promise<void> {
    await this.#batcher?.flush();
  }
}

async function runTogether<I, O>(
  calls: readonly (readonly I[])[],
  run: (items: readonly I[]) => Promise<readonly O[]>,
): Promise<readonly (readonly O[])[]> {
  const [only] = calls;
  if (only !== undefined && calls.length === 1) return [await run(only)];
  const answers = await run(calls.flat());
  let at = 0;
  return calls.map((items) => answers.slice(at, at += items.length));
}
