import { Command } from "commander";
import { LIBRARY_VERSION } from "../adapters/sql/migration.ts";
import { addBeatCommands } from "./beat.ts";
import type { Call } from "./command.ts";
import { addMigrateCommands } from "./migrate.ts";
import { addQueueCommands } from "./queue.ts";
import { addScheduleCommands } from "./schedule.ts";
import { addWorkerCommands } from "./worker.ts";

/** Makes the command line with all its commands, for one call. */
export function createProgram(call: Call): Command {
  const { io } = call;
  const stem = new Command("stem")
    .description("Runs and looks after a task system whose state lives in stores chosen by URL.")
    .version(LIBRARY_VERSION, "-V, --version", "write the version")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.write(text),
      writeErr: (text) => io.writeError(text),
      // Written with the other errors, as JSON where that is wanted.
      outputError: () => {},
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText("after", "\nWhere the stores are is read from STEM_URL and its like; each has a flag too. See docs/cli.md.");
  addWorkerCommands(stem, call);
  addBeatCommands(stem, call);
  addScheduleCommands(stem, call);
  addQueueCommands(stem, call);
  addMigrateCommands(stem, call);
  return stem;
}
