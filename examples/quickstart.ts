/**
 * Stem in one run: `npm start`, or `npm start -- some/folder`. See `--help` for the rest.
 *
 * This process enqueues one task for each file, and reads what came of them. A second process, `quickstart-worker.ts`, does the work. Between the
 * two there is nothing but the store: a SQLite file, or the database that `STEM_URL` names.
 */

import process from "node:process";
import { StemError } from "@stem/stem";
import { findFiles } from "./quickstart/files.ts";
import type { Options } from "./quickstart/options.ts";
import { readOptions, usage, UsageError } from "./quickstart/options.ts";
import { asJson, asText, greeting } from "./quickstart/report.ts";
import { connect, run } from "./quickstart/run.ts";
import { ProgressBar } from "./quickstart/terminal.ts";
import { startWorker } from "./quickstart/worker-process.ts";

/** Ctrl-C. */
class Interrupted extends Error {}

/** The worker ended although nobody told it to. What it held will be claimed by another one once its leases have run out. */
class WorkerDied extends Error {}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") console.log(usage);
  else process.exitCode = await main(options);
} catch (error) {
  console.error(explain(error));
  process.exitCode = exitCode(error);
}

async function main(options: Options): Promise<number> {
  const files = await findFiles(options.folder);
  // Creates the file and its tables, or brings them up to date.
  const app = await connect(options.url, options.namespace);
  const worker = startWorker(options.url, options.namespace);
  const trouble = new Promise<never>((_, reject) => {
    process.once("SIGINT", () => reject(new Interrupted("Interrupted: what is not finished stays in the store")));
    void worker.ended.then((how) => reject(new WorkerDied(`The worker process ended too early, with ${how}`)));
  });
  if (!options.json) console.log(greeting(options, { files: files.length, pid: worker.pid }));
  const bar = new ProgressBar("Measuring", files.length);
  try {
    const outcome = await Promise.race([run({ app, files, onFile: () => bar.advance() }), trouble]);
    bar.end();
    console.log(options.json ? asJson(outcome, options) : asText(outcome, options));
    return outcome.unreadable.length === 0 ? 0 : 1;
  } catch (error) {
    bar.end();
    throw error;
  } finally {
    await worker.stop();
    await app.close();
  }
}

function exitCode(error: unknown): number {
  if (error instanceof Interrupted) return 130;
  const isRefused = StemError.is(error) && (error.code === "CONFIG" || error.code === "UNSUPPORTED");
  return isRefused || error instanceof UsageError ? 2 : 1;
}

/** Errors of the library say what failed and why. Whatever else arrives here is a mistake in this example, and is shown in full. */
function explain(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\nRun with --help to see what is possible.`;
  if (error instanceof Interrupted || error instanceof WorkerDied) return error.message;
  if (!StemError.is(error)) return error instanceof Error ? error.stack ?? error.message : String(error);
  const cause = error.cause instanceof Error && !error.message.includes(error.cause.message) ? `\nCause: ${error.cause.message}` : "";
  return `${error.message}${cause}`;
}
