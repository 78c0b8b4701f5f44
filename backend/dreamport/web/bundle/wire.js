// What the page needs of the wire contract: the messages, and their binary form.
export { create, fromBinary, toBinary } from "@bufbuild/protobuf";
export { ColourFormat, DepthFormat, Transport } from "./gen/dreamport/v1/common_pb.js";
export { NoticeCode, PlayRequestSchema, PlayResponseSchema } from "./gen/dreamport/v1/play_pb.js";
export {
  GetWorldRequestSchema, GetWorldResponseSchema, ListWorldsRequestSchema, ListWorldsResponseSchema,
} from "./gen/dreamport/v1/world_pb.js";
