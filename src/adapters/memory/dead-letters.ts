import type { DeadLetterFilter } from "../../contracts/broker.ts";
import type { DeadLetter } from "../../model/delivery.ts";
import type { Envelope } from "../../model/envelope.ts";
import type { TaskFailure } from "../../model/task-failure.ts";
import type { ReplayRequest } from "../broker-requests.ts";
import type { DeadLetterPosition } from "../dead-letters-surface.ts";
import { replayedEnvelope } from "../settled-envelope.ts";
import { readAs, readOptional } from "../stored-json.ts";
import type { MemorySpace, StoredDeadLetter } from "./database.ts";
import { publish } from "./deliveries.ts";
import { copyOf } from "./json-copies.ts";

/** Gives those that match, in the order of their deaths; those of one millisecond by id. */
export function matching(space: MemorySpace, filter: DeadLetterFilter, now: number): StoredDeadLetter[] {
  const { ids, queue, since = 0 } = filter;
  const letters = ids === undefined ? space.deadLetters.values(now) : ids.flatMap((id) => space.deadLetters.get(id, now) ?? []);
  return letters
    .filter((letter) => (queue === undefined || letter.queue === queue) && letter.diedAt >= since)
    .sort(byDeath);
}

/** Lists those that match, the latest first. */
export function list(letters: readonly StoredDeadLetter[], limit: number, before: DeadLetterPosition | undefined): readonly DeadLetter[] {
  return letters
    .toReversed()
    .filter((letter) => before === undefined || byDeath(letter, before) < 0)
    .slice(0, limit)
    .map(toDeadLetter);
}

/** Publishes the oldest that match again; answers their envelopes. */
export function replay(space: MemorySpace, request: ReplayRequest, now: number): readonly Envelope[] {
  const letters = matching(space, request.filter, now).slice(0, request.limit);
  return letters.map((letter) => {
    const envelope = replayedEnvelope(readAs<Envelope>(letter.kept), now);
    if (!request.dryRun) {
      space.deadLetters.delete(letter.id, now);
      publish(space, { envelope: { ...envelope, delayMs: request.delayMs }, text: envelope }, now);
    }
    return envelope;
  });
}

/** Gives a dead letter as readers get it. */
export function toDeadLetter({ id, queue, kept, reason, error, diedAt, expiresAt }: StoredDeadLetter): DeadLetter {
  const envelope = readAs<Envelope>(copyOf(kept));
  const failure = readOptional<TaskFailure>(error);
  return { id, queue, name: envelope.name, reason, ...(failure === undefined ? {} : { error: failure }), envelope, diedAt, expiresAt };
}

function byDeath(a: DeadLetterPosition, b: DeadLetterPosition): number {
  return a.diedAt - b.diedAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
