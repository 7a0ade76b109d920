import { validateId } from "../model/id.ts";

/** Sends tasks to queues by name: the queue for a pattern, where `*` stands for any run of characters. The first match wins. */
export type Routes = Readonly<Record<string, string>>;

/** Finds the queue for a task's name; `undefined` when no route matches. */
export type Router = (taskName: string) => string | undefined;

/**
 * Compiles routes.
 *
 * @throws {ConfigError} when a queue's name cannot be used.
 */
export function router(routes: Routes = {}): Router {
  const rules = Object.entries(routes).map(([pattern, queue]) => {
    validateId(queue, `the queue for route "${pattern}"`);
    const source = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*");
    return { matches: new RegExp(`^${source}$`, "s"), queue };
  });
  return (taskName) => rules.find((rule) => rule.matches.test(taskName))?.queue;
}
