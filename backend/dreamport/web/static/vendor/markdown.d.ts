export * from "../../bundle/markdown.js";
