import type { StemErrorCode } from "../errors.ts";

/** With what the command line ends: 0 fine, 1 failed, 2 a call that cannot be carried out, 3 migrations are missing, 4 not found. */
export type ExitCode = 0 | 1 | 2 | 3 | 4;

/** With what the command line ends, and why. */
export const EXIT = Object.freeze(
  {
    /** It did what was asked. */
    ok: 0,
    /** Something failed: a store that cannot be reached, a task module that throws. */
    failed: 1,
    /** The call cannot be carried out as it was written: an unknown flag, a setting that cannot be used, a file that is not valid. */
    usage: 2,
    /** A database is behind, or does not fit this version. */
    migrations: 3,
    /** What was named does not exist. */
    notFound: 4,
  } satisfies Readonly<Record<string, ExitCode>>,
);

/** The exit code of an error that ended a command. */
export function exitCodeOf(code: StemErrorCode | undefined): ExitCode {
  if (code === "CONFIG" || code === "UNSUPPORTED") return EXIT.usage;
  return code === "MIGRATION" ? EXIT.migrations : EXIT.failed;
}
