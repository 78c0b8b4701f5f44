export * from "../../bundle/wire.js";
export type { MessageInitShape } from "@bufbuild/protobuf";
export type { Executor, Frame, Notice, Opened, PlayRequest, PlayResponse, Stats } from "../../bundle/gen/dreamport/v1/play_pb.js";
export type { ControlSchema, World, WorldSummary } from "../../bundle/gen/dreamport/v1/world_pb.js";
