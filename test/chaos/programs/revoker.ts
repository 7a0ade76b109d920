/** Revokes what it is told to, a line of JSON each, and tells what came of it. */

import { StemApp } from "../../../src/mod.ts";
import type { RevocationTarget } from "../../../src/mod.ts";
import { machineMs, optionsOf, say, told } from "./talk.ts";

const { url, place, revocations } = optionsOf({
  /** Where revocations are kept; empty for where everything is. */
  revocations: "",
});

const app = await StemApp.fromUrl(url, { ...place, autoStart: false, overrides: revocations === "" ? {} : { revocations } });
say({ type: "ready" });
for await (const line of told()) {
  // Written by the test, as the other side of this program.
  const { target, terminate } = JSON.parse(line) as { readonly target: string | RevocationTarget; readonly terminate: boolean };
  const at = machineMs();
  const [outcome] = await app.revoke(target, { terminate, reason: "from elsewhere", requestedBy: "revoker" });
  say({ type: "revoked", at, found: outcome?.found ?? "none" });
}
await app.close();
say({ type: "ended" });
