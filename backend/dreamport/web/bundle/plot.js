// The plot of frame intervals.
export { default as uPlot } from "uplot";
