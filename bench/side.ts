/** One side of a comparison in a process of its own, so that neither the heap nor the compiled code of one weighs on the other. */

import process from "node:process";
import { watchTimed } from "./measure.ts";
import type { ProcessorTime } from "./processor-time.ts";
import { meterProcessorTime } from "./processor-time.ts";
import type { Scale } from "./scenarios.ts";
import { scenarios } from "./scenarios.ts";
import { sides } from "./sides.ts";
import type { Faces, Place } from "./systems.ts";

/** What the parent asks for. */
export interface RunRequest {
  /** The scenario. */
  readonly scenario: string;
  /** Where. */
  readonly place: Place;
  /** How much. */
  readonly scale: Scale;
}

/** What the child answers. */
export interface RunReply {
  /** The figure; absent when that side has no such scenario. */
  readonly value?: number;
  /** The processor time of an operation, where operations were counted. */
  readonly time?: ProcessorTime;
  /** What failed. */
  readonly error?: string;
}

const name = process.argv[2] ?? "";
const side = sides[name];
if (side === undefined) throw new Error(`Cannot run side "${name}": there are ${Object.keys(sides).join(", ")}`);
let faces: Promise<Faces> | undefined;
process.on("message", (request: RunRequest) => void answer(request));
process.on("disconnect", () => process.exit());

async function answer(request: RunRequest): Promise<void> {
  process.send?.(await replyTo(request));
}

async function replyTo({ scenario: wanted, place, scale }: RunRequest): Promise<RunReply> {
  try {
    const loaded = await (faces ??= side?.load(place.store)) ?? {};
    const meter = meterProcessorTime(place);
    watchTimed(meter.watch);
    const scenario = scenarios.find((candidate) => candidate.name === wanted);
    const value = await scenario?.run(loaded, place, scale);
    const time = meter.latest();
    return { ...(value === undefined ? {} : { value }), ...(time === undefined ? {} : { time }) };
  } catch (error) {
    return { error: error instanceof Error ? error.stack ?? error.message : String(error) };
  }
}
