// Cameras between an engine and a level, beyond what the native library converts.

#pragma once

#include "dreamport/core.h"

namespace Dreamport::Core
{
	/** Vertical field of view, degrees, of a horizontal one over width x height pixels. */
	double VerticalFov(double HorizontalFovDeg, double Width, double Height);

	/**
	 * Intrinsics from Unreal's projection matrix as it lies in memory (row vectors, z forward, so that w = z): sixteen numbers, row after
	 * row. Off-axis projections are allowed.
	 */
	dp_intrinsics IntrinsicsFromUnreal(const double Projection[16], uint32_t Width, uint32_t Height);

	/**
	 * Rows of the matrix that a portal's material multiplies with (surface point - viewer), both in engine world axes: uv = (U, V) / W over
	 * the frame, (0, 0) at its upper left. W <= 0: behind the frame's camera. Only directions matter, as in DreamportPortal of the shared
	 * shader, so that large world coordinates cost no precision.
	 */
	void PortalRows(const dp_engine_pose& Anchor, const dp_frame& Frame, float OutU[4], float OutV[4], float OutW[4]);

	/** Rotates by a unit quaternion x, y, z, w. */
	void Rotate(const double Quaternion[4], const double In[3], double Out[3]);
	/** Rotates by its inverse. */
	void RotateBack(const double Quaternion[4], const double In[3], double Out[3]);
	/** Yaw to the right and pitch down, degrees, of a level pose's viewing direction. */
	void LookAngles(const dp_pose& Pose, double& OutYawDeg, double& OutPitchDeg);
	/** Into -180 to 180. */
	double WrapDegrees(double Degrees);
}
