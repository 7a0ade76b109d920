/** How a child program and the test that started it talk: one JSON object a line, on standard input and output. */

import process from "node:process";
import { createInterface } from "node:readline";

/** What a program says or is told: a kind, and what belongs to it. */
export interface Message {
  /** What it is about. */
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What of a store belongs to one test: a schema where it has such, and a namespace everywhere. */
export interface Place {
  /** The schema. */
  readonly schema: string;
  /** The namespace. */
  readonly namespace: string;
}

/** What every program is told. */
export interface Whereabouts {
  /** The store's URL. */
  readonly url: string;
  /** The test's own place there. */
  readonly place: Place;
}

/** One start of a handler, as the worker's event tells it. */
export interface Run {
  /** The task. */
  readonly id: string;
  /** The delivery's fencing token. */
  readonly token: number;
  /** When the store handed it out, by the store's clock. */
  readonly claimedAt: number;
  /** How often it was handed out. */
  readonly deliveryCount: number;
}

/** Says something to the test. */
export function say(message: Message): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** What the test tells, until it closes the line. */
export async function* told(): AsyncGenerator<string> {
  for await (const line of createInterface({ input: process.stdin })) yield line;
}

/** Milliseconds on the clock that all Node processes of this machine share. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1_000_000;
}

/** The options that the test started this program with: where the store is, and the program's own. */
export function optionsOf<Options>(defaults: Options): Options & Whereabouts {
  const given: Partial<Options & Whereabouts> = JSON.parse(process.argv[2] ?? "{}");
  return { url: "memory:", place: { schema: "stem", namespace: "stem" }, ...defaults, ...given };
}
