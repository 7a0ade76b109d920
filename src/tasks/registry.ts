import { ConfigError, UnknownTaskError } from "../errors.ts";
import type { AnyTask } from "./task.ts";

/** The tasks that a process knows by name. */
export class TaskRegistry {
  readonly #tasks = new Map<string, AnyTask>();

  /** Makes a registry of the given tasks. */
  constructor(tasks: readonly AnyTask[] = []) {
    for (const task of tasks) this.register(task);
  }

  /**
   * Adds a task. Registering the same object again does nothing.
   *
   * @throws {ConfigError} when another task has that name.
   */
  register(task: AnyTask): this {
    const known = this.#tasks.get(task.name);
    if (known !== undefined && known !== task) {
      throw new ConfigError(`Cannot register task "${task.name}": another task of that name is registered`);
    }
    this.#tasks.set(task.name, task);
    return this;
  }

  /** Finds a task; `undefined` when none of that name is registered. */
  find(name: string): AnyTask | undefined {
    return this.#tasks.get(name);
  }

  /**
   * Finds a task.
   *
   * @throws {UnknownTaskError} when none of that name is registered.
   */
  get(name: string): AnyTask {
    const task = this.#tasks.get(name);
    if (task === undefined) throw new UnknownTaskError(name);
    return task;
  }

  /** Every registered task, in the order of registration. */
  get tasks(): readonly AnyTask[] {
    return [...this.#tasks.values()];
  }
}
