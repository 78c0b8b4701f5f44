// What the HUD and the map need of a camera pose. Level axes: x, z on the ground, y down.

/** @typedef {NonNullable<import("../../vendor/wire.js").Frame["pose"]>} WirePose */
/** @typedef {{ x: number, y: number, z: number, yaw: number, pitch: number }} View position in metres, angles in degrees */

/**
 * @param {WirePose | undefined} pose camera-to-world
 * @returns {View | null}
 */
export function viewOf(pose) {
  if (!pose?.position || !pose.orientation) return null;
  const { x: qx, y: qy, z: qz, w: qw } = pose.orientation;
  // The camera's z axis (forward) in level coordinates: the third column of the rotation.
  const forward = { x: 2 * (qx * qz + qy * qw), y: 2 * (qy * qz - qx * qw), z: 1 - 2 * (qx * qx + qy * qy) };
  return {
    x: pose.position.x,
    y: pose.position.y,
    z: pose.position.z,
    yaw: degrees(Math.atan2(forward.x, forward.z)),
    pitch: degrees(Math.asin(Math.max(-1, Math.min(1, forward.y)))),
  };
}

/** @param {number} radians */
function degrees(radians) {
  return (radians * 180) / Math.PI;
}
