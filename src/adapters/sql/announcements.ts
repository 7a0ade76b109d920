import { sql } from "drizzle-orm";
import type { Clock } from "../../time/clock.ts";
import { systemClock } from "../../time/clock.ts";
import { nextTurn } from "../../time/next-turn.ts";
import type { SqlDatabase } from "./database.ts";

/** How long after one announcement the next may follow. */
const PAUSE_MS = 20;

/**
 * Tells others of changes that the statement itself could not name, such as which tasks a claim found. Many are told in one go, and nobody
 * waits for it: whoever misses one sees the change when it next looks.
 */
export class Announcements {
  readonly #statement: ReturnType<typeof announceStatement>;
  readonly #clock: Clock;
  #topics = new Set<string>();
  #pausing = false;

  /** Makes an announcer; nothing is sent. */
  constructor(database: SqlDatabase, clock: Clock = systemClock) {
    this.#statement = announceStatement(database);
    this.#clock = clock;
  }

  /** Announces soon: what the change is about goes on first. */
  announce(topics: readonly string[]): void {
    for (const topic of topics) this.#topics.add(topic);
    if (this.#pausing) return;
    this.#pausing = true;
    void nextTurn().then(() => this.#send());
  }

  #send(): void {
    const signal = [...this.#topics];
    this.#topics = new Set();
    const pause = (): void => {
      this.#clock.timer(PAUSE_MS, () => {
        if (this.#topics.size > 0) this.#send();
        else this.#pausing = false;
      });
    };
    // Failing is as good as being missed.
    this.#statement.run({}, { signal }).then(pause, pause);
  }
}

function announceStatement(database: SqlDatabase) {
  return database.statement("announce", {}, ({ db, dialect }) => db.select({ signal: dialect.signal }).from(sql`(select 1 as one) as one`));
}
