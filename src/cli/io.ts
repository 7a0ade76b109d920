import type { Environment } from "../app/config.ts";

/** What the command line needs of the process that it runs in. */
export interface CliIo {
  /** The environment's variables. */
  readonly environment: Environment;
  /** The folder that relative paths are read from. */
  readonly cwd: string;
  /** Whether people read the output as it comes, on a terminal that shows colours. */
  readonly isTerminal: boolean;
  /** The runtime and its version, such as `node 24.1.0`. */
  readonly runtime: string;
  /** The process id. */
  readonly processId: number;
  /** Writes to the standard output. */
  write(text: string): void;
  /** Writes to the standard error. */
  writeError(text: string): void;
  /** Reads the whole standard input. */
  readInput(): Promise<string>;
  /** Calls back each time that the process is asked to end, until the returned function is called. */
  onStop(listener: () => void): () => void;
}
