/** The run itself: enqueue, watch, read the results. Everything here happens in this process, and nothing of the work does. */

import type { DeadLetter, TaskStatus } from "@stem/stem";
import { StemApp, TaskFailedError } from "@stem/stem";
import type { FoundFile } from "./files.ts";
import type { Measurement } from "./measure.ts";
import { flaky, hopeless, measureFile, tasks } from "./tasks.ts";

/** Where and what. */
export interface RunOptions {
  /** The producer's side of the system. */
  readonly app: StemApp;
  /** One task is enqueued for each. */
  readonly files: readonly FoundFile[];
  /** Called once for each file that is done. */
  readonly onFile: () => void;
}

/** What came of it. */
export interface Outcome {
  /** Files with their measurements. */
  readonly measured: readonly { readonly name: string; readonly measurement: Measurement }[];
  /** Files that could not be measured, and why. */
  readonly unreadable: readonly { readonly name: string; readonly reason: string }[];
  /** What was seen of the task that fails twice, one status for each attempt. */
  readonly attempts: readonly TaskStatus[];
  /** What it returned in the end. */
  readonly answer: string;
  /** What is left of the task that always fails. */
  readonly deadLetter: DeadLetter | undefined;
}

/** Connects to the store. This app only enqueues and reads: `autoStart: false` keeps its own worker from starting. */
export function connect(url: string, namespace: string): Promise<StemApp> {
  return StemApp.fromUrl(url, { tasks, namespace, autoStart: false });
}

/** Enqueues one task for each file and the two that fail, and waits until all of them have ended. */
export async function run(options: RunOptions): Promise<Outcome> {
  const { app } = options;
  // First in line, so that their pauses pass while the files are measured.
  const unlucky = await app.enqueue(flaky);
  const lost = await app.enqueue(hopeless);
  const [files, attempts, deadLetter] = await Promise.all([
    measureAll(options),
    attemptsOf(unlucky.watch()),
    lost.result().then(() => undefined, async (error: unknown) => {
      if (!(error instanceof TaskFailedError)) throw error;
      return await app.stack.broker.deadLetters.get(lost.id);
    }),
  ]);
  return { ...files, attempts, answer: await unlucky.result(), deadLetter };
}

async function measureAll({ app, files, onFile }: RunOptions): Promise<Pick<Outcome, "measured" | "unreadable">> {
  // One call for all of them: the store accepts all, or none.
  const handles = await app.stem.enqueueMany(files.map(({ path }) => ({ task: measureFile, args: { path } })));
  const measured: Outcome["measured"][number][] = [];
  const unreadable: Outcome["unreadable"][number][] = [];
  await Promise.all(handles.map(async ({ id }, at) => {
    const name = files[at]?.name ?? id;
    try {
      measured.push({ name, measurement: await app.stem.handle(id, measureFile).result() });
    } catch (error) {
      if (!(error instanceof TaskFailedError)) throw error;
      unreadable.push({ name, reason: error.cause instanceof Error ? error.cause.message : error.message });
    }
    onFile();
  }));
  return { measured, unreadable };
}

/** Follows a task to its end, and keeps the last that was seen of each attempt. */
async function attemptsOf(statuses: AsyncIterable<TaskStatus>): Promise<readonly TaskStatus[]> {
  const seen = new Map<number, TaskStatus>();
  for await (const status of statuses) {
    if (status.state !== "queued") seen.set(status.attempt, status);
  }
  return [...seen.values()];
}
