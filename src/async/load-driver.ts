import { ConfigError } from "../errors.ts";

/**
 * Imports a package that only users of one store need.
 *
 * @param load The `import()` itself, so that bundlers see the package's name.
 * @param packages What the user has to install when it is missing.
 * @throws {ConfigError} that names the packages, when one of them is not installed.
 */
export async function loadDriver<T>(load: () => Promise<T>, what: string, packages: readonly string[]): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new ConfigError(`Cannot connect to ${what}: a package is missing, install it with \`npm install ${packages.join(" ")}\``, {
      cause: error,
    });
  }
}

function isMissing(error: unknown): boolean {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
}
