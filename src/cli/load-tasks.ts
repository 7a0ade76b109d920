import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { AppOptions } from "../app/stem-app.ts";
import { ConfigError } from "../errors.ts";
import type { AnyTask } from "../tasks/task.ts";

/** What task modules say: the tasks, and with them how they are to be run. */
export type LoadedTasks = AppOptions & { readonly tasks: readonly AnyTask[] };

/** Where a module is looked for. */
export interface LoadOptions {
  /** The folder that relative paths are read from. */
  readonly cwd: string;
  /** The runtime, as errors name it. */
  readonly runtime: string;
}

const EXPECTED = 'expected tasks as named exports, or as default export a list of tasks, a registry, or an app\'s options with "tasks"';

/**
 * Loads the tasks of modules: every named export that is a task, and the default export, which is a task, a list of them, a `TaskRegistry`, or the
 * options of a `StemApp` (tasks, encoders, middleware, routes, the worker's tuning). Other named exports are left alone.
 *
 * @throws {ConfigError} when a module is not there, cannot be run by this runtime, or exports no task; when two bring options.
 */
export async function loadTasks(paths: readonly string[], options: LoadOptions): Promise<LoadedTasks> {
  const modules = await Promise.all(paths.map(async (path) => ({ path, ...readModule(path, await load(path, options)) })));
  const [withOptions, another] = modules.filter((module) => module.options !== undefined);
  if (another !== undefined) {
    throw new ConfigError(`Cannot load the tasks of "${another.path}": "${withOptions?.path}" has options as its default export already`);
  }
  return { ...withOptions?.options, tasks: [...new Set(modules.flatMap(({ tasks }) => tasks))] };
}

async function load(path: string, { cwd, runtime }: LoadOptions): Promise<object> {
  const file = resolve(cwd, path);
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile() !== true) throw new ConfigError(`Cannot load the tasks of "${path}": there is no file "${file}"`);
  try {
    const module: unknown = await import(pathToFileURL(file).href);
    return typeof module === "object" && module !== null ? module : {};
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "ERR_UNKNOWN_FILE_EXTENSION") throw new Error(`Cannot load the tasks of "${path}": it failed`, { cause: error });
    throw new ConfigError(
      `Cannot load the tasks of "${path}": ${runtime} does not run TypeScript; set NODE_OPTIONS="--import tsx" with tsx installed, ` +
        "use Node from 22.18, Deno or Bun, or name the compiled file",
      { cause: error },
    );
  }
}

function readModule(path: string, module: object): { readonly tasks: readonly AnyTask[]; readonly options: AppOptions | undefined } {
  const { default: main, ...named } = Object.fromEntries<unknown>(Object.entries(module));
  const options = hasTasks(main) ? { ...main, tasks: listed(path, main.tasks) } : undefined;
  const ofMain = options?.tasks ?? (Array.isArray(main) ? listed(path, main) : isTask(main) ? [main] : undefined);
  if (main !== undefined && ofMain === undefined) throw new ConfigError(`Cannot use the default export of "${path}": ${EXPECTED}`);
  const tasks = [...ofMain ?? [], ...Object.values(named).filter((value) => isTask(value))];
  if (tasks.length === 0) throw new ConfigError(`Cannot run the tasks of "${path}": it exports none; ${EXPECTED}`);
  // A registry has nothing but tasks.
  return { tasks, options: options !== undefined && Object.keys(options).length > 1 ? options : undefined };
}

function listed(path: string, values: readonly unknown[]): readonly AnyTask[] {
  return values.map((value, at) => {
    if (isTask(value)) return value;
    throw new ConfigError(`Cannot use item ${at} of the tasks of "${path}": it was not made with task()`);
  });
}

function hasTasks(value: unknown): value is { readonly tasks: readonly unknown[] } {
  return typeof value === "object" && value !== null && "tasks" in value && Array.isArray(value.tasks);
}

// By its shape: the module may come with a copy of the library of its own.
function isTask(value: unknown): value is AnyTask {
  return typeof value === "object" && value !== null && "name" in value && typeof value.name === "string" && "run" in value &&
    typeof value.run === "function" && "metadata" in value && typeof value.metadata === "object";
}
