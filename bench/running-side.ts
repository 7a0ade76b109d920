/** Starts a side's process, and talks with it. */

import { type ChildProcess, fork } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runtimeProgram } from "../test/support/runtimes.ts";
import type { ProcessorTime } from "./processor-time.ts";
import type { Scale } from "./scenarios.ts";
import type { RunReply, RunRequest } from "./side.ts";
import type { Place } from "./systems.ts";

/** One run of a side. */
export interface Run {
  /** The figure. */
  readonly value: number;
  /** What an operation took, where operations were counted. */
  readonly time?: ProcessorTime;
}

/** A side that runs. */
export interface RunningSide {
  /** Loads its code; answers why that cannot be done. */
  readonly load: (place: Place, scale: Scale) => Promise<string | undefined>;
  /** Does a scenario once; `undefined` when that side cannot. */
  readonly run: (scenario: string, place: Place, scale: Scale) => Promise<Run | undefined>;
  /** Ends its process. */
  readonly stop: () => void;
}

/** Starts a side. */
export function startSide(name: string, node: "node" | "node24"): RunningSide {
  const child = fork(fileURLToPath(new URL("./side.ts", import.meta.url)), [name], {
    execPath: runtimeProgram(node),
    execArgv: ["--import", "tsx", "--expose-gc"],
    // Here "@stem/stem" is the package as it is built and as its users run it: compiled on its way, each function would name itself whenever it is made.
    env: { ...process.env, TSX_TSCONFIG_PATH: fileURLToPath(new URL("./tsconfig.built.json", import.meta.url)) },
  });
  // Its process ended: `replyOf` says so.
  child.on("error", () => {});
  const ask = async (request: RunRequest): Promise<RunReply> => {
    child.send(request);
    return await replyOf(child, name);
  };
  return {
    load: async (place, scale) => (await ask({ scenario: "", place, scale })).error,
    run: async (scenario, place, scale) => {
      const { value, time, error } = await ask({ scenario, place, scale });
      if (error !== undefined) throw new Error(`Cannot measure ${name}: ${error}`);
      return value === undefined ? undefined : { value, ...(time === undefined ? {} : { time }) };
    },
    stop: () => child.disconnect(),
  };
}

function replyOf(child: ChildProcess, name: string): Promise<RunReply> {
  return new Promise((resolve, reject) => {
    const end = (): void => reject(new Error(`Cannot measure ${name}: its process ended`));
    if (child.exitCode !== null || child.signalCode !== null) return end();
    child.once("exit", end);
    child.once("message", (reply: RunReply) => {
      child.off("exit", end);
      resolve(reply);
    });
  });
}
