import type { Environment } from "../app/config.ts";
import { connectSettings, storeUrl } from "../app/config.ts";
import { connect } from "../app/connect.ts";
import { StemStack } from "../app/stack.ts";
import type { Adapter } from "../contracts/adapter.ts";
import { ConfigError } from "../errors.ts";
import type { RevocationKey, RevocationTarget, StoredRevocation } from "../model/revocation.ts";
import type { HeardRevocations } from "../producer/announce-revocations.ts";
import type { RevokeOptions, RevokeOutcome } from "../producer/revoking.ts";
import { revokeTargets } from "../producer/revoking.ts";
import { Stem } from "../producer/stem.ts";
import { durationMs } from "../time/duration.ts";
import type { CommandContext, Flag } from "./command.ts";
import type { ExitCode } from "./exit-code.ts";
import { EXIT } from "./exit-code.ts";
import { instantOf } from "./fields.ts";
import { listAll } from "./schedule-apply.ts";
import { instantText } from "./schedule-text.ts";

/** The flags that name what is revoked. */
export interface TargetOptions {
  /** Task names. */
  readonly task?: readonly string[];
  /** Header values, as `name=value`. */
  readonly header?: readonly string[];
}

/** The flags of `stem worker revoke`. */
export interface RevokeFlags extends TargetOptions {
  /** Tasks of a name are meant that were enqueued before. */
  readonly before?: string;
  /** Whether running ones are stopped too. */
  readonly terminate?: boolean;
  /** Why. */
  readonly reason?: string;
  /** Who asks for it. */
  readonly requestedBy?: string;
  /** How long it is kept. */
  readonly expiresIn?: string;
  /** How long to wait for the workers' answers. */
  readonly wait?: string;
}

/** The same for the help. */
export const targetFlags: readonly Flag[] = [
  { flag: "--task <name>", repeats: true, about: "every task of the name" },
  { flag: "--header <name=value>", repeats: true, about: "every task with the header" },
];

/** The same for the help. */
export const revokeFlags: readonly Flag[] = [
  ...targetFlags,
  { flag: "--before <time>", about: "with --task: only those enqueued before, now by default" },
  { flag: "--terminate", about: "stop running ones too" },
  { flag: "--reason <text>", about: "why; shown to whoever awaits the task" },
  { flag: "--requested-by <name>", about: "who asks for it", variable: "USER" },
  { flag: "--expires-in <duration>", about: "how long it is kept; 7d for ids and for ever otherwise" },
  { flag: "--wait <duration>", about: "how long to wait for the workers' answers, 2s by default; 0ms asks none" },
];

/** Has tasks not run, or not go on, and tells which workers heard of it. */
export async function revoke({ environment, output, options, args }: CommandContext<RevokeFlags>): Promise<void> {
  const targets = targetsOf(args, options).map((target) => withBefore(target, options.before));
  const waitMs = durationMs(options.wait ?? "2s", "--wait");
  const request = requestOf(options);
  const outcome = await ask(environment, targets, { request, waitMs });
  const { revocations, workers, alone } = outcome;
  output.result({
    revocations: revocations.map(({ revocation, found }) => ({ ...revocation, ...(found === undefined ? {} : { found }) })),
    workers,
  }, () => {
    const table = output.table(
      ["REVOKED", "FOUND", "TERMINATES", "KEPT UNTIL"],
      revocations.map(({ revocation, found }) => [
        targetText(revocation.target),
        found ?? "-",
        revocation.terminate ? "yes" : "no",
        revocation.expiresAt === undefined ? "taken back" : instantText(revocation.expiresAt),
      ]),
    );
    return [table, ...workersText(workers, alone)].join("\n");
  });
}

/** Takes revocations back. */
export async function unrevoke({ environment, output, options, args }: CommandContext<TargetOptions>): Promise<ExitCode> {
  const targets: readonly RevocationKey[] = targetsOf(args, options);
  const removed = await withStore(environment, ({ revocations }) => revocations.remove(targets));
  output.result(
    { removed: targets.filter((_, at) => removed[at]), unknown: targets.filter((_, at) => removed[at] !== true) },
    () => targets.map((target, at) => `${targetText(target)}: ${removed[at] === true ? "taken back" : "was not revoked"}`).join("\n"),
  );
  return removed.every(Boolean) ? EXIT.ok : EXIT.notFound;
}

/** Lists what is revoked. */
export async function listRevocations({ environment, output }: CommandContext<object>): Promise<void> {
  const found = await withStore(environment, ({ revocations: store }) => listAll((page) => store.list(page)));
  output.result({ revocations: found }, () =>
    found.length === 0 ? "Nothing is revoked" : output.table(
      ["REVOKED", "TERMINATES", "AT", "KEPT UNTIL", "BY", "REASON"],
      found.map(({ target, terminate, revokedAt, expiresAt, requestedBy, reason }) => [
        targetText(target),
        terminate ? "yes" : "no",
        instantText(revokedAt),
        expiresAt === undefined ? "taken back" : instantText(expiresAt),
        requestedBy ?? "-",
        reason ?? "",
      ]),
    ));
}

interface Asked {
  readonly revocations: readonly RevokeOutcome[];
  /** Which workers heard it; absent when they were not asked. */
  readonly workers: HeardRevocations | null;
  /** Why they could not be asked. */
  readonly alone?: string;
}

interface Ask {
  readonly request: RevokeOptions;
  readonly waitMs: number;
}

async function ask(environment: Environment, targets: readonly RevocationTarget[], { request, waitMs }: Ask): Promise<Asked> {
  const revocations = storeUrl("revocations", environment);
  const system = systemUrls(environment);
  if (typeof system === "string") {
    // Only the store is known: workers watch it, and find waiting tasks revoked when they claim them.
    const unknown = { cancel: (ids: readonly string[]) => Promise.resolve(ids.map(() => "unknown" as const)) };
    const stored = await withStore(
      environment,
      (adapter) => revokeTargets(targets, request, { revokeStore: adapter.revocations, ledger: unknown }),
    );
    return { revocations: stored.map(({ revocation }) => ({ revocation })), workers: null, alone: system };
  }
  const stack = await StemStack.fromUrl(system.backend, { ...connectSettings(environment), overrides: { ...system, revocations } });
  try {
    const stem = new Stem({ broker: stack.broker, backend: stack.results, revokeStore: stack.revocations, registry: [] });
    const outcomes = await stem.revoke(targets, request);
    return { revocations: outcomes, workers: waitMs === 0 ? null : await stem.announceRevocations({ timeout: waitMs }) };
  } finally {
    await stack.close();
  }
}

/** Where the tasks and their workers are; or why that is not known. */
function systemUrls(environment: Environment): { readonly broker: string; readonly backend: string } | string {
  try {
    return { broker: storeUrl("broker", environment), backend: storeUrl("backend", environment) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message;
  }
}

function targetsOf(ids: readonly string[], { task = [], header = [] }: TargetOptions): readonly RevocationKey[] {
  const targets: readonly RevocationKey[] = [
    ...ids.map((id) => ({ kind: "task", id }) as const),
    ...task.map((name) => ({ kind: "name", name }) as const),
    ...header.map((pair) => headerTarget(pair)),
  ];
  if (targets.length === 0) throw new ConfigError("Cannot revoke nothing: name ids of tasks, --task or --header");
  return targets;
}

function headerTarget(pair: string): RevocationKey {
  const at = pair.indexOf("=");
  if (at < 1) throw new ConfigError(`Cannot use ${JSON.stringify(pair)} as --header: expected name=value`);
  return { kind: "header", header: pair.slice(0, at), value: pair.slice(at + 1) };
}

function withBefore(target: RevocationKey, before: string | undefined): RevocationTarget {
  if (before === undefined) return target;
  if (target.kind !== "name") throw new ConfigError("Cannot use --before for ids or headers: it belongs to --task");
  return { ...target, before: instantOf(before, "--before") };
}

function requestOf({ terminate, reason, requestedBy, expiresIn }: RevokeFlags): RevokeOptions {
  return {
    terminate: terminate === true,
    ...(reason === undefined ? {} : { reason }),
    ...(requestedBy === undefined ? {} : { requestedBy }),
    ...(expiresIn === undefined ? {} : { expiresIn }),
  };
}

async function withStore<T>(environment: Environment, work: (adapter: Adapter) => Promise<T>): Promise<T> {
  const adapter = await connect(storeUrl("revocations", environment), connectSettings(environment));
  try {
    return await work(adapter);
  } finally {
    await adapter.close();
  }
}

function targetText(target: StoredRevocation["target"]): string {
  if (target.kind === "task") return target.id;
  if (target.kind === "header") return `header ${target.header}=${target.value}`;
  return `task ${target.name}${target.before === undefined ? "" : ` before ${instantText(target.before)}`}`;
}

function workersText(workers: HeardRevocations | null, alone: string | undefined): readonly string[] {
  if (workers === null) {
    return alone === undefined
      ? []
      : ["Workers learn of it from the store; they were not asked, because there is no way to them", `(${alone})`];
  }
  const answers = workers.answers.map(({ workerId, aborted }) =>
    `Heard by ${workerId}${aborted.length === 0 ? "" : `, which stops ${aborted.length} of its tasks`}`
  );
  const silent = workers.silent.map((id) => `No answer from ${id}`);
  return answers.length + silent.length === 0 ? ["No worker reports"] : [...answers, ...silent];
}
