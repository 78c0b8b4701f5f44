export * from "../../bundle/plot.js";
