import type { Failure } from "./failure.ts";

/** An argument of a command. */
export type Argument = string | number;

/** A script to be carried out once. */
export interface ScriptCall {
  /** Its whole text. */
  readonly text: string;
  /** The prefix of the namespace whose keys it touches. */
  readonly key: string;
  /** Its arguments. */
  readonly args: readonly Argument[];
  /** Whether the text itself goes to the server, which does not know it yet; otherwise its hash goes. */
  readonly whole: boolean;
}

/** The connections behind a {@link RedisDatabase}: to one server, to one that sentinels name, or to a cluster. */
export interface RedisLink {
  /**
   * Sends one command and gives its reply: bulk strings as text, integers as numbers, what is absent as `null`. Waits for the connection while
   * that is away, up to its deadline; a command that went out is never sent again.
   */
  send(command: string, args: readonly Argument[]): Promise<unknown>;
  /** Carries out a script, likewise. Fails with {@link Failure.isUnknownScript} where the server has to be given the text. */
  run(call: ScriptCall): Promise<unknown>;
  /** Hears channels from when this resolves. Does not fail: while the server is away they are heard once it is back. */
  subscribe(channels: readonly string[]): Promise<void>;
  /** Hears them no more. */
  unsubscribe(channels: readonly string[]): Promise<void>;
  /** What is known of an error that `send` or `run` threw. */
  failure(error: unknown): Failure;
  /** Closes what was opened for it, after the commands under way. */
  close(): Promise<void>;
}

/** What a link tells the {@link RedisDatabase} that holds it. */
export interface LinkEvents {
  /** A message came on a channel that was subscribed to. */
  readonly onMessage: (channel: string) => void;
  /** The subscriptions were lost for a while: anything may have changed. */
  readonly onGap: () => void;
}
