/** Where chaos happens: a store for one test, and child programs on it that can be stopped, killed and listened to. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import postgresJs from "postgres";
import type { AppFromUrlOptions } from "../../src/mod.ts";
import { StemApp } from "../../src/mod.ts";
import { type Command, root, type RuntimeName, runtimeNames, runtimeProgram } from "../support/runtimes.ts";
import { createServerFolder } from "../support/server-folder.ts";
import { removeNamespacesAt } from "../support/redis-keys.ts";
import { needsPostgres, needsRedis, postgresUrl, redisUrl } from "../support/servers.ts";
import type { Message, Place, Run } from "./programs/talk.ts";

/** The stores that take part in transactions of the caller's own. */
export const sqlStores = [
  { name: "SQLite", needs: {}, urlIn: (folder: string) => `sqlite:${join(folder, "chaos.db")}` },
  { name: "Postgres", needs: needsPostgres, urlIn: () => postgresUrl() },
] as const;

/** The stores that processes can share. */
export const stores = [...sqlStores, { name: "Redis", needs: needsRedis, urlIn: () => redisUrl() }] as const;

/** One of them. */
export type ChaosStore = Pick<(typeof stores)[number], "urlIn">;

/** How long a test waits for a signal, at most. */
export const LIMIT_MS = 30_000;

/** One test's store and its programs; gone when it is disposed of, or this process ends. */
export interface Stage extends AsyncDisposable {
  /** A folder for this test alone. */
  readonly folder: string;
  /** The store's URL. */
  readonly url: string;
  /** Where this test's own is at that URL. */
  readonly place: Place;
  /** Starts one of the programs beside this file. */
  start(program: string, options?: object, runtime?: RuntimeName): Program;
  /** Makes an app on the store in this process. */
  app(options?: AppFromUrlOptions): Promise<StemApp>;
}

/** A child program. */
export interface Program {
  /** Its process id. */
  readonly pid: number;
  /** Resolves when it has ended and all it said was heard, with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** Everything that it said so far of one kind. */
  said(type: string): readonly Message[];
  /** Waits until it has said that kind so often; answers all it said of it. Throws when it ends before, or the limit passes ({@link LIMIT_MS}). */
  hear(type: string, count?: number, limitMs?: number): Promise<readonly Message[]>;
  /** Writes it a line. */
  tell(line: string): void;
  /** Sends it a signal. */
  signal(signal: NodeJS.Signals): void;
  /** Kills it as `kill -9` does, and waits for its end. */
  kill(): Promise<void>;
  /** Closes its standard input, and waits for its end; answers its last words, the `ended` message. */
  end(limitMs?: number): Promise<Message>;
}

let stages = 0;

/** Sets the stage. */
export async function setStage(store: ChaosStore): Promise<Stage> {
  const guard = createServerFolder("chaos");
  const url = store.urlIn(guard.path);
  const name = `stem_chaos_${process.pid}_${stages += 1}`;
  const place: Place = { schema: name, namespace: name };
  const programs: Program[] = [];
  const apps: StemApp[] = [];
  return {
    folder: guard.path,
    url,
    place,
    start: (name, options = {}, runtime = "node") => {
      const { program, args } = commandFor(`test/chaos/programs/${name}.ts`, runtime);
      const child = spawn(program, [...args, JSON.stringify({ url, place, ...options })], { cwd: root, stdio: ["pipe", "pipe", "pipe"] });
      if (child.pid !== undefined) guard.note(child.pid, "KILL");
      void once(child, "exit").then(() => child.pid === undefined ? undefined : guard.forget(child.pid));
      const started = listenTo(child, `${name} on ${runtime}`);
      programs.push(started);
      return started;
    },
    app: async (options) => {
      const app = await StemApp.fromUrl(url, { ...place, autoStart: false, ...options });
      apps.push(app);
      return app;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(programs.map((program) => program.kill()));
      await Promise.all(apps.map((app) => app.close({ mode: "hard" })));
      await forget(url, place);
      await guard.remove();
    },
  };
}

/** The runs that a worker told of at its end. */
export function runsIn({ runs }: Message): readonly Run[] {
  if (!Array.isArray(runs) || !runs.every(isRun)) throw new Error("Cannot read the runs: this is not what a worker says at its end");
  return runs;
}

/**
 * All runtimes by name, each with the one that stands for it: itself, or this Node where it is not installed, which is said aloud. With `CI=true`
 * that is a failure.
 */
export function runtimesHere(): readonly { readonly id: RuntimeName; readonly runtime: RuntimeName }[] {
  return runtimeNames.map((id) => {
    try {
      runtimeProgram(id);
      return { id, runtime: id };
    } catch (error) {
      if (process.env["CI"] === "true") throw error;
      console.warn(`${String(error)}; this Node stands in for it`);
      return { id, runtime: "node" };
    }
  });
}

/** The value in the middle of sorted ones. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Milliseconds, to be read. */
export function inMs(value: number): string {
  return `${value.toFixed(value < 100 ? 1 : 0)} ms`;
}

function isRun(value: unknown): value is Run {
  return typeof value === "object" && value !== null && "id" in value && "claimedAt" in value && "deliveryCount" in value;
}

/** Takes away what is in a place on a server; a file goes with its folder. */
export async function forget(url: string, { schema, namespace }: Place): Promise<void> {
  if (url.startsWith("redis")) await removeNamespacesAt(url, [namespace]);
  if (!url.startsWith("postgres")) return;
  const sql = postgresJs(url, { max: 1, onnotice: () => {} });
  await sql`drop schema if exists ${sql(schema)} cascade`;
  await sql.end();
}

function commandFor(file: string, runtime: RuntimeName): Command {
  const program = runtimeProgram(runtime);
  if (runtime === "deno") return { program, args: ["run", "-A", "--no-check", file] };
  // Node 24 takes the types out by itself, as Bun does.
  return { program, args: [...runtime === "node" ? ["--import", "tsx"] : [], file] };
}

interface Waiter {
  readonly type: string;
  readonly count: number;
  readonly resolve: (messages: readonly Message[]) => void;
  readonly reject: (error: Error) => void;
}

function listenTo(child: ChildProcess, name: string): Program {
  const heard: Message[] = [];
  const waiters = new Set<Waiter>();
  let errors = "";
  const said = (type: string) => heard.filter((message) => message.type === type);
  const serve = () => {
    for (const waiter of waiters) {
      const messages = said(waiter.type);
      if (messages.length >= waiter.count) waiter.resolve(messages);
    }
  };
  child.stderr?.setEncoding("utf8").on("data", (text: string) => errors += text);
  if (child.stdout === null) throw new Error(`Cannot hear ${name}: it has no standard output`);
  createInterface({ input: child.stdout }).on("line", (line) => {
    const message: Message = JSON.parse(line);
    heard.push(message);
    serve();
  });
  // A program that was killed does not read any more.
  child.stdin?.on("error", () => {});
  const ended = new Promise<number | string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      for (const waiter of waiters) {
        waiter.reject(new Error(`${name} ended with ${signal ?? code} before it said "${waiter.type}": ${errors}`));
      }
      resolve(signal ?? code ?? "nothing");
    });
  });
  const hear = (type: string, count = 1, limitMs = LIMIT_MS): Promise<readonly Message[]> => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const heardAll = new Promise<readonly Message[]>((resolve, reject) => {
      const waiter = { type, count, resolve, reject };
      waiters.add(waiter);
      const fail = () => reject(new Error(`${name} said "${type}" ${said(type).length} times in ${limitMs} ms, not ${count}: ${errors}`));
      timer = setTimeout(fail, limitMs);
      serve();
      if (child.exitCode !== null || child.signalCode !== null) reject(new Error(`${name} has ended: ${errors}`));
    });
    return heardAll.finally(() => clearTimeout(timer));
  };
  return {
    pid: child.pid ?? 0,
    ended,
    said,
    hear,
    tell: (line) => void child.stdin?.write(`${line}\n`),
    signal: (signal) => void child.kill(signal),
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
    end: async (limitMs) => {
      child.stdin?.end();
      const [last] = await hear("ended", 1, limitMs);
      await ended;
      if (last === undefined) throw new Error(`${name} ended without a word: ${errors}`);
      return last;
    },
  };
}
