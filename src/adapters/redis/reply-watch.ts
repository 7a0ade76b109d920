import { systemClock } from "../../time/clock.ts";

/** How a {@link ReplyWatch} watches. */
export interface ReplyWatchOptions {
  /** How long nothing may come while something is awaited, in milliseconds. */
  readonly deadlineMs: number;
  /** Called when nothing came for that long. */
  readonly onSilence: () => void;
}

const LOOKS = 4;

/**
 * Notices that a server has stopped answering, with one timer for all commands under way.
 *
 * It looks several times within the deadline and counts the looks in a row that found no new answer. So a process that was busy for longer than the
 * deadline does not blame the server: however long a task blocked the event loop, only one look has come due, and the answers are read before the
 * next one.
 */
export class ReplyWatch {
  readonly #options: ReplyWatchOptions;
  #underWay = 0;
  #answers = 0;
  #answersSeen = 0;
  #silentLooks = 0;
  #cancel: (() => void) | undefined;

  /** Makes one that awaits nothing yet. */
  constructor(options: ReplyWatchOptions) {
    this.#options = options;
  }

  /** A command went out. */
  sent(): void {
    this.#underWay += 1;
    if (this.#cancel === undefined) this.#lookLater();
  }

  /** Its answer came, or it is known that none will. */
  ended(): void {
    this.#underWay -= 1;
    this.#answers += 1;
  }

  /** Ends the watch. */
  close(): void {
    this.#cancel?.();
  }

  #lookLater(): void {
    this.#cancel = systemClock.timer(this.#options.deadlineMs / LOOKS, () => {
      this.#cancel = undefined;
      this.#look();
    });
  }

  #look(): void {
    const isSilent = this.#answers === this.#answersSeen;
    this.#answersSeen = this.#answers;
    this.#silentLooks = isSilent ? this.#silentLooks + 1 : 0;
    if (this.#underWay === 0) return;
    this.#lookLater();
    if (this.#silentLooks < LOOKS) return;
    this.#silentLooks = 0;
    this.#options.onSilence();
  }
}
