/**
 * Stem beside its driver and its peers: the same work on one server, in turns, each side in a process of its own.
 *
 * A ratio is the median of the ratios of each round, whose runs follow each other at once: whatever else the machine does falls on all.
 */

import process from "node:process";
import { grounds } from "./grounds.ts";
import type { Unit } from "./measure.ts";
import type { Run, RunningSide } from "./running-side.ts";
import { startSide } from "./running-side.ts";
import type { Group, Scale, Scenario } from "./scenarios.ts";
import { peers as allPeers, sides } from "./sides.ts";
import type { StoreName } from "./systems.ts";

/** What is compared, and how. */
export interface ComparisonOptions {
  /** Where. */
  readonly store: StoreName;
  /** Which peers, besides Stem and the driver. */
  readonly peers: readonly string[];
  /** What they do. */
  readonly scenarios: readonly Scenario[];
  /** How much is done in a run, and how many rounds count. */
  readonly scale: Scale;
  /** Told what comes next. */
  readonly say: (what: string) => void;
}

/** What was measured on a store: the content of a file in `bench/results`. */
export interface Report {
  /** The store. */
  readonly store: StoreName;
  /** What it is and how durable. */
  readonly settings: string;
  /** The Node that all sides ran on. */
  readonly node: string;
  /** The scenarios. */
  readonly scenarios: readonly Measured[];
}

/** One scenario as all who can do it did it. */
export interface Measured {
  /** Its name. */
  readonly name: string;
  /** What its figures count. */
  readonly unit: Unit;
  /** The table that it belongs to. */
  readonly group: Group;
  /** Their runs by the names of the sides, in the order of the rounds. */
  readonly sides: Readonly<Record<string, readonly Run[]>>;
}

/** Compares on a private server. */
export async function compare({ store, peers, scenarios, scale, say }: ComparisonOptions): Promise<Report> {
  const names = [...peers, "Stem", "driver"].filter((name) => sides[name]?.stores.includes(store));
  const node = names.some((name) => sides[name]?.needsNode24?.includes(store)) ? "node24" : "node";
  const ground = await grounds[store]();
  const running = new Map<string, RunningSide>();
  const measured: Measured[] = [];
  try {
    for (const name of names) {
      const side = startSide(name, node);
      running.set(name, side);
      const failure = await side.load(await ground.fresh(), scale);
      if (failure === undefined) continue;
      if (!(name in allPeers)) throw new Error(failure);
      say(`${store} without ${name}: ${failure.split("\n")[0]}`);
      side.stop();
      running.delete(name);
    }
    for (const { name, unit, group, isLong } of scenarios) {
      say(`${store}: ${name}`);
      const runs = new Map<string, Run[]>([...running.keys()].map((side) => [side, []]));
      // A round that warms up, except before what takes minutes.
      for (let round = isLong ? 1 : 0; round <= (isLong ? 1 : scale.rounds); round++) {
        for (const [side, { run }] of running) {
          if (!runs.has(side)) continue;
          const figure = await run(name, await ground.fresh(), scale);
          if (figure === undefined) runs.delete(side);
          else if (round > 0) runs.get(side)?.push(figure);
        }
      }
      if (runs.has("Stem")) measured.push({ name, unit, group, sides: Object.fromEntries(runs) });
    }
    return { store, settings: ground.settings, node: node === "node24" ? "24" : process.versions.node, scenarios: measured };
  } finally {
    for (const side of running.values()) side.stop();
    await ground.stop();
  }
}
