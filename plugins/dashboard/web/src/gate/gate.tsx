/** The pages before the frame: sign in, second factor, first boot, invitation, reset. One card each. */
import { place } from "../lib/router";
import { Invite } from "./invite";
import { Code, NewPassword, SignIn } from "./sign-in";
import { Forgot, Reset } from "./reset";
import { Setup } from "./setup";

export default function Gate() {
  const path = place.value.path.replace(/\/+$/, "");
  if (path === "/login/mfa") return <Code />;
  if (path === "/login/password") return <NewPassword />;
  if (path === "/login/forgot") return <Forgot />;
  if (path === "/setup") return <Setup />;
  if (path === "/reset") return <Reset />;
  if (path === "/invite") return <Invite />;
  return <SignIn />;
}
