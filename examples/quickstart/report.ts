import process from "node:process";
import type { Measurement } from "./measure.ts";
import { displayUrl, type Options } from "./options.ts";
import type { Outcome } from "./run.ts";
import { formatTable } from "./table.ts";
import { paint } from "./terminal.ts";

const shownFiles = 10;

/** The outcome for people. */
export function asText(outcome: Outcome, options: Options): string {
  const { measured, unreadable } = outcome;
  const largest = measured.toSorted((a, b) => b.measurement.size - a.measurement.size).slice(0, shownFiles);
  const totals = totalsOf(outcome);
  const rows = [
    ...largest.map(({ name, measurement: { size, lines, words, sha256 } }) => [name, size, lines, words, sha256.slice(0, 16)]),
    [`all ${measured.length.toLocaleString("en-US")} files`, totals.size, totals.lines, totals.words, ""],
  ];
  return [
    ...section("The largest files", tableOf(["file", "bytes", "lines", "words", "SHA-256"], rows)),
    ...(unreadable.length === 0
      ? []
      : section("Files that could not be measured", unreadable.map(({ name, reason }) => `${name}: ${reason}`))),
    ...section("A task that failed twice", tableOf(["attempt", "state", ""], attemptRows(outcome))),
    ...section("A task that always fails", deadLetterLines(outcome)),
    ...section("Next", nextSteps(options)),
  ].join("\n");
}

/** The outcome for programs: one JSON document. */
export function asJson(outcome: Outcome, options: Options): string {
  const { measured, unreadable, attempts, answer, deadLetter } = outcome;
  return JSON.stringify(
    {
      store: displayUrl(options.url),
      namespace: options.namespace,
      totals: { files: measured.length, ...totalsOf(outcome) },
      files: Object.fromEntries(measured.map(({ name, measurement }) => [name, measurement])),
      unreadable: Object.fromEntries(unreadable.map(({ name, reason }) => [name, reason])),
      retried: { attempts: attempts.map(({ attempt, state, error }) => ({ attempt, state, error: error?.message })), answer },
      deadLetter: deadLetter && {
        task: deadLetter.name,
        reason: deadLetter.reason,
        error: deadLetter.error?.message,
        attempts: deadLetter.envelope.attempt,
      },
    },
    undefined,
    2,
  );
}

function totalsOf({ measured }: Outcome): Omit<Measurement, "sha256"> {
  const sum = (field: "size" | "lines" | "words") => measured.reduce((total, { measurement }) => total + measurement[field], 0);
  return { size: sum("size"), lines: sum("lines"), words: sum("words") };
}

function attemptRows({ attempts, answer }: Outcome): (string | number)[][] {
  return attempts.map(({ attempt, state, error }) => [
    attempt,
    paint(state === "succeeded" ? "green" : "yellow", state.padEnd("succeeded".length)),
    state === "succeeded" ? answer : error?.message ?? "",
  ]);
}

function deadLetterLines({ deadLetter }: Outcome): string[] {
  if (deadLetter === undefined) return ["Its dead letter is gone: somebody replayed or purged it."];
  const { name, reason, error, envelope } = deadLetter;
  return [
    `${paint("red", name)} was given up after ${envelope.attempt} attempts: ${error?.message ?? "no error was recorded"}`,
    `It is kept as a dead letter (${reason}) until it is replayed, purged, or too old.`,
  ];
}

function nextSteps({ url, namespace }: Options): string[] {
  const isFile = /^(?:sqlite|file):/.test(url);
  return [
    `Everything above was read from ${displayUrl(url)}, namespace ${namespace}. It stays there until you delete it.`,
    isFile
      ? "The same on Postgres:   STEM_URL=postgres://user:password@localhost:5432/stem npm start"
      : "The same in a file:     npm start, without STEM_URL",
    "The code:               examples/quickstart.ts",
  ];
}

function tableOf(heading: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const [first = "", ...rest] = formatTable(heading, rows);
  return [paint("dim", first), ...rest];
}

function section(title: string, lines: readonly string[]): string[] {
  return ["", paint("bold", title), ...lines.map((line) => `  ${line}`)];
}

/** What is said before the work begins. */
export function greeting(options: Options, details: { readonly files: number; readonly pid: number | undefined }): string {
  const runtime = process.versions["bun"] ? "Bun" : process.versions["deno"] ? "Deno" : "Node";
  return [
    `Store   ${displayUrl(options.url)}, namespace ${options.namespace}`,
    `Worker  process ${details.pid} on ${runtime}`,
    `Files   ${details.files.toLocaleString("en-US")}, one task each`,
    "",
  ].join("\n");
}
