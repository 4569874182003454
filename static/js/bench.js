// The page with a snippet on it. The editor comes last, after the first paint: the textarea works without it.
import "./run.js";
import "./kept.js";
import "./fixes.js";
import "./light.js";
import { mount } from "./lines.js";
import { tellRoom } from "./room.js";
import "./figures.js";
import { addressSeen } from "./timeline.js";

tellRoom(document.querySelector("#run"), document.querySelector("#result"), addressSeen);
requestAnimationFrame(() => setTimeout(mount));
