import type { Command } from "commander";
import { connectSettings, storeUrl } from "../app/config.ts";
import { connect } from "../app/connect.ts";
import { StemStack } from "../app/stack.ts";
import type { Broker, PausedQueue } from "../contracts/broker.ts";
import { DEFAULT_QUEUE } from "../model/envelope.ts";
import type { Call, CommandContext } from "./command.ts";
import { addCommand } from "./command.ts";
import { instantText } from "./schedule-text.ts";
import { storeFlags } from "./store-flags.ts";

interface PauseFlags {
  readonly reason?: string;
  readonly requestedBy?: string;
}

/** Adds `stem queue list | pause | resume`. */
export function addQueueCommands(stem: Command, call: Call): void {
  const queue = stem.command("queue").description("Counts, pauses and resumes queues.");
  addCommand(queue, call, {
    name: "list [queues...]",
    summary: "Count queues: those named, or those that workers serve and that are paused",
    storeFlags: storeFlags("broker", "backend"),
    run: list,
  });
  addCommand(queue, call, {
    name: "pause <queues...>",
    summary: "Let queues hand out nothing until they are resumed",
    flags: [
      { flag: "--reason <text>", about: "why" },
      { flag: "--requested-by <name>", about: "who asks for it", variable: "USER" },
    ],
    storeFlags: storeFlags("broker"),
    run: pause,
  });
  addCommand(queue, call, {
    name: "resume <queues...>",
    summary: "Let queues hand out again",
    storeFlags: storeFlags("broker"),
    run: resume,
  });
}

async function list({ environment, output, args }: CommandContext<object>): Promise<void> {
  const [broker, backend] = [storeUrl("broker", environment), storeUrl("backend", environment)];
  const stack = await StemStack.fromUrl(backend, { ...connectSettings(environment), overrides: { broker } });
  try {
    const paused = new Map((await stack.broker.pausedQueues()).map((each) => [each.queue, each]));
    const served = (await stack.results.listHeartbeats()).flatMap(({ queues }) => queues);
    const names = args.length > 0 ? args : [...new Set([DEFAULT_QUEUE, ...served, ...paused.keys()])].toSorted();
    const queues = await Promise.all(names.map(async (queue) => {
      const pause = paused.get(queue);
      return { queue, ...await stack.broker.counts(queue), ...(pause === undefined ? {} : { paused: withoutName(pause) }) };
    }));
    output.result({ queues }, () =>
      output.table(
        ["QUEUE", "READY", "DELAYED", "INFLIGHT", "DEAD", "PAUSED"],
        queues.map(({ queue, ready, delayed, inflight, dead, paused }) => [
          queue,
          ...[ready, delayed, inflight, dead].map(String),
          paused === undefined ? "no" : pauseText(paused),
        ]),
      ));
  } finally {
    await stack.close();
  }
}

async function pause(context: CommandContext<PauseFlags>): Promise<void> {
  const { output, args, options: { reason, requestedBy: by } } = context;
  const queues = await forEachQueue(
    context,
    (broker, queue) => broker.pauseQueue(queue, { ...(reason === undefined ? {} : { reason }), ...(by === undefined ? {} : { by }) }),
  );
  output.result(
    { queues: queues.map(({ queue, changed }) => ({ queue, paused: true, changed })) },
    () => queues.map(({ queue, changed }) => `${queue}: ${changed ? "paused" : "was paused already"}`).join("\n"),
  );
  if (args.length > 0) output.note("What workers hold runs on; the queue accepts tasks as before.");
}

async function resume(context: CommandContext<object>): Promise<void> {
  const queues = await forEachQueue(context, (broker, queue) => broker.resumeQueue(queue));
  context.output.result(
    { queues: queues.map(({ queue, changed }) => ({ queue, paused: false, changed })) },
    () => queues.map(({ queue, changed }) => `${queue}: ${changed ? "resumed" : "was not paused"}`).join("\n"),
  );
}

async function forEachQueue(
  { environment, args }: CommandContext<object>,
  change: (broker: Broker, queue: string) => Promise<boolean>,
): Promise<readonly { readonly queue: string; readonly changed: boolean }[]> {
  const adapter = await connect(storeUrl("broker", environment), connectSettings(environment));
  try {
    const changes = [];
    for (const queue of args) changes.push({ queue, changed: await change(adapter.broker, queue) });
    return changes;
  } finally {
    await adapter.close();
  }
}

function withoutName({ queue: _queue, ...pause }: PausedQueue): Omit<PausedQueue, "queue"> {
  return pause;
}

function pauseText({ pausedAt, by, reason }: Omit<PausedQueue, "queue">): string {
  return [`since ${instantText(pausedAt)}`, ...(by === undefined ? [] : [`by ${by}`]), ...(reason === undefined ? [] : [`(${reason})`])]
    .join(" ");
}
