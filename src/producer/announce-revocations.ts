import type { TaskSystem } from "../contracts/system.ts";
import type { ControlRequest, RevocationAnswer } from "../model/control.ts";
import { CONTROL_CHANNEL, toRevocationAnswer } from "../model/control.ts";
import type { Clock } from "../time/clock.ts";
import { systemClock } from "../time/clock.ts";
import type { Duration } from "../time/duration.ts";
import { durationMs } from "../time/duration.ts";
import { uuidV7 } from "../time/id.ts";

/** How {@link announceRevocations} asks. */
export interface AnnounceOptions {
  /** How long to wait for answers. @default "2s" */
  readonly timeout?: Duration;
  /** Measures that. @default the system's clock */
  readonly clock?: Clock;
}

/** Which workers heard it. */
export interface HeardRevocations {
  /** What the workers say, in the order of their answers. */
  readonly answers: readonly RevocationAnswer[];
  /** The workers that report that they live and did not answer in time, or watch over no revocations. */
  readonly silent: readonly string[];
}

/**
 * Asks every worker to look for revocations now, and waits until each that is known to live has answered, or the time is over. Workers learn of
 * revocations without it; this is for those who want to be told.
 */
export async function announceRevocations(system: TaskSystem, options: AnnounceOptions = {}): Promise<HeardRevocations> {
  const { broker, backend } = system;
  const { clock = systemClock } = options;
  const timeoutMs = durationMs(options.timeout ?? "2s", "timeout");
  const replyTo = `${CONTROL_CHANNEL}.${uuidV7(clock)}`;
  const waiting = new AbortController();
  const replies = await broker.subscribe(replyTo, { signal: waiting.signal });
  const cancelTimer = clock.timer(timeoutMs, () => waiting.abort());
  try {
    const silent = new Set((await backend.listHeartbeats()).map(({ workerId }) => workerId));
    const answers: RevocationAnswer[] = [];
    const request: ControlRequest = { command: "revocations", replyTo };
    await broker.broadcast(CONTROL_CHANNEL, request);
    if (silent.size === 0) return { answers, silent: [] };
    for await (const { message } of replies) {
      const answer = toRevocationAnswer(message);
      if (answer === undefined) continue;
      answers.push(answer);
      silent.delete(answer.workerId);
      if (silent.size === 0) break;
    }
    return { answers, silent: [...silent] };
  } finally {
    cancelTimer();
    waiting.abort();
  }
}
