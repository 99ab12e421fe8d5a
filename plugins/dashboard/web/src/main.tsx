import { render } from "preact";
import { App } from "./app";
import { startKeys } from "./lib/keys";
import { start } from "./lib/session";
import { startSettings } from "./lib/settings";

startSettings();
startKeys();
void start();
render(<App />, document.getElementById("app")!);
