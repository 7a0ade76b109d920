import { attemptedEnvelope } from "../settled-envelope.ts";
import type { Delivery } from "../../model/delivery.ts";
import type { Envelope } from "../../model/envelope.ts";
import { fromText } from "../../model/json-text.ts";

/** What of a claimed row makes a delivery. */
export interface DeliveryRow {
  readonly queue: string | null;
  readonly priority: number;
  readonly seq: number;
  readonly envelope: string | null;
  readonly deliveryAttempt: number;
  readonly token: number;
  readonly deliveries: number;
  readonly consumer: string | null;
  readonly dueAt: number | null;
  readonly claimedAt: number;
}

/** Reads an envelope as it stands at an attempt: later ones do not carry the delay of the first. */
export function envelopeAt(text: string | null, attempt: number): Envelope {
  // The text is what `publish` wrote after checking it.
  return attemptedEnvelope(fromText(text) as Envelope, attempt);
}

/** Makes deliveries of claimed rows. */
export function toDeliveries(rows: readonly DeliveryRow[]): readonly Delivery[] {
  return rows.map(toDelivery);
}

/** Makes a delivery of a claimed row. */
export function toDelivery(row: DeliveryRow): Delivery {
  return {
    envelope: envelopeAt(row.envelope, row.deliveryAttempt),
    token: row.token,
    consumer: row.consumer ?? "",
    claimedAt: row.claimedAt,
    leaseExpiresAt: row.dueAt ?? row.claimedAt,
    deliveryCount: row.deliveries,
    redelivered: row.deliveries > 1,
  };
}

/** Puts claimed rows in the order in which they are handed out: by priority and publication within a queue, going round the queues. */
export function inTurn<Row extends DeliveryRow>(rows: readonly Row[], queues: readonly string[]): readonly Row[] {
  const sorted = [...rows].sort((a, b) => b.priority - a.priority || a.seq - b.seq);
  if (queues.length === 1) return sorted;
  const taken = new Map<string | null, number>();
  const place = new Map<string | null, number>(queues.map((queue, index) => [queue, index]));
  return sorted.map((row) => {
    const turn = taken.get(row.queue) ?? 0;
    taken.set(row.queue, turn + 1);
    return { row, turn, place: place.get(row.queue) ?? 0 };
  }).sort((a, b) => a.turn - b.turn || a.place - b.place).map(({ row }) => row);
}
