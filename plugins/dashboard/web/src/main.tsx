import { render } from "preact";
import { App } from "./app";
import { startFocus } from "./lib/focus";
import { startKeys } from "./lib/keys";
import { start } from "./lib/session";
import { startSettings } from "./lib/settings";
import { showHidden } from "./lib/text";

showHidden();
startSettings();
startKeys();
startFocus();
void start();
render(<App />, document.getElementById("app")!);
