import type { ScheduleEntry } from "./schedule.ts";

/** What one slot of a schedule is known by, the same for whoever dispatches it. */
export interface SlotIdentity {
  /** The id of the task that the slot enqueues: a UUID of version 8. */
  readonly taskId: string;
  /** Where in the jitter of its schedule the slot falls, from 0 (inclusive) to 1 (exclusive). */
  readonly share: number;
}

/**
 * Derives the identity of a slot from its schedule and its instant. A doubled dispatch is the same task, so it is run once.
 *
 * The schedule counts as another one when it was removed and made anew: then the same slot may run again.
 */
export async function slotIdentity({ id, createdAt }: Pick<ScheduleEntry, "id" | "createdAt">, slot: number): Promise<SlotIdentity> {
  // As JSON: no two schedules and slots give the same text. Other releases must find the same id, so this never changes.
  const text = JSON.stringify(["stem-slot", id, createdAt, slot]);
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  // RFC 9562, section 5.8: four bits of version and two of variant, the others are ours.
  const variant = ((bytes[8] ?? 0) & 0x3f | 0x80).toString(16);
  const taskId = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20, 32)}`;
  return { taskId, share: Number.parseInt(hex.slice(32, 40), 16) / 2 ** 32 };
}
