/** Certificates for tests of encrypted connections, made anew by the `openssl` program. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A certificate with its key. */
export interface Certificate {
  /** The certificate's file. */
  readonly certFile: string;
  /** The key's file. */
  readonly keyFile: string;
  /** The certificate, as PEM. */
  readonly cert: string;
  /** The key, as PEM. */
  readonly key: string;
}

/** Whether this machine can make certificates. */
export function hasOpenssl(): boolean {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Makes an authority that nobody trusts yet. */
export function createAuthority(folder: string): Certificate {
  const [certFile, keyFile] = [join(folder, "authority.crt"), join(folder, "authority.key")];
  openssl(["req", "-x509", ...freshKey(keyFile), "-days", "2", "-subj", "/CN=Stem test authority", "-out", certFile]);
  return read(certFile, keyFile);
}

/** Lets an authority certify a name. */
export function certify(folder: string, authority: Certificate, name: string): Certificate {
  const [certFile, keyFile, requestFile] = ["crt", "key", "csr"].map((ending) => join(folder, `${name}.${ending}`)) as [
    string,
    string,
    string,
  ];
  openssl(["req", ...freshKey(keyFile), "-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`, "-out", requestFile]);
  const by = ["-CA", authority.certFile, "-CAkey", authority.keyFile, "-CAcreateserial", "-copy_extensions", "copy"];
  openssl(["x509", "-req", "-in", requestFile, ...by, "-days", "2", "-out", certFile]);
  return read(certFile, keyFile);
}

function freshKey(keyFile: string): string[] {
  return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyFile];
}

function openssl(args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}

function read(certFile: string, keyFile: string): Certificate {
  return { certFile, keyFile, cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
}
