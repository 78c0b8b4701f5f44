#include "Geometry.h"

#include <cmath>

namespace Dreamport::Core
{
	namespace
	{
		constexpr double RadiansPerDegree = 0.017453292519943295;
	}

	double VerticalFov(double HorizontalFovDeg, double Width, double Height)
	{
		return 2.0 * std::atan(std::tan(0.5 * HorizontalFovDeg * RadiansPerDegree) * Height / Width) / RadiansPerDegree;
	}

	dp_intrinsics IntrinsicsFromUnreal(const double Projection[16], uint32_t Width, uint32_t Height)
	{
		// Memory order of a row-vector matrix is column-major order of its transpose. OpenGL looks along -z: the third column turns over.
		double OpenGl[16];
		for (int Index = 0; Index < 16; ++Index)
		{
			OpenGl[Index] = Index >= 8 && Index < 12 ? -Projection[Index] : Projection[Index];
		}
		dp_intrinsics Out{};
		dp_intrinsics_from_projection(OpenGl, Width, Height, &Out);
		return Out;
	}

	void Rotate(const double Quaternion[4], const double In[3], double Out[3])
	{
		const double* Q = Quaternion;
		const double Tx = 2.0 * (Q[1] * In[2] - Q[2] * In[1]);
		const double Ty = 2.0 * (Q[2] * In[0] - Q[0] * In[2]);
		const double Tz = 2.0 * (Q[0] * In[1] - Q[1] * In[0]);
		const double X = In[0] + Q[3] * Tx + Q[1] * Tz - Q[2] * Ty;
		const double Y = In[1] + Q[3] * Ty + Q[2] * Tx - Q[0] * Tz;
		Out[2] = In[2] + Q[3] * Tz + Q[0] * Ty - Q[1] * Tx;
		Out[0] = X;
		Out[1] = Y;
	}

	void RotateBack(const double Quaternion[4], const double In[3], double Out[3])
	{
		const double Inverse[4] = {-Quaternion[0], -Quaternion[1], -Quaternion[2], Quaternion[3]};
		Rotate(Inverse, In, Out);
	}

	void PortalRows(const dp_engine_pose& Anchor, const dp_frame& Frame, float OutU[4], float OutV[4], float OutW[4])
	{
		for (int Axis = 0; Axis < 3; ++Axis)
		{
			double Direction[3] = {0.0, 0.0, 0.0};
			Direction[Axis] = 100.0; // one metre
			double Level[3];
			double Camera[3];
			dp_vector_from_engine(DP_ENGINE_UNREAL, &Anchor, 1.0, Direction, 0.0, Level);
			RotateBack(Frame.pose.orientation, Level, Camera);
			OutU[Axis] = static_cast<float>((Frame.intrinsics.fx * Camera[0] + Frame.intrinsics.cx * Camera[2]) / Frame.width);
			OutV[Axis] = static_cast<float>((Frame.intrinsics.fy * Camera[1] + Frame.intrinsics.cy * Camera[2]) / Frame.height);
			OutW[Axis] = static_cast<float>(Camera[2]);
		}
		OutU[3] = OutV[3] = OutW[3] = 0.0f;
	}

	void LookAngles(const dp_pose& Pose, double& OutYawDeg, double& OutPitchDeg)
	{
		const double Ahead[3] = {0.0, 0.0, 1.0};
		double Forward[3];
		Rotate(Pose.orientation, Ahead, Forward);
		OutYawDeg = std::atan2(Forward[0], Forward[2]) / RadiansPerDegree;
		OutPitchDeg = std::atan2(Forward[1], std::hypot(Forward[0], Forward[2])) / RadiansPerDegree;
	}

	double WrapDegrees(double Degrees)
	{
		return Degrees - 360.0 * std::round(Degrees / 360.0);
	}
}
