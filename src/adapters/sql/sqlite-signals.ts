import { Ticker } from "../../async/ticker.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { SafeClient } from "./sqlite-client.ts";
import { Signals } from "./signals.ts";

/** How often to look whether another process has written, while somebody waits. */
export const WATCH_EVERY_MS = 10;

/**
 * Tells everyone in this process who waits on one file of writes to it: at once of this process's own, and soon of those of others, whose
 * connections raise the file's `data_version`. It looks only while somebody listens.
 */
export class FileWatch {
  readonly #client: SafeClient;
  readonly #logger: Logger;
  readonly #everyMs: number;
  readonly #members = new Set<FileSignals>();
  #ticker: Ticker | undefined;
  #version: string | undefined;

  /** Makes a watch that looks at nothing yet. */
  constructor(client: SafeClient, options: { readonly logger: Logger; readonly everyMs?: number | undefined }) {
    this.#client = client;
    this.#logger = options.logger;
    this.#everyMs = options.everyMs ?? WATCH_EVERY_MS;
  }

  /** Makes the signals of one more database object on the file. */
  join(): Signals {
    const member = new FileSignals(this);
    this.#members.add(member);
    return member;
  }

  /** Brings news to everyone. */
  deliver(topics: Iterable<string>): void {
    for (const member of this.#members) member.hear(topics);
  }

  /** Looks while at least one member listens. Resolves when writes from then on will be noticed. */
  async update(): Promise<void> {
    const listening = [...this.#members].some((member) => member.listening);
    if (!listening) {
      const ticker = this.#ticker;
      this.#ticker = undefined;
      this.#version = undefined;
      await ticker?.stop();
      return;
    }
    if (this.#ticker !== undefined) return;
    const ticker: Ticker = new Ticker({
      name: "the watch on a SQLite file",
      intervalMs: this.#everyMs,
      firstDelayMs: this.#everyMs,
      run: () => this.#look(ticker),
      onError: (error) => this.#failed(error),
    });
    this.#ticker = ticker;
    try {
      await this.#look(ticker);
    } catch (error) {
      this.#failed(error);
    }
    if (this.#ticker === ticker) ticker.start();
  }

  /** Lets a member go. */
  async leave(member: FileSignals): Promise<void> {
    this.#members.delete(member);
    await this.update();
  }

  #failed(error: unknown): void {
    // What happened meanwhile is not known: the next look finds a change.
    this.#version = "";
    this.#logger.warn("Cannot look for writes of other processes; looking again soon", { error });
  }

  async #look(ticker: Ticker): Promise<void> {
    const version = await this.#client.dataVersion();
    if (this.#ticker !== ticker) return;
    const changed = this.#version !== undefined && version !== this.#version;
    this.#version = version;
    if (changed) { for (const member of this.#members) member.receiveAnything(); }
  }
}

/** The signals of one database object on a file that others of this process may have open too. */
class FileSignals extends Signals {
  listening = false;
  readonly #watch: FileWatch;

  constructor(watch: FileWatch) {
    super(() => ({
      start: () => this.#listen(true),
      rest: () => void this.#listen(false),
      close: () => watch.leave(this),
    }));
    this.#watch = watch;
  }

  /** Tells everyone on the file what this one wrote. */
  override tell(topics: Iterable<string>): void {
    this.#watch.deliver(topics);
  }

  /** Tells this one's listeners. */
  hear(topics: Iterable<string>): void {
    super.tell(topics);
  }

  #listen(listening: boolean): Promise<void> {
    if (this.listening === listening) return Promise.resolve();
    this.listening = listening;
    return this.#watch.update();
  }
}
